"""Tiles whose files are one file where letters in upper and lower case are alike: Windows, macOS, many shares."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

from training_core.base.errors import ProjectError
from training_core.project.index import INDEX_NAME, Index
from training_core.project.inputs.names import composed


def refuse_shared_files(project: Path, index: Index) -> None:
    """A new project has no such tiles; one that was made by hand or by another program may.

    Raises
    ------
    ProjectError
        Names two tiles whose annotations would overwrite each other here.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for tile in index.tiles:
        names[composed(tile.name).casefold()].append(tile.name)
    shared = next((each for each in names.values() if len(each) > 1), None)
    if shared is None or not _is_case_blind(project):
        return
    given = f"{project} has the tiles {shared[0]} and {shared[1]}, whose files are one file on this disk"
    hint = "open the project on the system where it was made, and remove one of the two there"
    raise ProjectError(given, "names that differ by more than case or Unicode form", hint)


def _is_case_blind(project: Path) -> bool:
    try:
        return os.path.samefile(project / INDEX_NAME, project / INDEX_NAME.upper())
    except OSError:
        return False
