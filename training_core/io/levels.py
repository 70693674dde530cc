"""An open slide or tiled file whose parts and resolutions are read one at a time: what its readers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

from training_core.base.arrays import Rgb8
from training_core.io.facts import FileFacts
from training_core.io.inspection.answers import Answers


class Levels(ABC):
    """The levels of an open file, finest first; sizes and places are those of the picture as it is shown.

    Parameters
    ----------
    sizes
        Width and height of each level.
    objective
        Magnification, where the file states one.
    corner_px
        Where the picture begins as QuPath counts, x and y in pixels of the finest level.
    """

    def __init__(
        self,
        path: Path,
        answers: Answers,
        facts: FileFacts,
        sizes: tuple[tuple[int, int], ...],
        objective: float | None,
        corner_px: tuple[int, int],
    ) -> None:
        self.path, self.answers, self.facts = path, answers, facts
        self.sizes, self.objective, self.corner_px = sizes, objective, corner_px
        self.width_px, self.height_px = sizes[0]

    @cached_property
    def downsamples(self) -> tuple[float, ...]:
        """How many pixels of the finest level are one of each level."""
        return tuple((self.width_px / width + self.height_px / height) / 2 for width, height in self.sizes)

    @property
    def piece_bytes(self) -> int:
        """What has to be decoded at once for any pixel of the finest level, in bytes; 0: nothing has to be decoded."""
        return 0

    def best_level(self, downsample: float) -> int:
        """The coarsest level that is at least as fine as `downsample`."""
        fitting = [level for level, each in enumerate(self.downsamples) if each <= downsample * 1.0001]
        return fitting[-1] if fitting else 0

    @abstractmethod
    def read(self, level: int, left: int, top: int, width: int, height: int) -> Rgb8:
        """The pixels (height, width, 3) of a region of a level, in that level's pixels.

        Raises
        ------
        ImageError
            The file is damaged there, or holds values that its answers exclude.
        """
