"""Taking tiles out of a project: nothing of the user's is deleted, and annotations are put aside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from training_core.base.errors import ProjectError
from training_core.base.safe_paths import within
from training_core.project.accepted import accepted_path
from training_core.project.index import Index
from training_core.project.journal import JournaledFiles
from training_core.project.label_versions import versions_folder
from training_core.project.labels import REMOVED_FOLDER, history_path, label_path
from training_core.project.rejections import rejection_path
from training_core.project.runs import prediction_paths, run_ids


def without_tiles(index: Index, names: Sequence[str]) -> Index:
    """The index without these tiles, and without what it says of them.

    Raises
    ------
    ProjectError
        A name that no tile has, or no tile would be left.
    """
    gone = set(names)
    unknown = gone - {tile.name for tile in index.tiles}
    if unknown:
        given = f"the project {index.name} has no tile {min(unknown)}"
        raise ProjectError(given, "names of tiles", "check the spelling")
    if len(gone) == len(index.tiles):
        raise ProjectError("all tiles of the project", "at least one tile that stays", "delete the project's folder")
    tiles = tuple(tile for tile in index.tiles if tile.name not in gone)
    used = {tile.place.file for tile in tiles if tile.place is not None}
    return replace(
        index,
        tiles=tiles,
        labels={name: each for name, each in index.labels.items() if name not in gone},
        val=tuple(name for name in index.val if name not in gone),
        rejected={run: tuple(name for name in each if name not in gone) for run, each in index.rejected.items()},
        rejected_areas={name: each for name, each in index.rejected_areas.items() if name not in gone},
        files={name: each for name, each in index.files.items() if name in used},
        objects={name: each for name, each in index.objects.items() if name not in gone},
        partly_accepted=tuple(name for name in index.partly_accepted if name not in gone),
    )


def stage_aside(files: JournaledFiles, project: Path, index: Index, names: Sequence[str]) -> tuple[Path, ...]:
    """Let what was annotated and predicted on these tiles move to removed/, so that one of the same name starts empty.

    Returns
    -------
    tuple of Path
        Where the files will be.
    """
    return tuple(place for name in names for place in put_aside(files, project, _files_of(project, index, name)))


def put_aside(files: JournaledFiles, project: Path, paths: Iterable[Path]) -> list[Path]:
    """Let those of these files that exist move to removed/, all under one number that none of them has there yet.

    Returns
    -------
    list of Path
        Where they will be.
    """
    there = [path for path in paths if path.exists()]
    number = 1
    while any(_place(project, path, number).exists() for path in there):
        number += 1
    for path in there:
        files.put_aside(path, _place(project, path, number))
    return [_place(project, path, number) for path in there]


def _files_of(project: Path, index: Index, name: str) -> list[Path]:
    finders = (label_path, history_path, accepted_path, rejection_path)
    paths = [find(project, name) for find in (*finders, versions_folder)]
    if name in index.objects:
        paths.append(within(project, *index.objects[name].path.split("/")))
    for run_id in run_ids(project):
        paths += prediction_paths(project, run_id, name)
    return paths


def _place(project: Path, path: Path, number: int) -> Path:
    *folders, name = path.relative_to(project).parts
    if number > 1:
        name = f"{path.stem}-{number}{path.suffix}"
    return within(project, REMOVED_FOLDER, *folders, name)
