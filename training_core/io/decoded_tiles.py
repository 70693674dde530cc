"""Regions of a tiled file that overlap, as windows do: what several of them need is decoded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from training_core.base.arrays import Rgb8

_MAX_BYTES = 32 << 20
"""Two rows of tiles of 512 px of an image that is 10,000 px wide."""


class DecodedTiles:
    """Reads regions that come row by row, from the left, and keeps the tiles that later ones need.

    Parameters
    ----------
    read
        read(top, left, bottom, right): the pixels (bottom - top, right - left, 3).
    size, tile
        Height and width of the image and of a tile of its file.
    max_bytes
        Most of what is kept beside the tiles of the last region.
    """

    def __init__(
        self,
        read: Callable[[int, int, int, int], Rgb8],
        size: tuple[int, int],
        tile: tuple[int, int],
        max_bytes: int = _MAX_BYTES,
    ) -> None:
        self._read, self._size, self._tile, self._max_bytes = read, size, tile, max_bytes
        self._kept: dict[tuple[int, int], Rgb8] = {}
        """By row and column of tiles; those that came last are the last."""

    def read(self, top: int, left: int, bottom: int, right: int) -> Rgb8:
        """The pixels (bottom - top, right - left, 3) of a region that lies within the image."""
        height, width = self._tile
        rows = range(top // height, (bottom - 1) // height + 1)
        columns = range(left // width, (right - 1) // width + 1)
        for place in [place for place in self._kept if place[0] < rows.start]:
            del self._kept[place]
        region = np.empty((bottom - top, right - left, 3), np.uint8)
        for row in rows:
            self._decode(row, columns)
            for column in columns:
                y, x, tile = row * height, column * width, self._kept[row, column]
                part = tile[max(top - y, 0) : bottom - y, max(left - x, 0) : right - x]
                above, before = max(y - top, 0), max(x - left, 0)
                region[above : above + part.shape[0], before : before + part.shape[1]] = part
        self._forget(rows, columns)
        return region

    def _decode(self, row: int, columns: range) -> None:
        """Read the tiles of a row that are not kept, neighbours together."""
        height, width = self._tile
        for first, last in _runs([column for column in columns if (row, column) not in self._kept]):
            top, left = row * height, first * width
            bottom, right = min(top + height, self._size[0]), min((last + 1) * width, self._size[1])
            pixels = self._read(top, left, bottom, right)
            for column in range(first, last + 1):
                start = (column - first) * width
                self._kept[row, column] = pixels[:, start : start + width].copy() if first < last else pixels

    def _forget(self, rows: range, columns: range) -> None:
        """Those that came last go first: the others are needed earlier, when the next row of regions begins."""
        size = sum(tile.nbytes for tile in self._kept.values())
        for place in reversed(list(self._kept)):
            if size <= self._max_bytes:
                return
            if place[0] not in rows or place[1] not in columns:
                size -= self._kept.pop(place).nbytes


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """The first and last of neighbouring numbers."""
    start = 0
    for at in range(1, len(numbers) + 1):
        if at == len(numbers) or numbers[at] != numbers[at - 1] + 1:
            yield numbers[start], numbers[at - 1]
            start = at
