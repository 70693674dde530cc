"""The levels of a TIFF: slides, pyramids and other tiled files.

The finest level and every other give the pixels that `read_image` would, by the same rules and the same answers.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from training_core.io.facts import FileFacts, Use
from training_core.io.formats import tiff as tiff_format
from training_core.io.formats.stored import Stored
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
from training_core.io.inspection.answers import Answers
from training_core.io.inspection.rules import refuse
from training_core.io.stored_levels import StoredLevels


class TiffLevels(StoredLevels):
    """The levels of an open TIFF."""

    def __init__(self, path: Path, tiff: tifffile.TiffFile, answers: Answers, *, is_asked: bool = True) -> None:
        self._plane = choose_plane(tiff, answers.plane)
        check_complete(tiff, self._plane, sparse=len(self._plane.series.levels) > 1)
        facts = tiff_format.facts_of(path, tiff, self._plane)
        refuse(facts, Use.IMAGE, whole=False)
        check_segments(self._plane)
        magnification = objective(tiff, self._plane.series.keyframe)
        corner_px = scan_corner(tiff, [*tiff.series].index(self._plane.series))
        super().__init__(path, answers, facts, magnification, corner_px, is_asked=is_asked)

    @property
    def piece_bytes(self) -> int:
        """As `Levels.piece_bytes`."""
        return piece_bytes(self._plane)

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

    def _stored(self, samples: NDArray[Any]) -> Stored:
        return tiff_format.with_palette(self._plane, samples)


def glance(path: Path, plane: int | None = None) -> FileFacts:
    """The facts of a tiled TIFF with the range of its numbers, from a small level of it."""
    with open_tiff(path) as tiff:
        return TiffLevels(path, tiff, Answers(plane=plane), is_asked=False).facts
