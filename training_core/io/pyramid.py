"""The levels of a slide to look at, each half as fine as the one before, cut into blocks.

A level that the file has is read from it. Any other is averaged, block by block, from the four blocks below: of a file
without levels none is made as a whole.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from training_core.base.arrays import Rgb8
from training_core.base.errors import ImageError
from training_core.io.files import check_size
from training_core.io.levels import Levels
from training_core.io.resolution import usable_mpp_um

_BLOCK_PX = 512
"""About the side of a block: a whole number of the file's own tiles, so that none is decoded for its edge alone."""
_COARSEST_PX = 1024
"""The longer side of the coarsest level."""
_NEAR = 1.9
"""A level of the file that is less than this much finer is read and resampled; averaging costs less beyond."""
_SMALL_PIXELS = 1 << 24
"""Of a file without levels, this many pixels are read in about a second."""
_MAX_ROWS_BYTES = 1 << 28
"""Of a file stored in rows: more than this in one piece, and nothing of it can be read without all of it."""
_BAND_BLOCKS = 32
"""Of a file stored in rows, that many blocks beside each other are kept at a time: their rows were decoded anyway."""


class Block(NamedTuple):
    """A block by its level (0 is the finest), row and column."""

    level: int
    row: int
    column: int


class Pyramid:
    """What an open slide looks like at every level.

    Attributes
    ----------
    shapes
        Height and width of each level in px, finest first.
    block_px
        Side of a block of any level; those at the right and lower edge may be smaller.
    mpp_um
        µm/px of the finest level as the file states them, where that can be believed.

    Raises
    ------
    ImageError
        Parts of the file cannot be read by themselves.
    """

    def __init__(self, levels: Levels) -> None:
        self._levels = levels
        self.mpp_um = usable_mpp_um(levels.facts)
        _check_parts(levels)
        self._in_rows = levels.facts.tile_px is None
        side = 1 if self._in_rows else max(levels.facts.tile_px or (1,))
        self.block_px = side * max(1, round(_BLOCK_PX / side))
        shapes = [(levels.height_px, levels.width_px)]
        while max(shapes[-1]) > _COARSEST_PX:
            shapes.append((-(-shapes[-1][0] // 2), -(-shapes[-1][1] // 2)))
        self.shapes = tuple(shapes)
        self._sources = tuple(self._source(level) for level in range(len(shapes)))
        self.has_overview = self._sources[-1] is not None or shapes[0][0] * shapes[0][1] <= _SMALL_PIXELS
        """Whether the coarsest level takes no more than a moment: the file has it, or is small."""

    def _source(self, level: int) -> int | None:
        """The level of the file that this one is read from."""
        factor = 2.0**level
        best = self._levels.best_level(factor * 1.02)
        return best if factor / self._levels.downsamples[best] < _NEAR else None

    def grid(self, level: int) -> tuple[int, int]:
        """How many rows and columns of blocks a level has."""
        height, width = self.shapes[level]
        return -(-height // self.block_px), -(-width // self.block_px)

    def size(self, block: Block) -> tuple[int, int]:
        """Height and width of a block."""
        height, width = self.shapes[block.level]
        side = self.block_px
        return min(side, height - block.row * side), min(side, width - block.column * side)

    def parts(self, block: Block) -> tuple[Block, ...]:
        """The blocks that it is averaged from, row by row; none where it is read from the file."""
        if self._sources[block.level] is not None:
            return ()
        rows, columns = self.grid(block.level - 1)
        return tuple(
            Block(block.level - 1, row, column)
            for row in range(2 * block.row, min(rows, 2 * block.row + 2))
            for column in range(2 * block.column, min(columns, 2 * block.column + 2))
        )

    def averaged(self, block: Block, parts: dict[Block, Rgb8]) -> Rgb8:
        """The pixels (h, w, 3) of a block from those of its parts."""
        rows = sorted({part.row for part in parts})
        lines = [np.concatenate([parts[each] for each in sorted(parts) if each.row == row], axis=1) for row in rows]
        whole = Image.fromarray(np.concatenate(lines))
        return np.asarray(whole.reduce(2)).reshape(*self.size(block), 3)

    def read(self, block: Block) -> dict[Block, Rgb8]:
        """The pixels (h, w, 3) of a block that is read from the file, and of those that were decoded with it.

        Raises
        ------
        ImageError
            The file is damaged there.
        """
        if not self._in_rows:
            return {block: self._region(block, *self.size(block))}
        first = block.column - block.column % _BAND_BLOCKS
        last = min(self.grid(block.level)[1], first + _BAND_BLOCKS)
        beside = [Block(block.level, block.row, column) for column in range(first, last)]
        band = self._region(beside[0], self.size(block)[0], sum(self.size(each)[1] for each in beside))
        side = self.block_px
        return {each: band[:, number * side : (number + 1) * side].copy() for number, each in enumerate(beside)}

    def _region(self, corner: Block, height: int, width: int) -> Rgb8:
        """A region of a level from the upper left corner of a block on."""
        source = self._sources[corner.level]
        assert source is not None
        left, top = corner.column * self.block_px, corner.row * self.block_px
        full_width, full_height = self._levels.sizes[source]
        level_height, level_width = self.shapes[corner.level]
        if abs(full_width - level_width) <= 1 and abs(full_height - level_height) <= 1:
            return self._padded(source, left, top, width, height)
        x, y = full_width / level_width, full_height / level_height
        box = (left * x, top * y, min(full_width, (left + width) * x), min(full_height, (top + height) * y))
        first = int(box[0]), int(box[1])
        last = min(full_width, int(np.ceil(box[2]))), min(full_height, int(np.ceil(box[3])))
        pixels = self._levels.read(source, *first, last[0] - first[0], last[1] - first[1])
        inner = (box[0] - first[0], box[1] - first[1], box[2] - first[0], box[3] - first[1])
        return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR, inner))

    def _padded(self, source: int, left: int, top: int, width: int, height: int) -> Rgb8:
        """Pixels of a level of the file, which may lack the last row or column: writers round down."""
        full_width, full_height = self._levels.sizes[source]
        there = min(width, full_width - left), min(height, full_height - top)
        pixels = self._levels.read(source, left, top, *there)
        missing = height - there[1], width - there[0]
        return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge") if any(missing) else pixels


def _check_parts(levels: Levels) -> None:
    """A file stored in rows is read in bands; one that is a single compressed piece cannot be."""
    if levels.facts.tile_px is None:
        check_size(levels.path, levels.height_px, levels.width_px, ImageError)
        if levels.piece_bytes > _MAX_ROWS_BYTES:
            given = f"{levels.path} is {levels.width_px} x {levels.height_px} px, compressed in one piece"
            raise ImageError(given, "a TIFF that can be read in parts", "export it as a tiled, pyramidal TIFF")
