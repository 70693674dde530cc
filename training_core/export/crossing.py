"""Objects that the edges of tiles cut: which parts, on tiles that touch on a slide, are one object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from training_core.base.arrays import BoolMask
from training_core.project import Tile
from training_core.project.file_records import Place

_GAP_PX = 1.0
"""The corners of tiles are whole pixels of the slide, and their sides need not be: so far may neighbours lie apart."""


@dataclass(frozen=True)
class Part:
    """What of an object lies on a tile.

    Attributes
    ----------
    pixels
        The object's pixels (h, w) in its bounding box.
    left, top
        Where the box lies, in pixels of the tile.
    """

    tile: Tile
    class_id: int
    pixels: BoolMask
    left: int
    top: int

    @property
    def is_cut(self) -> bool:
        """Whether it touches the edge of a tile that has its place on a slide."""
        height, width = self.pixels.shape
        place, tile = self.tile.place, self.tile
        at_edge = not (self.left and self.top and self.left + width < tile.width_px)
        return place is not None and place.scale is not None and (at_edge or self.top + height == tile.height_px)


@dataclass(frozen=True)
class _Run:
    """Pixels of a part beside each other along an edge: the line of the edge, and from where to where, on the slide."""

    part: int
    line: float
    start: float
    end: float


def same_objects(parts: Sequence[Part]) -> list[list[int]]:
    """Groups of two or more parts, by their numbers: they have pixels beside each other across the edge of two tiles.

    Parts of one tile are never joined by themselves: what is known one by one stays apart where it touches.
    """
    runs: dict[tuple[int, str], list[_Run]] = defaultdict(list)
    for number, part in enumerate(parts):
        for side, run in _runs(number, part):
            runs[part.class_id, side].append(run)
    pairs: list[tuple[int, int]] = []
    for class_id in {part.class_id for part in parts}:
        for before, after in (("right", "left"), ("bottom", "top")):
            pairs += _beside(parts, runs[class_id, before], runs[class_id, after])
    if not pairs:
        return []
    rows, columns = np.array(pairs).T
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(parts), len(parts)))
    count, of = connected_components(graph, directed=False)
    groups: list[list[int]] = [[] for _ in range(count)]
    for number, group in enumerate(of.tolist()):
        groups[group].append(number)
    return [group for group in groups if len(group) > 1]


def joined_pixels(parts: Sequence[Part]) -> BoolMask:
    """The pixels (h, w) of parts of one object in one array, to be measured."""
    corners = []
    for part in parts:
        place, scale = _place(part)
        corners.append((round(place.y_px / scale) + part.top, round(place.x_px / scale) + part.left))
    top, left = (min(corner[axis] for corner in corners) for axis in (0, 1))
    ends = [(y + each.pixels.shape[0], x + each.pixels.shape[1]) for (y, x), each in zip(corners, parts, strict=True)]
    whole = np.zeros((max(end[0] for end in ends) - top, max(end[1] for end in ends) - left), np.bool_)
    for (y, x), part in zip(corners, parts, strict=True):
        height, width = part.pixels.shape
        whole[y - top : y - top + height, x - left : x - left + width] |= part.pixels
    return whole


def _runs(number: int, part: Part) -> Iterator[tuple[str, _Run]]:
    """Where a part lies along the four edges of its tile."""
    tile, pixels = part.tile, part.pixels
    place, scale = _place(part)
    bottom, right = part.top + pixels.shape[0], part.left + pixels.shape[1]
    x, y = place.x_px, place.y_px
    edges: list[tuple[str, bool, NDArray[Any], float, float]] = [
        ("left", part.left == 0, pixels[:, 0], x, y + scale * part.top),
        ("right", right == tile.width_px, pixels[:, -1], x + scale * right, y + scale * part.top),
        ("top", part.top == 0, pixels[0], y, x + scale * part.left),
        ("bottom", bottom == tile.height_px, pixels[-1], y + scale * bottom, x + scale * part.left),
    ]
    for side, is_there, along, line, start in edges:
        steps = np.diff(along.astype(np.int8), prepend=0, append=0) if is_there else np.zeros(0)
        for first, last in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
            yield side, _Run(number, line, start + scale * float(first), start + scale * float(last))


def _beside(parts: Sequence[Part], before: Sequence[_Run], after: Sequence[_Run]) -> Iterator[tuple[int, int]]:
    """Pairs of parts of two tiles that share at least half a pixel of an edge."""
    by_line: dict[int, list[_Run]] = defaultdict(list)
    for run in after:
        by_line[int(run.line)].append(run)
    for run in before:
        _, scale = _place(parts[run.part])
        for line in range(int(run.line - _GAP_PX), int(run.line + _GAP_PX) + 1):
            for other in by_line.get(line, ()):
                shared = min(run.end, other.end) - max(run.start, other.start)
                if abs(run.line - other.line) <= _GAP_PX and shared > scale / 2 and _are_apart(parts, run, other):
                    yield run.part, other.part


def _are_apart(parts: Sequence[Part], run: _Run, other: _Run) -> bool:
    """Whether they lie on two tiles of the same resolution."""
    one, two = parts[run.part], parts[other.part]
    return one.tile.name != two.tile.name and _place(one)[1] == _place(two)[1]


def _place(part: Part) -> tuple[Place, float]:
    place = part.tile.place
    if place is None or place.scale is None:
        raise ValueError(f"{part.tile.name} has no place on a slide")
    return place, place.scale
