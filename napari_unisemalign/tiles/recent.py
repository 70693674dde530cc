"""The projects that were opened last, kept in the user's own folder. Without Qt."""

from __future__ import annotations

import json
from pathlib import Path

from napari_unisemalign.app.user_folders import recent_file, recent_file_to_read
from training_core.base.bounded import read_json
from training_core.base.errors import UserError
from training_core.io import atomic_write
from training_core.project.index import INDEX_NAME

MOST = 8


def recent_projects() -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The folders, the latest first: those that are there, and those that are not any longer, which are dropped."""
    listed = _read()
    there = tuple(path for path in listed if _is_project(path))
    missing = tuple(path for path in listed if path not in there)
    if missing:
        _write(there)
    return there, missing


def remember(folder: Path) -> None:
    """Put a project at the head of the list. Where the list cannot be written, nothing is remembered."""
    folder = folder.absolute()
    _write((folder, *(path for path in _read() if path != folder))[:MOST])


def _is_project(path: Path) -> bool:
    try:
        return (path / INDEX_NAME).is_file()
    except OSError:
        return False


def _read() -> tuple[Path, ...]:
    try:
        listed = read_json(recent_file_to_read())["projects"]
        return tuple(Path(path) for path in listed if isinstance(path, str))
    except (OSError, ValueError, KeyError, TypeError):
        return ()  # the first time, or somebody has edited it


def _write(folders: tuple[Path, ...]) -> None:
    try:
        recent_file().parent.mkdir(parents=True, exist_ok=True)
        atomic_write(recent_file(), json.dumps({"projects": [str(path) for path in folders]}, indent=1).encode())
    except (OSError, UserError):
        pass  # a home that cannot be written to: a list of recent projects is no reason to trouble the user
