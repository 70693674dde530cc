"""The windows that an image is predicted in: evenly spread, neighbours at most a stride apart."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil

from training_core.base.arrays import MIN_SIDE_PX
from training_core.prediction.resampling import Axis, Box
from training_core.settings.schema import InferenceConfig


@dataclass(frozen=True)
class Grid:
    """The windows of an image: its axes, where the rows and columns of windows begin, and their side."""

    axes: tuple[Axis, Axis]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    side: int

    @property
    def is_resampled(self) -> bool:
        """Whether the network sees another size than the image has."""
        return any(axis.n_in != axis.n_out for axis in self.axes)

    @property
    def margin(self) -> int:
        """How many of the network's pixels before its own a row or column of windows needs, to go back to the image."""
        return int(self.is_resampled)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width that the network sees."""
        return self.axes[0].n_out, self.axes[1].n_out

    def row_at(self, px: int) -> int:
        """The row of windows of whose own pixels the image's row `px` is one."""
        return max(bisect_right([self.axes[0].done(top) for top in self.rows], px) - 1, 0)

    def first_needed(self, row: int) -> int:
        """The first row of windows that reaches into what row `row` gives."""
        return next(i for i, top in enumerate(self.rows) if top + self.side > self.rows[row] - self.margin)

    def window(self, row: int, column: int) -> Box:
        """One of the windows, as the network sees it."""
        top, left = self.rows[row], self.columns[column]
        return top, left, min(top + self.side, self.size[0]), min(left + self.side, self.size[1])

    def windows(self) -> Iterator[Box]:
        """Row by row, from the left."""
        for place in product(range(len(self.rows)), range(len(self.columns))):
            yield self.window(*place)

    def finished(self, row: int, column: int) -> Box:
        """The image's own pixels that are finished with a window, where they come row by row, from the left."""
        bottom, right = (
            starts[index + 1] if index + 1 < len(starts) else length
            for starts, index, length in zip((self.rows, self.columns), (row, column), self.size, strict=True)
        )
        top, left = self.rows[row], self.columns[column]
        return self.axes[0].done(top), self.axes[1].done(left), self.axes[0].done(bottom), self.axes[1].done(right)

    def needed(self, window: Box) -> Box:
        """The region of the image that a window is made of."""
        if not self.is_resampled:
            return window
        top, left, bottom, right = window
        (y0, y1), (x0, x1) = self.axes[0].needed(top, bottom), self.axes[1].needed(left, right)
        return y0, x0, y1, x1


def make_grid(size: tuple[int, int], scale: float, config: InferenceConfig) -> Grid:
    """The windows of an image (height, width) that is resampled by `scale`."""
    seen, side = resampled_size(size, scale), config.side_px
    rows, columns = (tuple(window_starts(length, side, config.stride_fraction)) for length in seen)
    return Grid((Axis(size[0], seen[0]), Axis(size[1], seen[1])), rows, columns, side)


def resampled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Height and width that the network sees of an image of this height and width."""
    height, width = size if scale == 1 else (max(MIN_SIDE_PX, round(side * scale)) for side in size)
    return height, width


def window_starts(length: int, window: int, stride_fraction: float) -> list[int]:
    """Where windows begin that cover `length` pixels evenly, neighbours at most a stride apart."""
    span = length - window
    if span <= 0:
        return [0]
    steps = ceil(span / (window * stride_fraction))
    return [round(i * span / steps) for i in range(steps + 1)]
