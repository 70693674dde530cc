"""Which labels were taken over from a model and which were painted: accepted/NAME.png, so that paint stays protected.

The file holds the class ids that were accepted, 255 elsewhere. A labelled pixel counts as accepted as long as it still
has that class; painted over it is the user's own, and an undo of that stroke makes it an accepted one again. A project
of before, without the file, has only labels of the user's own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.base.errors import MaskError
from training_core.base.safe_paths import within
from training_core.io import encode_png, read_mask
from training_core.io.atomic import StagedFiles
from training_core.project.index import Index
from training_core.project.labels import empty_label, read_label, size_error
from training_core.project.records import LabelSource, LabelStatus, Tile

ACCEPTED_FOLDER = "accepted"
_BY_HAND = (LabelSource.PAINTED, LabelSource.CORRECTED, LabelSource.IMPORTED)


def accepted_path(project: Path, name: str) -> Path:
    """Where the accepted class ids of a tile lie."""
    return within(project, ACCEPTED_FOLDER, f"{name}.png")


def read_accepted(project: Path, tile: Tile) -> ClassIds:
    """The class ids (H, W) that were accepted for a tile, 255 where none was.

    Raises
    ------
    MaskError
        The file is damaged or has another size than the tile.
    """
    path = accepted_path(project, tile.name)
    if not path.exists():
        return empty_label(tile)
    ids = read_mask(path)
    if ids.shape != (tile.height_px, tile.width_px):
        raise size_error(f"{ACCEPTED_FOLDER}/{path.name}", ids, tile)
    return ids


def stage_accepted(files: StagedFiles, project: Path, tile: Tile, after: ClassIds, source: LabelSource) -> None:
    """Add to `files` what changes in the record when the tile's label (H, W) becomes `after`.

    A damaged label or record keeps nobody from saving: what cannot be read counts as painted.
    """
    if not source.is_accepted and not accepted_path(project, tile.name).exists():
        return
    before, accepted = _or_empty(read_label, project, tile), _or_empty(read_accepted, project, tile)
    changed, record = before != after, accepted
    if source.is_accepted:
        record = np.where(changed & (after != UNLABELED), after, accepted).astype(np.uint8)
    elif source in _BY_HAND:
        # painted in the very class that was accepted here before: by hand from now on
        record = np.where(changed & (after == accepted), UNLABELED, accepted).astype(np.uint8)
    if not np.array_equal(record, accepted):
        files.add(accepted_path(project, tile.name), encode_png(record))


def partly_after(
    index: Index, tile: Tile, after: LabelStatus, source: LabelSource, region: str | None, partly: bool | None
) -> tuple[str, ...]:
    """`Index.partly_accepted` when the tile's label becomes what `after` says; the rest as `Project.write_label`."""
    before = index.labels.get(tile.name)
    was_accepted = before is not None and before.accepted
    is_partly = was_partly = was_accepted and tile.name in index.partly_accepted
    if not after.accepted or after.labeled_pixels == tile.width_px * tile.height_px:
        is_partly = False
    elif source.is_accepted:
        is_partly = region not in (None, "tile") and (was_partly or not was_accepted)
    elif partly is not None:
        is_partly = partly
    others = tuple(name for name in index.partly_accepted if name != tile.name)
    return (*others, tile.name) if is_partly else others


def _or_empty(read: Callable[[Path, Tile], ClassIds], project: Path, tile: Tile) -> ClassIds:
    try:
        return read(project, tile)
    except MaskError:
        return empty_label(tile)
