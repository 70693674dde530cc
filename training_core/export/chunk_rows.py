"""Regions of stored arrays, put together to whole chunks: each is compressed and written once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray


@dataclass
class _Chunk:
    rows: slice
    columns: slice
    missing_px: int
    parts: list[_Part] = field(default_factory=list)


class _Part(NamedTuple):
    """What one region has of a chunk."""

    place: tuple[slice, slice]
    size: tuple[int, int]
    packed: list[bytes | bytearray]
    """Of each array, compressed: a row of chunks as wide as a slide would be large."""


class ChunkRows:
    """Rows of arrays of one size and chunk, given region by region: memory holds the chunks that are not complete.

    Parameters
    ----------
    arrays
        (H, W) uint8, their fill value where nothing is written.
    reached
        Called with the row before which all chunks are in the arrays.
    """

    def __init__(self, arrays: Sequence[Any], reached: Callable[[int], None]) -> None:
        self._arrays, self._reached = arrays, reached
        (self._height, self._width), self._side = arrays[0].shape, arrays[0].chunks[0]
        self._chunks: dict[tuple[int, int], _Chunk] = {}
        self._open: dict[int, int] = {}
        """How many chunks of a row of chunks are not written."""

    def write(self, top: int, left: int, *values: NDArray[np.uint8]) -> None:
        """One region (h, w) of each array, its corner in pixels; each pixel is given once."""
        height, width = values[0].shape
        for chunk in list(self._touched(top, left, top + height, left + width)):
            above, before = max(top, chunk.rows.start), max(left, chunk.columns.start)
            below, behind = min(top + height, chunk.rows.stop), min(left + width, chunk.columns.stop)
            parts = [each[above - top : below - top, before - left : behind - left] for each in values]
            y, x, size = above - chunk.rows.start, before - chunk.columns.start, (below - above, behind - before)
            packed = [imagecodecs.lz4_encode(part.tobytes()) for part in parts]
            chunk.parts.append(_Part((slice(y, y + size[0]), slice(x, x + size[1])), size, packed))
            chunk.missing_px -= size[0] * size[1]
            if not chunk.missing_px:
                self._finish(chunk)

    def _touched(self, top: int, left: int, bottom: int, right: int) -> Iterator[_Chunk]:
        """The chunks that a region lies in."""
        for row in range(top // self._side, (bottom - 1) // self._side + 1):
            for column in range(left // self._side, (right - 1) // self._side + 1):
                if (row, column) not in self._chunks:
                    self._chunks[row, column] = self._begin(row, column)
                yield self._chunks[row, column]

    def _begin(self, row: int, column: int) -> _Chunk:
        self._open.setdefault(row, -(-self._width // self._side))
        spans = [
            slice(at * self._side, min((at + 1) * self._side, length))
            for at, length in ((row, self._height), (column, self._width))
        ]
        return _Chunk(spans[0], spans[1], prod(span.stop - span.start for span in spans))

    def _finish(self, chunk: _Chunk) -> None:
        for number, array in enumerate(self._arrays):
            values = np.empty((chunk.rows.stop - chunk.rows.start, chunk.columns.stop - chunk.columns.start), np.uint8)
            for place, size, packed in chunk.parts:
                unpacked = imagecodecs.lz4_decode(packed[number], out=size[0] * size[1])
                values[place] = np.frombuffer(unpacked, np.uint8).reshape(size)
            if (values != array.fill_value).any():
                array[chunk.rows, chunk.columns] = values
        row = chunk.rows.start // self._side
        del self._chunks[row, chunk.columns.start // self._side]
        self._open[row] -= 1
        if not self._open[row]:
            del self._open[row]
            self._reached(chunk.rows.stop)
