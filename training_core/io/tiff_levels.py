"""The levels of a TIFF: slides, pyramids and other tiled files.

The finest level and every other give the pixels that `read_image` would, by the same rules and the same answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from training_core.base.arrays import Rgb8
from training_core.base.errors import ImageError
from training_core.io.facts import FileFacts, Use
from training_core.io.files import FileKind, decoding
from training_core.io.formats import tiff as tiff_format
from training_core.io.formats.tiff_metadata import objective, scan_corner
from training_core.io.formats.tiff_pages import (
    check_complete,
    choose_plane,
    open_level,
    open_tiff,
    piece_bytes,
    read_plane,
)
from training_core.io.formats.tiff_refusals import check_segments
from training_core.io.images import to_rgb
from training_core.io.inspection.answers import Answers
from training_core.io.inspection.loading import ask
from training_core.io.inspection.rules import look, needs_pixels, refuse, turned
from training_core.io.levels import Levels

_GLANCE_PX = 2048
"""A level with a longer side of about this many pixels shows the range of all of them."""
_GLANCE_WINDOWS = 5
"""Where there is no such level, windows of a fifth of it, in a grid of 5 x 5."""


class TiffLevels(Levels):
    """The levels of an open TIFF."""

    def __init__(self, path: Path, tiff: tifffile.TiffFile, answers: Answers) -> None:
        self._plane = choose_plane(tiff, answers.plane)
        check_complete(tiff, self._plane, sparse=len(self._plane.series.levels) > 1)
        header = tiff_format.facts_of(path, tiff, self._plane)
        refuse(header, Use.IMAGE, whole=False)
        check_segments(self._plane)
        facts = header
        if needs_pixels(header, Use.IMAGE):
            facts = look(header, tiff_format.with_palette(self._plane, self._glance()), Use.IMAGE)
        self._ask(facts, answers)
        is_swapped = answers.orientation == "as_shown" and facts.orientation >= 5
        sizes = tuple(size[::-1] if is_swapped else size for size in facts.levels)
        magnification = objective(tiff, self._plane.series.keyframe)
        corner_px = scan_corner(tiff, [*tiff.series].index(self._plane.series))
        super().__init__(path, answers, facts, sizes, magnification, corner_px)
        self._is_swapped = is_swapped

    def _ask(self, facts: FileFacts, answers: Answers) -> None:
        ask(facts, Use.IMAGE, answers)

    @property
    def piece_bytes(self) -> int:
        """As `Levels.piece_bytes`."""
        return piece_bytes(self._plane)

    def read(self, level: int, left: int, top: int, width: int, height: int) -> Rgb8:
        """As `Levels.read`."""
        rows, columns = self._stored_region(level, left, top, width, height)
        with decoding(self.path, FileKind.TIFF, ImageError):
            samples = self._read(level, rows, columns)
            stored = tiff_format.with_palette(self._plane, samples)
        return np.ascontiguousarray(turned(to_rgb(stored, self.facts, self.answers), self.facts, self.answers))

    def _read(self, level: int, rows: slice, columns: slice) -> NDArray[Any]:
        return read_plane(self._plane, level, rows, columns, array=self._array(level))

    def _array(self, level: int) -> Any:
        if level not in self._arrays:
            page = self._plane.series.keyframe
            is_rgb = page.photometric in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)
            # Tiles that a scanner left out are glass; tifffile would make them black.
            fill = 2 ** int(np.max(page.bitspersample)) - 1 if is_rgb and self._plane.series.dtype.kind == "u" else 0
            self._arrays[level] = open_level(self._plane, level, fill)
        return self._arrays[level]

    @cached_property
    def _arrays(self) -> dict[int, Any]:
        return {}

    def _stored_region(self, level: int, left: int, top: int, width: int, height: int) -> tuple[slice, slice]:
        """Rows and columns of the file for a region of the picture as shown."""
        full_width, full_height = self.sizes[level]
        number = self.facts.orientation if self.answers.orientation == "as_shown" else 1
        if number in (2, 3, 6, 7):
            left = full_width - left - width
        if number in (3, 4, 7, 8):
            top = full_height - top - height
        across, down = slice(left, left + width), slice(top, top + height)
        return (across, down) if self._is_swapped else (down, across)

    def _glance(self) -> NDArray[Any]:
        """Numbers of a small level, or of windows spread over the picture, which tell the range of all of them."""
        series = self._plane.series
        sizes = [max(each.shape[each.axes.index(axis)] for axis in "YX") for each in series.levels]
        large = [level for level, size in enumerate(sizes) if size >= min(_GLANCE_PX // 2, sizes[0])]
        level = large[-1]
        if sizes[level] <= 2 * _GLANCE_PX:
            return self._read(level, slice(None), slice(None))
        return np.concatenate(
            [self._read(level, *window).reshape(-1, 1, *self._tail) for window in self._windows(level)]
        )

    @property
    def _tail(self) -> tuple[int, ...]:
        return (self._plane.channels,) if self._plane.channel_axis else ()

    def _windows(self, level: int) -> Iterator[tuple[slice, slice]]:
        series, side = self._plane.series.levels[level], _GLANCE_PX // _GLANCE_WINDOWS
        height, width = (series.shape[series.axes.index(axis)] for axis in "YX")
        for row in range(_GLANCE_WINDOWS):
            for column in range(_GLANCE_WINDOWS):
                top = row * max(0, height - side) // (_GLANCE_WINDOWS - 1)
                left = column * max(0, width - side) // (_GLANCE_WINDOWS - 1)
                yield slice(top, min(height, top + side)), slice(left, min(width, left + side))


def glance(path: Path, plane: int | None = None) -> FileFacts:
    """The facts of a tiled TIFF with the range of its numbers, from a small level of it."""
    with open_tiff(path) as tiff:
        return _Glance(path, tiff, Answers(plane=plane)).facts


class _Glance(TiffLevels):
    """Levels that raise no question."""

    def _ask(self, facts: FileFacts, answers: Answers) -> None:
        pass
