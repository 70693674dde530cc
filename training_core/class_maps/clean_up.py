"""Cleaning up a prediction: smoother borders, filled holes, no specks, touching objects apart.

It works on class ids, so that classes stay a partition of the tile: what one class loses, another gains. Objects are
the connected areas (edges touch) of every class but background.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds
from training_core.base.errors import UserError

_TRUNCATE = 3
"""Standard deviations at which the Gaussian ends."""


@dataclass(frozen=True)
class CleanUp:
    """What to do, in this order; 0 leaves a step out.

    Attributes
    ----------
    smooth_px
        Bays and bumps narrower than about this are evened out.
    max_hole_px
        Holes of background of at most so many pixels inside an object are filled.
    min_object_px
        Objects of fewer pixels are removed; what surrounds them takes their place.
    split_px
        Objects that touch are separated where the waist is at least so many pixels narrower, on each side, than
        both.

    Raises
    ------
    UserError
        A negative number.
    """

    smooth_px: int = 0
    max_hole_px: int = 0
    min_object_px: int = 0
    split_px: int = 0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0:
                raise UserError(
                    f"{name} is {value}", "0 or more pixels", "use 0 to leave out this post-processing step"
                )

    @property
    def is_nothing(self) -> bool:
        """Whether every step is left out."""
        return not any(vars(self).values())


@dataclass(frozen=True)
class CleanUpUm:
    """The same sizes on the tissue, in µm and µm², for tiles of any pixel size.

    Attributes
    ----------
    smooth_um
        Width of bays and bumps.
    max_hole_um2
        Area of the largest hole that is filled.
    min_object_um2
        Area of the smallest object that stays.
    split_um
        How much narrower a waist is.
    """

    smooth_um: float = 0.0
    max_hole_um2: float = 0.0
    min_object_um2: float = 0.0
    split_um: float = 0.0

    def in_pixels(self, mpp_um: float) -> CleanUp:
        """What that is for pixels of this size, to the nearest pixel.

        Raises
        ------
        UserError
            A negative number.
        """
        return CleanUp(
            smooth_px=round(self.smooth_um / mpp_um),
            max_hole_px=round(self.max_hole_um2 / mpp_um**2),
            min_object_px=round(self.min_object_um2 / mpp_um**2),
            split_px=round(self.split_um / mpp_um),
        )


def clean_up(ids: ClassIds, what: CleanUp, background: Collection[int] = (), *, line: int | None = None) -> ClassIds:
    """A cleaned copy of class ids (H, W); pixels of 255, left open, are kept open or filled as holes.

    Parameters
    ----------
    background
        The classes that are no objects.
    line
        What the lines between separated objects become; None: background where there is exactly one such class,
        else 255.
    """
    cleaned = ids.copy()
    if what.smooth_px:
        cleaned = smoothed(cleaned, what.smooth_px)
    if what.max_hole_px:
        _fill_holes(cleaned, what.max_hole_px, background)
    if what.min_object_px:
        _drop_small(cleaned, what.min_object_px, background)
    if what.split_px:
        _split(cleaned, what.split_px, background, usual_line(background) if line is None else line)
    return cleaned


def usual_line(background: Collection[int]) -> int:
    """What the lines between separated objects become where nobody says so."""
    return next(iter(background)) if len(background) == 1 else UNLABELED


def smoothed(ids: ClassIds, width_px: int) -> ClassIds:
    """Each pixel takes the class that has most weight around it, by a Gaussian; among equals it keeps its own."""
    best, heaviest = ids.copy(), np.zeros(ids.shape, np.float32)
    for value in np.flatnonzero(np.bincount(ids.ravel(), minlength=256)):
        own = ids == value
        weight = ndimage.gaussian_filter(own.astype(np.float32), width_px / 2, mode="nearest", truncate=_TRUNCATE)
        weight[own] += 1e-4
        np.putmask(best, weight > heaviest, value)
        np.maximum(heaviest, weight, out=heaviest)
    return best


def smoothing_reach(width_px: int) -> int:
    """How many pixels away `smoothed` looks."""
    return int(_TRUNCATE * width_px / 2 + 0.5)


def _fill_holes(ids: ClassIds, max_px: int, background: Collection[int]) -> None:
    """Another class inside is no hole, nor is what reaches the tile's edge."""
    empty = ~_objects(ids, background)
    for class_id, box in _boxes(ids, background):
        part = ids[box]
        holes, count = ndimage.label(ndimage.binary_fill_holes(part == class_id) & (part != class_id))
        if not count:
            continue
        sizes = np.bincount(holes.ravel())
        fillable = sizes <= max_px
        fillable[np.unique(holes[~empty[box]])] = False
        fillable[0] = False
        part[fillable[holes]] = class_id


def _drop_small(ids: ClassIds, min_px: int, background: Collection[int]) -> None:
    """All small objects at once: each of their pixels takes the value of the nearest pixel that stays."""
    gone = np.zeros(ids.shape, bool)
    for class_id, box in _boxes(ids, background):
        areas, _ = ndimage.label(ids[box] == class_id)
        small = np.bincount(areas.ravel()) < min_px
        small[0] = False
        gone[box] |= small[areas]
    if gone.any() and not gone.all():
        ids[:] = nearest_that_stays(ids, gone)[0]


def nearest_that_stays(ids: ClassIds, gone: BoolMask) -> tuple[ClassIds, NDArray[np.float64]]:
    """A copy (H, W) in which pixels that go have the class of the nearest other one, and how far away that is."""
    distance, (rows, columns) = ndimage.distance_transform_edt(gone, return_indices=True)
    return ids[rows, columns], distance


def _split(ids: ClassIds, waist_px: int, background: Collection[int], line: int) -> None:
    for class_id, box in _boxes(ids, background):
        part = ids[box]
        part[lines_at_waists(part == class_id, waist_px)] = line


def lines_at_waists(area: BoolMask, waist_px: float) -> BoolMask:
    """The pixels (H, W) of an area that separate what touches in it; beyond the array there is nothing of it.

    A watershed of the distance to the border, from the peaks that are `waist_px` above the pass to a higher one.
    """
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import watershed

    corners = np.ones((3, 3), bool)
    lines = np.zeros(area.shape, bool)
    if not area.any():
        return lines
    depths = ndimage.distance_transform_edt(np.pad(area, 1))[1:-1, 1:-1].astype(np.float32)
    areas, _ = ndimage.label(area, corners)
    # area by area: all at once takes longer, and among equals the watershed's order would depend on the other areas
    for number, box in enumerate(ndimage.find_objects(areas), start=1):
        own = areas[box] == number
        depth = np.where(own, depths[box], 0)
        if depth.max() <= waist_px:
            continue
        lowered = reconstruction(depth - waist_px, depth)  # type: ignore[no-untyped-call]
        peaks, count = ndimage.label(local_maxima(lowered) & own, corners)  # type: ignore[no-untyped-call]
        if count < 2:
            continue
        pieces = watershed(-depth, peaks, connectivity=2, mask=own)  # type: ignore[no-untyped-call]
        # its own lines take minutes with diagonals, and those count: labelling objects finds the same either way
        beside = ndimage.minimum_filter(np.where(own, pieces, count + 1), 3)
        lines[box] |= own & (beside < pieces)
    return lines


def _objects(ids: ClassIds, background: Collection[int]) -> BoolMask:
    return np.asarray((ids != UNLABELED) & ~np.isin(ids, list(background)))


def _boxes(ids: ClassIds, background: Collection[int]) -> Iterator[tuple[int, tuple[slice, slice]]]:
    """Every class that has objects, with the smallest rectangle around all of them."""
    values = np.where(_objects(ids, background), ids.astype(np.int32) + 1, 0)
    for value, box in enumerate(ndimage.find_objects(values)):
        if box is not None:
            yield value, (box[0], box[1])
