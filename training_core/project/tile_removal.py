"""Taking tiles out of a project: nothing of the user's is deleted, and annotations are put aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training_core.base.errors import ProjectError
from training_core.base.safe_paths import within
from training_core.project.accepted import accepted_path
from training_core.project.index import Index
from training_core.project.labels import history_path, label_path
from training_core.project.rejections import rejection_path

REMOVED_FOLDER = "removed"


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


def put_aside(project: Path, names: Sequence[str]) -> tuple[Path, ...]:
    """Move what was annotated on these tiles to removed/, so that a tile of the same name starts empty.

    A file that cannot be moved stays where it is.

    Returns
    -------
    tuple of Path
        Where the files are now.
    """
    moved = []
    for name in names:
        for path in (
            label_path(project, name),
            history_path(project, name),
            accepted_path(project, name),
            rejection_path(project, name),
        ):
            place = within(project, REMOVED_FOLDER, *path.relative_to(project).parts)
            try:
                if path.exists():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    path.replace(place)
                    moved.append(place)
            except OSError:
                continue  # nothing refers to it any longer
    return tuple(moved)
