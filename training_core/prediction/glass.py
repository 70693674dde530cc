"""Which windows of a slide show more than glass: no others are predicted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import BoolMask
from training_core.io.regions import Regions
from training_core.prediction.grid import Grid

_LEAST_SHARE = 0.001
"""Of a window: what covers less is dust. In 512 px at half a micrometer it is about as large as a cell."""
_Spans = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Where several stretches of an axis begin and end."""


@dataclass(frozen=True)
class Chosen:
    """What is predicted of an image.

    Attributes
    ----------
    windows
        Of each window (rows, columns), whether it is.
    """

    grid: Grid
    windows: BoolMask

    @cached_property
    def blocks(self) -> BoolMask:
        """Of the pixels that are finished with each window (rows, columns), whether any predicted window reaches them.

        With the margin before them that going back to the image's own pixels takes.
        """
        rows, columns = (self._overlaps(axis, self._blocks(axis)) for axis in (0, 1))
        return np.asarray(rows @ self.windows @ columns.T > 0)

    @property
    def share_left_out(self) -> float:
        """Share of the image's area that no predicted window reaches, 0 to 1."""
        edges = [np.unique(np.concatenate(_windows(self.grid, axis))) for axis in (0, 1)]
        rows, columns = (self._overlaps(axis, (each[:-1], each[1:])) for axis, each in enumerate(edges))
        areas = np.diff(edges[0])[:, None] * np.diff(edges[1])
        return float((areas * (rows @ self.windows @ columns.T == 0)).sum() / areas.sum())

    def _blocks(self, axis: int) -> _Spans:
        starts = _windows(self.grid, axis)[0]
        return starts - self.grid.margin, np.append(starts[1:], self.grid.size[axis])

    def _overlaps(self, axis: int, spans: _Spans) -> NDArray[np.int64]:
        """Whether each of the stretches of an axis (n, windows) has pixels of each window, 0 or 1."""
        starts, stops = _windows(self.grid, axis)
        found = (spans[0][:, None] < stops) & (spans[1][:, None] > starts)
        return found.astype(np.int64)


def everything(grid: Grid) -> Chosen:
    """All windows."""
    return Chosen(grid, np.ones((len(grid.rows), len(grid.columns)), bool))


def choose_windows(grid: Grid, image: Regions, *, with_glass: bool) -> Chosen:
    """Of a slide the windows that show more than glass, else all.

    Parameters
    ----------
    with_glass
        Whether all are wanted of a slide, too.

    Raises
    ------
    ImageError
        The slide is damaged.
    """
    glass = None if with_glass else image.glass()
    if glass is None or not glass.any():
        return everything(grid)
    shown = np.pad((~glass).cumsum(0, dtype=np.int64).cumsum(1), ((1, 0), (1, 0)))
    (top, bottom), (left, right) = (_in_picture(grid, axis, glass.shape[axis]) for axis in (0, 1))
    count = shown[bottom][:, right] - shown[top][:, right] - shown[bottom][:, left] + shown[top][:, left]
    return Chosen(grid, count >= _LEAST_SHARE * (bottom - top)[:, None] * (right - left))


def _windows(grid: Grid, axis: int) -> _Spans:
    starts = np.array((grid.rows, grid.columns)[axis])
    return starts, np.minimum(starts + grid.side, grid.size[axis])


def _in_picture(grid: Grid, axis: int, length: int) -> _Spans:
    """What the windows need of a picture of the image that is so many pixels long on this axis."""
    starts, stops = _windows(grid, axis)
    needed = [grid.needed((a, a, b, b))[axis::2] for a, b in zip(starts.tolist(), stops.tolist(), strict=True)]
    scale = length / grid.axes[axis].n_in
    first, last = np.array(needed).T
    return np.floor(first * scale).astype(int), np.ceil(last * scale).astype(int)
