"""The connected areas of a mask too large for memory, which is read block by block, in flat memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from training_core.base.arrays import BoolMask

EDGES = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
"""Pixels that share an edge are connected, for `scipy.ndimage.label`."""
CORNERS = np.ones((3, 3), bool)
"""So are pixels that share a corner."""


@dataclass(frozen=True)
class Box:
    """Rows and columns of a part of an image, their ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """To index an array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, margin: int, shape: tuple[int, int]) -> Box:
        """With a margin on every side, as far as the image goes."""
        return Box(
            max(0, self.top - margin),
            max(0, self.left - margin),
            min(shape[0], self.bottom + margin),
            min(shape[1], self.right + margin),
        )

    def within(self, other: Box) -> tuple[slice, slice]:
        """To index an array of `other`, in which this box lies."""
        return (
            slice(self.top - other.top, self.bottom - other.top),
            slice(self.left - other.left, self.right - other.left),
        )

    def common(self, other: Box) -> Box | None:
        """What lies in both; None: nothing."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        return Box(top, left, bottom, right) if top < bottom and left < right else None


def blocks(shape: tuple[int, int], side: int) -> Iterator[Box]:
    """Squares that cover an image (height, width), row by row, from the left; the last ones may be smaller."""
    for top, left in product(range(0, shape[0], side), range(0, shape[1], side)):
        yield Box(top, left, min(top + side, shape[0]), min(left + side, shape[1]))


class ConnectedAreas:
    """The connected areas of a mask (H, W), numbered from 1 on; two passes over the blocks give the numbers.

    Attributes
    ----------
    read
        The mask in a box.
    shape
        Height and width of the mask.
    pixels
        Of each area, by its number; of 0, which is no area, 0.
    at_edge
        Whether it touches an edge of the image.
    boxes
        The smallest box around each area that lies in several blocks.
    """

    def __init__(
        self,
        read: Callable[[Box], BoolMask],
        shape: tuple[int, int],
        side: int,
        structure: NDArray[np.bool_] = EDGES,
    ) -> None:
        """Go over the mask once.

        Parameters
        ----------
        read
            Gives the mask in a box; it is asked for the same blocks again by `numbers`.
        structure
            EDGES or CORNERS.
        """
        self.read, self.shape, self._structure = read, shape, structure
        self._first: dict[Box, int] = {}
        joined = _Joined(shape[1], diagonal=bool(structure[0, 0]))
        pixels, at_edge, parts = [np.zeros(1, np.int64)], [np.zeros(1, bool)], {}
        count = 0
        for box in blocks(shape, side):
            local, found = self._labelled(box)
            self._first[box] = count
            if not found:
                joined.add(np.zeros(local.shape, np.int64), box)
                continue
            pixels.append(np.bincount(local.ravel(), minlength=found + 1)[1:])
            at_edge.append(_at_edge(local, box, shape, found))
            parts.update({count + number: each for number, each in _boxes_on_border(local, box)})
            joined.add(np.where(local, local + count, 0), box)
            count += found
        self._root = joined.roots(count)
        n_areas = int(self._root.max(initial=0)) + 1
        self.pixels = np.bincount(self._root, np.concatenate(pixels), n_areas).astype(np.int64)
        self.at_edge = np.bincount(self._root, np.concatenate(at_edge), n_areas) > 0
        self.boxes = _united(parts, self._root, joined.numbers)

    @property
    def blocks(self) -> Collection[Box]:
        """Row by row, from the left."""
        return self._first.keys()

    def numbers(self, box: Box) -> NDArray[np.int64]:
        """The areas (h, w) of a block, 0 outside all areas; box: one of `blocks`."""
        pieces, area_of = self.pieces(box)
        return area_of[pieces]

    def pieces(self, box: Box) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """What is connected within a block (h, w), numbered from 1, and the area of each number; box: as in `numbers`.

        An area that leaves the block and comes again has several pieces in it.
        """
        local, found = self._labelled(box)
        first = self._first[box]
        return local, np.concatenate([self._root[:1], self._root[first + 1 : first + found + 1]])

    def _labelled(self, box: Box) -> tuple[NDArray[np.int32], int]:
        mask = self.read(box)
        if not mask.any():  # most of a slide
            return np.zeros(mask.shape, np.int32), 0
        local, found = ndimage.label(mask, self._structure)
        return local, found

    def mask(self, number: int, box: Box) -> BoolMask:
        """The pixels of an area in any box."""
        found = np.zeros((box.bottom - box.top, box.right - box.left), bool)
        for each in self._first:
            common = box.common(each)
            if common is not None:
                found[common.within(box)] = self.numbers(each)[common.within(each)] == number
        return found


class _Joined:
    """Which areas of neighbouring blocks touch; numbers count on from block to block."""

    def __init__(self, width: int, *, diagonal: bool) -> None:
        self._shifts = (-1, 0, 1) if diagonal else (0,)
        self._above = np.zeros(width + 2, np.int64)  # the lowest row so far, with a column on either side
        self._below = np.zeros(width + 2, np.int64)
        self._left = np.zeros(0, np.int64)
        self._pairs: list[NDArray[np.int64]] = []

    def add(self, numbers: NDArray[np.int64], box: Box) -> None:
        """The next block, row by row."""
        if box.left == 0:
            self._above, self._below = self._below, np.zeros_like(self._below)
        for shift in self._shifts:
            self._touch(self._above[box.left + 1 + shift : box.right + 1 + shift], numbers[0])
            if box.left:
                column, left = numbers[:, 0], self._left
                cut = slice(max(0, shift), len(column) + min(0, shift))
                self._touch(left[cut], column[slice(cut.start - shift, cut.stop - shift)])
        self._left = numbers[:, -1]
        self._below[box.left + 1 : box.right + 1] = numbers[-1]

    def _touch(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> None:
        both = (one > 0) & (other > 0)
        if both.any():
            self._pairs.append(np.unique(np.stack([one[both], other[both]]), axis=1))

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Those that touch others."""
        return np.unique(np.concatenate(self._pairs, axis=1)) if self._pairs else np.zeros(0, np.int64)

    def roots(self, count: int) -> NDArray[np.int64]:
        """The area (count + 1,) that each number belongs to; 0 stays 0."""
        rows, columns = np.concatenate(self._pairs, axis=1) if self._pairs else np.zeros((2, 0), np.int64)
        graph = coo_array((np.ones(len(rows), bool), (rows, columns)), (count + 1, count + 1))
        _, component = connected_components(graph, directed=False)
        # 0 touches nothing, so its component is its own; let it be the first
        _, roots = np.unique(np.where(component == component[0], -1, component), return_inverse=True)
        return np.asarray(roots.astype(np.int64))


def _at_edge(local: NDArray[np.int32], box: Box, shape: tuple[int, int], found: int) -> BoolMask:
    sides = (
        (box.top == 0, local[0]),
        (box.left == 0, local[:, 0]),
        (box.bottom == shape[0], local[-1]),
        (box.right == shape[1], local[:, -1]),
    )
    touching = np.zeros(found + 1, bool)
    for is_edge, side in sides:
        if is_edge:
            touching[side] = True
    return touching[1:]


def _boxes_on_border(local: NDArray[np.int32], box: Box) -> Iterator[tuple[int, Box]]:
    """Number in the block and box in the image of the areas that touch the border of the block."""
    touching = {int(each) for side in (local[0], local[-1], local[:, 0], local[:, -1]) for each in np.unique(side)}
    for number, place in enumerate(ndimage.find_objects(local), start=1):
        if place is not None and number in touching:
            rows, columns = place
            yield (
                number,
                Box(box.top + rows.start, box.left + columns.start, box.top + rows.stop, box.left + columns.stop),
            )


def _united(parts: dict[int, Box], root: NDArray[np.int64], numbers: NDArray[np.int64]) -> dict[int, Box]:
    united: dict[int, Box] = {}
    for number in numbers.tolist():
        one, area = parts[number], int(root[number])
        other = united.get(area, one)
        united[area] = Box(
            min(one.top, other.top),
            min(one.left, other.left),
            max(one.bottom, other.bottom),
            max(one.right, other.right),
        )
    return united
