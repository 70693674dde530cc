"""A folder that appears complete or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from training_core.base.bounded import read_json
from training_core.base.errors import ProjectError, writing
from training_core.base.safe_paths import problem_of_name
from training_core.io.atomic import sync_folder, write_synced
from training_core.project.index import INDEX_NAME
from training_core.project.scratch import dead_scratch_folders, remove_dead, scratch_folder

_INSIDE = "new"
_MOVING = ".moving.json"


@contextmanager
def folder_in_the_making(path: Path) -> Iterator[Path]:
    """A new folder that takes the place of `path` at the end, or vanishes when the block raises.

    Where `path` is an empty folder already, it is filled: it may be a mounted disk or somebody's current folder,
    which cannot be replaced. project.json comes last, so what is there before it is no project yet. What an attempt
    left whose process died is removed first, so that it can be repeated.
    """
    remove_failed_attempts(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        given = f"{path} already exists" + ("" if path.is_dir() else " and is a file")
        raise ProjectError(given, "a new or empty folder", "choose another name, or open that project")
    exists = path.exists()
    made_parents = [] if exists else _make_parents(path.parent)
    try:
        with scratch_folder(*((path, _INSIDE) if exists else _beside(path))) as folder:
            yield folder
            with writing(path):
                for inner in folder.rglob("*/"):
                    sync_folder(inner)
                sync_folder(folder)
                _move_into_place(folder, path, fill=exists)
    except BaseException:
        for parent in reversed(made_parents):
            with suppress(OSError):
                parent.rmdir()
        raise


def remove_failed_attempts(path: Path) -> None:
    """Remove what is left of attempts to make the folder `path` whose processes died; what was completed stays."""
    dead = dead_scratch_folders(path, _INSIDE)
    if not (path / INDEX_NAME).exists():
        for folder, _ in dead:
            _undo_filling(folder, path)
    remove_dead([*dead, *dead_scratch_folders(*_beside(path))])


def _beside(path: Path) -> tuple[Path, str]:
    return path.parent, f"{path.name}.new"


def _move_into_place(folder: Path, path: Path, *, fill: bool) -> None:
    if fill:
        names = sorted((entry.name for entry in folder.iterdir()), key=lambda name: name == INDEX_NAME)
        try:
            write_synced(folder / _MOVING, json.dumps(names).encode())
            for name in names:
                os.rename(folder / name, path / name)
        except BaseException:
            _undo_filling(folder, path)
            raise
    else:
        os.rename(folder, path)
    sync_folder(path.parent)


def _undo_filling(folder: Path, path: Path) -> None:
    """Remove from `path` what had been moved there from `folder`, as the list that was written before says."""
    try:
        names = read_json(folder / _MOVING)
    except (OSError, ValueError):
        return  # nothing was moved yet
    for name in names if isinstance(names, list) else ():
        if not isinstance(name, str) or problem_of_name(name) is not None or (folder / name).exists():
            continue
        moved = path / name
        if moved.is_dir() and not moved.is_symlink():
            shutil.rmtree(moved, ignore_errors=True)
        else:
            moved.unlink(missing_ok=True)


def _make_parents(parent: Path) -> list[Path]:
    missing = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    with writing(parent):
        for folder in reversed(missing):
            folder.mkdir()
    return list(reversed(missing))
