"""Which tiles teach, which only validate, and how far each one has come: read off the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training_core.project.index import Index
from training_core.project.records import Tile, TileState

if TYPE_CHECKING:
    from training_core.project.project import Project


def labeled_pixels(index: Index, name: str) -> int:
    """How many pixels of a tile are labelled."""
    status = index.labels.get(name)
    return status.labeled_pixels if status else 0


def is_fully_labeled(index: Index, tile: Tile) -> bool:
    """Whether every pixel of a tile is labelled."""
    return labeled_pixels(index, tile.name) == tile.width_px * tile.height_px


def is_fully_rejected(index: Index, tile: Tile) -> bool:
    """Whether every pixel of a tile is rejected, so that it has no pseudo-label to learn from."""
    area = index.rejected_areas.get(tile.name)
    return area is not None and area.pixels == tile.width_px * tile.height_px


def val_names(index: Index) -> tuple[str, ...]:
    """The tiles of the validation split that have a label."""
    val = set(index.val)
    return tuple(tile.name for tile in index.tiles if tile.name in val and labeled_pixels(index, tile.name))


def labeled_names(index: Index) -> tuple[str, ...]:
    """The tiles outside the validation split that have a label."""
    val = set(index.val)
    return tuple(tile.name for tile in index.tiles if tile.name not in val and labeled_pixels(index, tile.name))


def unlabeled_names(index: Index) -> tuple[str, ...]:
    """The tiles outside the validation split that are neither labelled nor rejected to the last pixel."""
    val = set(index.val)
    return tuple(
        tile.name
        for tile in index.tiles
        if tile.name not in val and not is_fully_labeled(index, tile) and not is_fully_rejected(index, tile)
    )


def state_of(index: Index, name: str, predicted_by: str | None) -> TileState:
    """How far a tile has come; `predicted_by` is the newest finished run that has a prediction for the tile."""
    status = index.labels.get(name)
    if status is not None and status.labeled_pixels:
        if status.accepted:
            return TileState.PARTLY_ACCEPTED if name in index.partly_accepted else TileState.ACCEPTED
        return TileState.LABELED
    if predicted_by is not None and name not in index.rejected.get(predicted_by, ()):
        return TileState.PREDICTED
    return TileState.UNLABELED


def waits_for_review(index: Index, tile: Tile, predicted_by: str | None) -> bool:
    """Whether a prediction of the tile waits for somebody to accept, reject or replace the rest of it.

    A stroke, or an accept of some of it, is not the end of a review: the tile waits until it is accepted or rejected as
    a whole, or has no pixel left to be labelled.
    """
    if predicted_by is None or tile.name in index.rejected.get(predicted_by, ()) or is_fully_labeled(index, tile):
        return False
    return state_of(index, tile.name, predicted_by) is not TileState.ACCEPTED


def usable_tiles(project: Project) -> list[Tile]:
    """The tiles whose images are there: all of them are predicted, whatever they are used for in training."""
    missing = set(project.missing_images())
    return [tile for tile in project.tiles if tile.name not in missing]
