"""The outlines of the connected areas of a mask too large for memory: what is held grows with the outlines alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import BoolMask
from training_core.class_maps.connected_areas import Box, ConnectedAreas
from training_core.io.rings import Ring, Sides, joined, rings_of, sides_of

MOST_SIDES = 1_000_000
"""Of an outline at full resolution; a longer one, as of a sheet of stroma, takes a viewer minutes."""
_COARSE_PX = 16_000_000
"""In memory at once of an area with a longer outline."""

Seen = Callable[[Box, NDArray[np.int32], NDArray[np.int64]], None]
"""Box, pieces and their areas of a block, as `ConnectedAreas.pieces` gives them."""


class TracedArea(NamedTuple):
    """The outline of an area.

    Attributes
    ----------
    number
        As in its `ConnectedAreas`.
    rings
        Around the area, and around its holes.
    step
        1: along the edges of its pixels. More: along squares of so many pixels that hold one of its pixels, so that it
        encloses the area.
    """

    number: int
    rings: list[Ring]
    step: int


def traced(
    areas: ConnectedAreas, seen: Seen = lambda box, pieces, area_of: None, most_sides: int = MOST_SIDES
) -> Iterator[TracedArea]:
    """The outline of each area, in one pass over the blocks, and another for each that is too long.

    Parameters
    ----------
    areas
        Of pixels that share an edge.
    seen
        Called for each block that has areas, before those that end in it are given.
    most_sides
        An area in several blocks whose outline has more sides is traced in larger squares.
    """
    bottoms = np.zeros(len(areas.pixels), np.int64)
    bottoms[list(areas.boxes)] = [box.bottom for box in areas.boxes.values()]
    too_long = np.zeros(len(areas.pixels), bool)
    waiting: list[Sides] = []
    for box in areas.blocks:
        pieces, area_of = areas.pieces(box)
        if len(area_of) > 1:
            seen(box, pieces, area_of)
            sides = sides_of(_with_margin(areas, box), pieces, box.left, box.top)
            sides = sides._replace(owner=area_of[sides.owner])
            is_shared = bottoms[sides.owner] > 0
            yield from _outlines(sides.where(~is_shared))
            waiting.append(sides.where(is_shared & ~too_long[sides.owner]))
        if box.right == areas.shape[1] and waiting:
            sides = joined(waiting)
            owners, counts = np.unique(sides.owner, return_counts=True)
            too_long[owners[counts > most_sides]] = True
            is_complete = bottoms[sides.owner] <= box.bottom
            yield from _outlines(sides.where(is_complete & ~too_long[sides.owner]))
            waiting = [sides.where(~is_complete & ~too_long[sides.owner])]
    for number in np.flatnonzero(too_long).tolist():
        yield _coarse(areas, number, most_sides)


def _outlines(sides: Sides) -> Iterator[TracedArea]:
    for number, rings in rings_of(sides):
        yield TracedArea(number, rings, 1)


def _with_margin(areas: ConnectedAreas, box: Box) -> BoolMask:
    """The mask of a block and a pixel around it; nothing is outside the image."""
    wide = box.grown(1, areas.shape)
    around = (wide.top == box.top, wide.bottom == box.bottom), (wide.left == box.left, wide.right == box.right)
    return np.pad(areas.read(wide), np.array(around, np.int64))


def _coarse(areas: ConnectedAreas, number: int, most_sides: int) -> TracedArea:
    """In squares that are large enough for memory, and for an outline of `most_sides`."""
    box, step = areas.boxes[number], 2
    while (box.bottom - box.top) * (box.right - box.left) > _COARSE_PX * step**2:
        step *= 2
    top, left = box.top // step * step, box.left // step * step
    squares = np.zeros((-(-(box.bottom - top) // step), -(-(box.right - left) // step)), bool)
    for block in areas.blocks:
        common = box.common(block)
        if common is not None:
            pieces, area_of = areas.pieces(block)
            rows, columns = np.nonzero((area_of == number)[pieces])
            squares[(rows + block.top - top) // step, (columns + block.left - left) // step] = True
    while True:
        sides = sides_of(np.pad(squares, 1), np.broadcast_to(np.int64(number), squares.shape), 0, 0)
        if len(sides.x) <= most_sides:
            break
        squares, step = _halved(squares), step * 2
    ((_, rings),) = rings_of(sides)
    ends = areas.shape[1], areas.shape[0]
    return TracedArea(number, [np.minimum(ring * step + (left, top), ends) for ring in rings], step)


def _halved(squares: BoolMask) -> BoolMask:
    height, width = (math.ceil(side / 2) for side in squares.shape)
    even = np.pad(squares, ((0, 2 * height - squares.shape[0]), (0, 2 * width - squares.shape[1])))
    return np.asarray(even.reshape(height, 2, width, 2).any((1, 3)))
