"""Levels whose file hands out stored numbers: they become pixels by the rules and answers of `read_image`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import Rgb8
from training_core.base.errors import ImageError
from training_core.io.facts import FileFacts, Use
from training_core.io.files import decoding
from training_core.io.formats.stored import Stored
from training_core.io.images import to_rgb
from training_core.io.inspection.answers import Answers
from training_core.io.inspection.loading import ask
from training_core.io.inspection.rules import look, needs_pixels, turned
from training_core.io.levels import Levels

_GLANCE_PX = 2048
"""A level with a longer side of about this many pixels shows the range of all of them."""
_GLANCE_WINDOWS = 5
"""Where there is no such level, windows of a fifth of it, in a grid of 5 x 5."""


class StoredLevels(Levels):
    """The levels of a file, whose facts are looked at and asked about as those of a whole image are.

    Parameters
    ----------
    facts
        By the header alone.
    is_asked
        Whether questions that `answers` leaves open are raised.
    """

    def __init__(
        self,
        path: Path,
        answers: Answers,
        facts: FileFacts,
        objective: float | None = None,
        corner_px: tuple[int, int] = (0, 0),
        *,
        is_asked: bool = True,
    ) -> None:
        if needs_pixels(facts, Use.IMAGE):
            facts = look(facts, self._stored(self._glance(facts)), Use.IMAGE)
        if is_asked:
            ask(facts, Use.IMAGE, answers)
        self._is_swapped = answers.orientation == "as_shown" and facts.orientation >= 5
        sizes = tuple(size[::-1] if self._is_swapped else size for size in facts.levels)
        super().__init__(path, answers, facts, sizes, objective, corner_px)

    def read(self, level: int, left: int, top: int, width: int, height: int) -> Rgb8:
        """As `Levels.read`."""
        rows, columns = self._stored_region(level, left, top, width, height)
        with decoding(self.path, self.facts.kind, ImageError):
            stored = self._stored(self._read(level, rows, columns))
        return np.ascontiguousarray(turned(to_rgb(stored, self.facts, self.answers), self.facts, self.answers))

    @abstractmethod
    def _read(self, level: int, rows: slice, columns: slice) -> NDArray[Any]:
        """The numbers (h, w) or (h, w, C) of a region of a level, as they are stored."""

    def _stored(self, samples: NDArray[Any]) -> Stored:
        """Numbers with what they mean."""
        return Stored(samples)

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

    def _glance(self, facts: FileFacts) -> NDArray[Any]:
        """Numbers of a small level, or of windows spread over the picture, which tell the range of all of them."""
        sizes = [max(size) for size in facts.levels]
        level = [level for level, size in enumerate(sizes) if size >= min(_GLANCE_PX // 2, sizes[0])][-1]
        if sizes[level] <= 2 * _GLANCE_PX:
            return self._read(level, slice(None), slice(None))
        windows = [self._read(level, *window) for window in _windows(*facts.levels[level])]
        return np.concatenate([window.reshape(-1, 1, *window.shape[2:]) for window in windows])


def _windows(width: int, height: int) -> Iterator[tuple[slice, slice]]:
    side = _GLANCE_PX // _GLANCE_WINDOWS
    for row in range(_GLANCE_WINDOWS):
        for column in range(_GLANCE_WINDOWS):
            top = row * max(0, height - side) // (_GLANCE_WINDOWS - 1)
            left = column * max(0, width - side) // (_GLANCE_WINDOWS - 1)
            yield slice(top, min(height, top + side)), slice(left, min(width, left + side))
