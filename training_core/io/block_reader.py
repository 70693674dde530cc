"""A slide to look at while it is read: what is in memory is shown at once, the rest comes from a thread of its own.

Looking never waits. A block that is not there yet is filled from a coarser level, or with the colour of glass, and
`told` is called when blocks have come.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from training_core.base.arrays import Rgb8
from training_core.base.errors import ImageError, UserError
from training_core.base.memory_cache import MemoryCache
from training_core.io.inspection.answers import UNASKED, Answers
from training_core.io.opening import open_levels
from training_core.io.pyramid import Block, Pyramid

GLASS = 236
"""Grey of what is not known yet."""
_MAX_BYTES = 256 << 20
"""For blocks that can be read again: more than a screen of each level, and two rows of blocks of a wide file."""
_KEPT_PIXELS = 1 << 22
"""A level of at most that many pixels stays in memory: wherever one goes, something is to be seen."""
THUMBNAIL_PX = 64


class BlockReader:
    """Opens a slide in a thread and reads its blocks there, those that were looked at last first.

    Parameters
    ----------
    told
        Called in the thread when the slide is open, when blocks have come, and when something cannot be read.
    """

    def __init__(
        self,
        path: Path,
        answers: Answers = UNASKED,
        told: Callable[[], None] = lambda: None,
        max_bytes: int = _MAX_BYTES,
    ) -> None:
        self.path = path
        self.pyramid: Pyramid | None = None
        """None until the slide is open."""
        self.error: UserError | None = None
        """What cannot be read: the slide, where there is no pyramid, or some place of it."""
        self.thumbnail = np.full((1, 1, 3), GLASS, np.uint8)
        """The slide at most 64 px wide and high, filled in where it stands when the coarsest level has come."""
        self._told = told
        self._kept: dict[Block, Rgb8] = {}
        self._cache: MemoryCache[Block, Rgb8] = MemoryCache(max_bytes)
        self._changed = threading.Condition()
        self._wanted: list[Block] = []
        self._is_closed = False
        self._tried = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(path, answers), name="slide", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether the slide is being opened, or blocks are missing that were looked at."""
        return self._thread.is_alive() and (self.pyramid is None or bool(self._wanted))

    def wait(self) -> Pyramid:
        """Wait until the slide is open: headers are read, and no block.

        Raises
        ------
        UserError
            It cannot be read.
        """
        self._tried.wait()
        if self.pyramid is None:
            raise self.error or ImageError(f"{self.path} could not be opened", "a slide", "try another file")
        return self.pyramid

    def close(self) -> None:
        """Read nothing more; the thread closes the file when the block is done that it reads."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def look(self, level: int, rows: slice, columns: slice) -> Rgb8:
        """The pixels (h, w, 3) of a region of a level as far as they are known, at once; the rest will be read."""
        pyramid, (top, left) = self.pyramid, (rows.start, columns.start)
        assert pyramid is not None
        side = pyramid.block_px
        pixels = np.full((max(0, rows.stop - top), max(0, columns.stop - left), 3), GLASS, np.uint8)
        missing = []
        for row in range(top // side, -(-rows.stop // side)):
            for column in range(left // side, -(-columns.stop // side)):
                block = Block(level, row, column)
                known = self._get(block)
                if known is None:
                    missing.append(block)
                    known = self._coarser(pyramid, block)
                if known is not None:
                    _paste(known, row * side - top, column * side - left, pixels)
        self._want(missing)
        return pixels

    def _get(self, block: Block) -> Rgb8 | None:
        known = self._kept.get(block)
        return known if known is not None else self._cache.get(block)

    def _coarser(self, pyramid: Pyramid, block: Block) -> Rgb8 | None:
        """What a coarser level that is in memory shows of a block."""
        for level in range(block.level + 1, len(pyramid.shapes)):
            up = level - block.level
            known = self._get(Block(level, block.row >> up, block.column >> up))
            if known is not None:
                side, (height, width) = pyramid.block_px, pyramid.size(block)
                rows = ((block.row * side + np.arange(height)) >> up) - (block.row >> up) * side
                columns = ((block.column * side + np.arange(width)) >> up) - (block.column >> up) * side
                rows, columns = np.minimum(rows, len(known) - 1), np.minimum(columns, known.shape[1] - 1)
                filled: Rgb8 = known[rows[:, None], columns]
                return filled
        return None

    def _want(self, blocks: list[Block]) -> None:
        """These are looked at now; what was before, and is not there yet, nobody sees any more."""
        with self._changed:
            self._wanted = blocks[::-1]
            self._changed.notify()

    def _run(self, path: Path, answers: Answers) -> None:
        try:
            with open_levels(path, answers) as levels:
                pyramid = Pyramid(levels)
                height, width = pyramid.shapes[0]
                scale = max(1.0, max(height, width) / THUMBNAIL_PX)
                size = max(1, round(height / scale)), max(1, round(width / scale))
                self.thumbnail = np.full((*size, 3), GLASS, np.uint8)
                if pyramid.has_overview:
                    self._want(_all_of(pyramid, len(pyramid.shapes) - 1))
                self.pyramid = pyramid
                self._tried.set()
                self._told()
                while (block := self._next()) is not None:
                    self._make(pyramid, block)
        except UserError as error:
            self.error = error
            self._told()
        finally:
            self._tried.set()

    def _next(self) -> Block | None:
        """The block to read now, when there is one; None: closed."""
        with self._changed:
            while not self._is_closed:
                while self._wanted and self._get(self._wanted[-1]) is not None:
                    self._wanted.pop()
                if self._wanted:
                    return self._wanted[-1]
                self._changed.wait()
        return None

    def _make(self, pyramid: Pyramid, block: Block) -> None:
        """Read or average a block; where parts of it are missing, these come first, unless somebody looks elsewhere."""
        parts = {part: self._get(part) for part in pyramid.parts(block)}
        missing = [part for part, known in parts.items() if known is None]
        if missing:
            with self._changed:
                if self._wanted and self._wanted[-1] == block:
                    self._wanted.extend(missing[::-1])
            return
        try:
            made = (
                {block: pyramid.averaged(block, {part: known for part, known in parts.items() if known is not None})}
                if parts
                else pyramid.read(block)
            )
        except UserError as error:
            self.error = error  # shown as glass and said once: asking again would find the same
            made = {block: np.full((*pyramid.size(block), 3), GLASS, np.uint8)}
        for each, pixels in made.items():
            self._keep(pyramid, each, pixels)
        self._told()

    def _keep(self, pyramid: Pyramid, block: Block, pixels: Rgb8) -> None:
        height, width = pyramid.shapes[block.level]
        if height * width > _KEPT_PIXELS:
            self._cache.keep(block, pixels)
            return
        self._kept[block] = pixels
        coarsest = len(pyramid.shapes) - 1
        if block.level == coarsest and all(each in self._kept for each in _all_of(pyramid, coarsest)):
            whole = np.zeros((height, width, 3), np.uint8)
            for each in _all_of(pyramid, coarsest):
                _paste(self._kept[each], each.row * pyramid.block_px, each.column * pyramid.block_px, whole)
            size = self.thumbnail.shape[1], self.thumbnail.shape[0]
            self.thumbnail[:] = np.asarray(Image.fromarray(whole).resize(size, Image.Resampling.BOX))


def _all_of(pyramid: Pyramid, level: int) -> list[Block]:
    rows, columns = pyramid.grid(level)
    return [Block(level, row, column) for row in range(rows) for column in range(columns)]


def _paste(block: Rgb8, top: int, left: int, onto: Rgb8) -> None:
    """Copy what of a block at this place, which may be negative, lies on `onto`."""
    rows = slice(max(0, top), min(onto.shape[0], top + block.shape[0]))
    columns = slice(max(0, left), min(onto.shape[1], left + block.shape[1]))
    onto[rows, columns] = block[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
