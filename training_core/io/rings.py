"""Outlines of many areas at once, along the edges of pixels, from masks that are seen block by block.

A pixel has a side where its neighbour does not belong to the mask. The sides of an area, of whatever blocks, are its
outline: they are put in a row from corner to corner, and each row that closes is a ring. So an area that lies in many
blocks costs no more than its sides, and comes out as it would of one block.

Coordinates are those of `outlines`: (0, 0) is the upper left corner of the first pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import BoolMask

Ring = NDArray[np.int64]
"""Corners (n, 2), x and y; the first is not repeated."""

_RIGHT, _DOWN, _LEFT, _UP = range(4)
_X_STEP, _Y_STEP = np.array([1, 0, -1, 0], np.int64), np.array([0, 1, 0, -1], np.int64)


class Sides(NamedTuple):
    """Sides of pixels, those in a line as one: each with its area on the right as one goes along it.

    Attributes
    ----------
    owner
        Number of the area (n,).
    x, y
        Where it begins (n,).
    direction
        (n,), 0 to 3: right, down, left, up as the image is seen.
    length
        In pixels (n,).
    """

    owner: NDArray[np.int64]
    x: NDArray[np.int64]
    y: NDArray[np.int64]
    direction: NDArray[np.int64]
    length: NDArray[np.int64]

    def where(self, chosen: BoolMask) -> Sides:
        """Some of them."""
        return Sides(*(each[chosen] for each in self))


def joined(several: Sequence[Sides]) -> Sides:
    """All of them."""
    return Sides(*(np.concatenate(each) for each in zip(*several, strict=True)))


def sides_of(mask: BoolMask, numbers: NDArray[np.integer], left: int, top: int) -> Sides:
    """The sides of a block's areas.

    Parameters
    ----------
    mask
        (h + 2, w + 2): the block with a margin of one pixel, in which it goes on or is False.
    numbers
        The areas (h, w) of the block; pixels that share an edge have the same number.
    left, top
        Where the block begins in the image.
    """
    inner = mask[1:-1, 1:-1]
    beside = {_RIGHT: mask[:-2, 1:-1], _DOWN: mask[1:-1, 2:], _LEFT: mask[2:, 1:-1], _UP: mask[1:-1, :-2]}
    found = []
    for direction, other in beside.items():
        is_row = direction in (_RIGHT, _LEFT)
        line, first, last = _runs(inner & ~other if is_row else (inner & ~other).T)
        owner = numbers[line, first] if is_row else numbers[first, line]
        start = first if direction in (_RIGHT, _DOWN) else last
        line = line + (direction in (_DOWN, _LEFT))
        x, y = (start, line) if is_row else (line, start)
        found.append(Sides(owner.astype(np.int64), x + left, y + top, np.full(len(x), direction), last - first))
    return joined(found)


def rings_of(sides: Sides) -> Iterator[tuple[int, list[Ring]]]:
    """The outline of each area, by number: the ring around it, and then those of its holes, the other way round.

    Each area is connected by the edges of its pixels, and all its sides are there. Where it meets itself at a corner,
    its rings touch there and cross nowhere, so that they make a valid polygon.
    """
    if not len(sides.x):
        return
    order, starts = _in_rings(_following(sides))
    x, y, direction = (each[order] for each in (sides.x, sides.y, sides.direction))
    before = np.roll(direction, 1)
    before[starts] = direction[np.append(starts[1:], len(order)) - 1]
    turns = direction != before  # blocks cut straight lines
    x_next, y_next = (each[order] for each in _ends(sides))
    size = np.add.reduceat(x * y_next - x_next * y, starts)  # twice the area, negative for a hole
    corners = np.stack([x[turns], y[turns]], axis=1)
    ends = np.cumsum(np.add.reduceat(turns.astype(np.int64), starts)).tolist()
    rings = [corners[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    owner = sides.owner[order[starts]]
    sequence = np.lexsort((-size, owner))
    bounds = np.flatnonzero(np.diff(owner[sequence], prepend=owner.min() - 1)).tolist()
    for start, end in zip(bounds, [*bounds[1:], len(sequence)], strict=True):
        own = sequence[start:end].tolist()
        yield int(owner[own[0]]), [rings[each] for each in own]


def _runs(edge: BoolMask) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of each run of True values in a row: the row, where it begins, and where it ends."""
    steps = np.diff(np.pad(edge, ((0, 0), (1, 1))).view(np.int8), axis=1)
    line, first = np.nonzero(steps == 1)
    return line, first, np.nonzero(steps == -1)[1]


def _ends(sides: Sides) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    x_step, y_step = _X_STEP[sides.direction], _Y_STEP[sides.direction]
    return sides.x + x_step * sides.length, sides.y + y_step * sides.length


def _following(sides: Sides) -> NDArray[np.int64]:
    """The side (n,) that begins where each one ends.

    Where two of one area do, pixels of it meet at a corner only. It is connected elsewhere, around what lies on one
    side of that corner: a turn to the left, from one pixel to the other, keeps that hole apart from the rest.
    """
    _, area = np.unique(sides.owner, return_inverse=True)
    left, top = sides.x.min(), sides.y.min()
    width, height = sides.x.max() - left + 1, sides.y.max() - top + 1

    def key(x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.asarray((area * height + y - top) * width + x - left)

    begin, end = key(sides.x, sides.y), key(*_ends(sides))
    order = np.argsort(begin, kind="stable")
    at = np.searchsorted(begin, end, sorter=order)
    one, other = order[at], order[np.minimum(at + 1, len(order) - 1)]
    is_left = sides.direction[other] == (sides.direction + 3) % 4
    return np.where((begin[other] == end) & is_left, other, one)


def _in_rings(following: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All sides (n,) ring after ring, and where each ring starts."""
    after, seen = following.tolist(), bytearray(len(following))
    order: list[int] = []
    starts: list[int] = []
    for first in range(len(after)):
        if seen[first]:
            continue
        starts.append(len(order))
        side = first
        while not seen[side]:
            seen[side] = 1
            order.append(side)
            side = after[side]
    return np.array(order, np.int64), np.array(starts, np.int64)
