"""`object_readout.separate` for predictions too large for memory: the same pixels, changed block by block.

What a step does at a pixel depends on its surroundings (smoothing) or on one connected area (holes, specks, waists).
So blocks are read with a margin, areas are measured over all blocks first, and an area that lies in several blocks is
separated by itself, in the smallest box around it. Memory grows only by a few numbers for each area.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import BoolMask, ClassIds
from training_core.class_maps.clean_up import lines_at_waists, nearest_that_stays, smoothed, smoothing_reach
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
    too_large = 0
    for each in readouts:
        pixels, blocked = each.clean_up, _Blocked(ids, scratch, each.class_index, block_px)
        if pixels.smooth_px:
            blocked.smooth(pixels.smooth_px)
        if pixels.max_hole_px:
            blocked.fill_holes(pixels.max_hole_px)
        if pixels.min_object_px:
            blocked.drop_small(pixels.min_object_px)
        if pixels.split_px:
            too_large += blocked.split(pixels.split_px, ground)
    return too_large


class _Blocked:
    """The steps of `clean_up` for one class."""

    def __init__(self, ids: Stored, scratch: Stored, class_id: int, side: int) -> None:
        self._ids, self._scratch, self._class_id, self._side = ids, scratch, class_id, side
        self._shape = (ids.shape[0], ids.shape[1])
        self._blocks = tuple(blocks(self._shape, side))

    def smooth(self, width_px: int) -> None:
        for box in self._blocks:
            wide = box.grown(smoothing_reach(width_px), self._shape)
            self._scratch[box.slices] = smoothed(self._ids[wide.slices], width_px)[box.within(wide)]
        for box in self._blocks:
            self._ids[box.slices] = self._scratch[box.slices]

    def fill_holes(self, max_px: int) -> None:
        """What is not of the class, reaches no edge of the image and is small."""
        areas = ConnectedAreas(lambda box: ~self._own(box), self._shape, self._side, EDGES)
        fillable = (areas.pixels <= max_px) & ~areas.at_edge
        fillable[0] = False
        if fillable.any():
            for box in self._blocks:
                self._set(box, fillable[areas.numbers(box)], self._class_id)

    def drop_small(self, min_px: int) -> None:
        areas = ConnectedAreas(self._own, self._shape, self._side, EDGES)
        small = areas.pixels < min_px
        small[0] = False
        if areas.pixels[small].sum() in (0, math.prod(self._shape)):
            return
        for box in self._blocks:
            self._scratch[box.slices] = small[areas.numbers(box)].astype(np.uint8)
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

    def split(self, waist_px: int, line: int) -> int:
        areas = ConnectedAreas(self._own, self._shape, self._side, CORNERS)
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

    def _own(self, box: Box) -> BoolMask:
        return np.asarray(self._ids[box.slices] == self._class_id)

    def _set(self, box: Box, where: BoolMask, class_id: int) -> None:
        if where.any():
            values = self._ids[box.slices]
            values[where] = class_id
            self._ids[box.slices] = values
