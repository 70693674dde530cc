"""A folder that appears complete or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training_core.base.errors import ProjectError, writing
from training_core.io.atomic import sync_folder
from training_core.project.index import INDEX_NAME


@contextmanager
def folder_in_the_making(path: Path) -> Iterator[Path]:
    """A new folder that takes the place of `path` at the end, or vanishes when the block raises.

    Where `path` is an empty folder already, it is filled: it may be a mounted disk or somebody's current folder,
    which cannot be replaced. project.json comes last, so what is there before it is no project yet.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        given = f"{path} already exists" + ("" if path.is_dir() else " and is a file")
        raise ProjectError(given, "a new or empty folder", "choose another name, or open that project")
    exists = path.exists()
    made_parents = [] if exists else _make_parents(path.parent)
    folder = (path if exists else path.parent) / f".{path.name}.new-{secrets.token_hex(4)}"
    try:
        with writing(folder):
            folder.mkdir()
        yield folder
        with writing(path):
            for inner in folder.rglob("*/"):
                sync_folder(inner)
            sync_folder(folder)
            _move_into_place(folder, path, fill=exists)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        for parent in reversed(made_parents):
            parent.rmdir()
        raise


def _move_into_place(folder: Path, path: Path, *, fill: bool) -> None:
    if fill:
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name == INDEX_NAME):
            os.rename(entry, path / entry.name)
        folder.rmdir()
    else:
        os.rename(folder, path)
    sync_folder(path.parent)


def _make_parents(parent: Path) -> list[Path]:
    missing = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    with writing(parent):
        for folder in reversed(missing):
            folder.mkdir()
    return list(reversed(missing))
