"""Links that lie in a project and lead out of it: refused on opening, since work would be written where they lead."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from training_core.base.safe_paths import within
from training_core.project.runs import RUNS_FOLDER
from training_core.project.thumbnails import CACHE_FOLDER


def refuse_links_out(project: Path) -> None:
    """Look at the folders of the project and of its runs; the files of single tiles are looked at when they are used.

    Raises
    ------
    ProjectError
        Names the link and where it leads.
    """
    for folder in (project, project / CACHE_FOLDER, project / RUNS_FOLDER):
        _refuse(project, folder)
    for run in _entries(project / RUNS_FOLDER):
        if run.is_dir(follow_symlinks=False):
            _refuse(project, Path(run.path))


def _refuse(project: Path, folder: Path) -> None:
    for entry in _entries(folder):
        if entry.is_symlink() or (hasattr(entry, "is_junction") and entry.is_junction()):
            within(project, *Path(entry.path).relative_to(project).parts)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError):
        return
