"""`object_readout.separate` and `clean_up` for predictions too large for memory: the same pixels, block by block.

What a step does at a pixel depends on its surroundings (smoothing) or on one connected area (holes, specks, waists).
So blocks are read with a margin, areas are measured over all blocks first, and an area that lies in several blocks is
separated by itself, in the smallest box around it. Memory grows only by a few numbers for each area.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import BoolMask, ClassIds
from training_core.class_maps.clean_up import (
    CleanUp,
    lines_at_waists,
    nearest_that_stays,
    smoothed,
    smoothing_reach,
    usual_line,
)
from training_core.class_maps.connected_areas import CORNERS, EDGES, Box, ConnectedAreas, blocks
from training_core.class_maps.object_readout import ObjectReadout

BLOCK_PX = 2048
LARGEST_AREA_MPX = 25
"""An area in a larger box is not separated, which takes some 60 bytes a pixel: a sheet of tumour has no waists."""


class Stored(Protocol):
    """Class ids (H, W) in a file, such as a zarr array, or in memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width."""

    def __getitem__(self, place: tuple[slice, slice], /) -> NDArray[np.uint8]: ...

    def __setitem__(self, place: tuple[slice, slice], values: ClassIds, /) -> None: ...


def separate_stored(
    ids: Stored, scratch: Stored, readouts: Sequence[ObjectReadout], ground: int, block_px: int = BLOCK_PX
) -> int:
    """Change class ids in place, as `object_readout.separate` does; returns how many areas were too large to separate.

    Parameters
    ----------
    scratch
        Of the same size; what it holds does not matter.
    readouts
        In pixels of this image, with class ids for class indices.
    ground
        The class that takes the lines between touching objects.
    """
    too_large, blocked = 0, _Blocked(ids, scratch, block_px)
    for each in readouts:
        too_large += blocked.clean_up(each.clean_up, [each.class_index], ground)
    return too_large


def clean_up_stored(
    ids: Stored,
    scratch: Stored,
    what: CleanUp,
    class_ids: Sequence[int],
    background: Collection[int] = (),
    block_px: int = BLOCK_PX,
) -> int:
    """Change class ids in place, as `clean_up.clean_up` does; returns how many areas were too large to separate.

    Parameters
    ----------
    scratch
        Of the same size; what it holds does not matter.
    class_ids
        All classes that there may be.
    background
        Those of them that are no objects.
    """
    objects = [each for each in class_ids if each not in background]
    return _Blocked(ids, scratch, block_px).clean_up(what, objects, usual_line(background))


class _Blocked:
    """The steps of `clean_up`."""

    def __init__(self, ids: Stored, scratch: Stored, side: int) -> None:
        self._ids, self._scratch, self._side = ids, scratch, side
        self._shape = (ids.shape[0], ids.shape[1])
        self._blocks = tuple(blocks(self._shape, side))

    def clean_up(self, what: CleanUp, objects: Sequence[int], line: int) -> int:
        """All steps, of the classes that are objects; returns how many areas were too large to separate."""
        if what.smooth_px:
            self.smooth(what.smooth_px)
        if what.max_hole_px:
            for class_id in objects:
                self.fill_holes(class_id, what.max_hole_px, [each for each in objects if each != class_id])
        if what.min_object_px:
            self.drop_small(objects, what.min_object_px)
        return sum(self.split(class_id, what.split_px, line) for class_id in objects) if what.split_px else 0

    def smooth(self, width_px: int) -> None:
        for box in self._blocks:
            wide = box.grown(smoothing_reach(width_px), self._shape)
            self._scratch[box.slices] = smoothed(self._ids[wide.slices], width_px)[box.within(wide)]
        for box in self._blocks:
            self._ids[box.slices] = self._scratch[box.slices]

    def fill_holes(self, class_id: int, max_px: int, others: Sequence[int]) -> None:
        """What is not of the class, reaches no edge of the image, is small and holds none of the other objects."""
        areas = ConnectedAreas(lambda box: ~self._of(class_id, box), self._shape, self._side, EDGES)
        fillable = (areas.pixels <= max_px) & ~areas.at_edge
        fillable[0] = False
        if not fillable.any():
            return
        if others:
            for box in self._blocks:
                fillable[areas.numbers(box)[np.isin(self._ids[box.slices], others)]] = False
        for box in self._blocks:
            self._set(box, fillable[areas.numbers(box)], class_id)

    def drop_small(self, objects: Sequence[int], min_px: int) -> None:
        """All small objects at once: what they leave takes the nearest class that stays."""
        for box in self._blocks:
            self._scratch[box.slices] = np.zeros(self._ids[box.slices].shape, np.uint8)
        gone = 0
        for class_id in objects:
            areas = ConnectedAreas(partial(self._of, class_id), self._shape, self._side, EDGES)
            small = areas.pixels < min_px
            small[0] = False
            gone += int(areas.pixels[small].sum())
            if small.any():
                for box in self._blocks:
                    self._scratch[box.slices] = self._scratch[box.slices] | small[areas.numbers(box)].astype(np.uint8)
        if gone in (0, math.prod(self._shape)):
            return
        for box in self._blocks:  # in place: a pixel that goes is nobody's nearest
            if self._scratch[box.slices].any():
                self._fill(box, margin=2 * math.isqrt(min_px) + 2)

    def _fill(self, box: Box, margin: int) -> None:
        """Pixels that go take the class of the nearest one that stays, however far away that is."""
        while True:
            wide = box.grown(margin, self._shape)
            gone, inner = self._scratch[wide.slices] > 0, box.within(wide)
            if not gone.all():
                filled, distance = nearest_that_stays(self._ids[wide.slices], gone)
                if distance[inner].max() < margin or wide == Box(0, 0, *self._shape):
                    self._ids[box.slices] = filled[inner]
                    return
            margin *= 2

    def split(self, class_id: int, waist_px: int, line: int) -> int:
        """A line at each waist; returns how many areas were too large for it."""
        areas = ConnectedAreas(partial(self._of, class_id), self._shape, self._side, CORNERS)
        shared = np.zeros(len(areas.pixels), bool)
        shared[list(areas.boxes)] = True
        for box in self._blocks:
            numbers = areas.numbers(box)
            lines = lines_at_waists((numbers > 0) & ~shared[numbers], waist_px)
            self._scratch[box.slices] = lines.astype(np.uint8)
        too_large = 0
        for number, box in areas.boxes.items():
            if (box.bottom - box.top) * (box.right - box.left) > LARGEST_AREA_MPX * 1_000_000:
                too_large += 1
                continue
            lines = lines_at_waists(areas.mask(number, box), waist_px)
            self._scratch[box.slices] = self._scratch[box.slices] | lines.astype(np.uint8)
        for box in self._blocks:
            self._set(box, self._scratch[box.slices] > 0, line)
        return too_large

    def _of(self, class_id: int, box: Box) -> BoolMask:
        return np.asarray(self._ids[box.slices] == class_id)

    def _set(self, box: Box, where: BoolMask, class_id: int) -> None:
        if where.any():
            values = self._ids[box.slices]
            values[where] = class_id
            self._ids[box.slices] = values
