"""Overlapping windows added up one after the other, where only what later windows still change is kept.

A window's weight falls linearly to its edge. The windows form a grid, so the sum of the weights at a pixel is a product
of one factor per axis, and dividing each axis' ramps by it first makes the sum of weights 1 everywhere.

Bound: where two windows overlap by o pixels, what a window says d pixels from its edge counts (d + 0.5) / o. So if a
network sees r pixels far and differs there by at most e from its answer on the whole image (zeros beyond the edge
instead of tissue), the blend differs from it by at most e * r / o, and by nothing outside the overlaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class FinishedBlock:
    """Finished values (..., h, w); `rows` and `columns` of the image are newly complete.

    They begin at `origin`, which lies `margin` pixels before rows and columns where there is something before them.
    """

    values: Tensor
    origin: tuple[int, int]
    rows: tuple[int, int]
    columns: tuple[int, int]


def ramps(length: int, window: int, starts: Sequence[int]) -> list[Tensor]:
    """The weights (window,) along one axis of each window, which sum to 1 at each of the axis' pixels."""
    side = min(window, length)
    position = torch.arange(side) + 0.5
    ramp = torch.minimum(position, side - position)
    total = torch.zeros(length)
    for start in starts:
        total[start : start + side] += ramp
    return [ramp / total[start : start + side] for start in starts]


class RollingBlend:
    """Sums over a grid of windows, given row by row from the left; each gives the block that it completes.

    Windows may be passed over. Then weights do not sum to 1 everywhere; what no window reached is 0.

    Parameters
    ----------
    first_row
        The row of windows that is given first. What the rows above it reach into is not complete.
    """

    def __init__(
        self,
        size: tuple[int, int],
        window: int,
        rows: Sequence[int],
        columns: Sequence[int],
        margin: int = 0,
        first_row: int = 0,
    ) -> None:
        self._height, self._width = size
        self._window = min(window, size[0]), min(window, size[1])
        self._rows, self._columns, self._margin = rows, columns, margin
        self._row_ramps, self._column_ramps = ramps(size[0], window, rows), ramps(size[1], window, columns)
        self._next = first_row * len(columns)
        self._band: Tensor | None = None
        """Sums of the rows that the next row of windows goes on with: read from the left, replaced right behind."""
        self._left: Tensor | None = None

    def pass_over(self, *, is_reached: bool) -> FinishedBlock | None:
        """Pass over the next window; None: no window reaches the block that it completes.

        Parameters
        ----------
        is_reached
            Whether an earlier window reaches this block, or the `margin` before it.
        """
        known = self._left if self._left is not None else self._band
        if is_reached and known is not None:
            return self.add(known.new_zeros(*known.shape[:-2], *self._window))
        column = self._next % len(self._columns)
        self._next += 1
        self._left = None
        if self._band is not None:
            end = self._columns[column + 1] if column + 1 < len(self._columns) else self._width
            self._band[..., self._columns[column] : end] = 0
        return None

    def add(self, values: Tensor) -> FinishedBlock:
        """Add the values (..., h, w) of the next window, which this call may change."""
        row, column = divmod(self._next, len(self._columns))
        self._next += 1
        top, left = self._rows[row], self._columns[column]
        device = values.device
        weight = self._row_ramps[row].to(device)[:, None] * self._column_ramps[column].to(device)
        sums = values.mul_(weight)
        before_row, before_column = (self._margin if index else 0 for index in (row, column))
        if before_row or before_column:
            sums = F.pad(sums, (before_column, 0, before_row, 0))
        origin = top - before_row, left - before_column
        self._take_over(sums, row, column, origin)
        row_end = self._rows[row + 1] if row + 1 < len(self._rows) else self._height
        column_end = self._columns[column + 1] if column + 1 < len(self._columns) else self._width
        self._keep(sums, row, origin, row_end, column_end)
        finished = sums[..., : row_end - origin[0], : column_end - origin[1]]
        return FinishedBlock(finished, origin, (top, row_end), (left, column_end))

    def _take_over(self, sums: Tensor, row: int, column: int, origin: tuple[int, int]) -> None:
        """Add what the windows above and to the left left behind. The ones to the left have seen those above."""
        seen = origin[1]
        if self._left is not None:
            seen = self._columns[column - 1] + self._window[1]
            sums[..., : self._left.shape[-1]] += self._left
        if self._band is not None and row:
            height, end = self._shared_rows(row), self._columns[column] + self._window[1]
            sums[..., :height, max(0, seen - origin[1]) :] += self._band[..., :height, seen:end]

    def _keep(self, sums: Tensor, row: int, origin: tuple[int, int], row_end: int, column_end: int) -> None:
        self._left = None
        if column_end < self._width:
            self._left = sums[..., column_end - self._margin - origin[1] :].clone()
        if row_end < self._height:
            if self._band is None:
                most = max(self._shared_rows(index) for index in range(1, len(self._rows)))
                self._band = sums.new_zeros(*sums.shape[:-2], most, self._width)
            rest = sums[..., row_end - self._margin - origin[0] :, : column_end - origin[1]]
            self._band[..., : self._shared_rows(row + 1), origin[1] : column_end] = rest

    def _shared_rows(self, row: int) -> int:
        """Rows, with the margin, that a row of windows has from the one above."""
        return self._rows[row - 1] + self._window[0] - self._rows[row] + self._margin
