"""Windows of a resampled image, computed from a part of the image alone: what `F.interpolate` gives for the whole."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

import torch
from torch import Tensor


@dataclass(frozen=True)
class Axis:
    """One axis of an image of n_in pixels that is resampled to n_out."""

    n_in: int
    n_out: int

    @property
    def ratio(self) -> float:
        """Pixels of the image per pixel of the resampled one."""
        return self.n_in / self.n_out

    def needed(self, start: int, stop: int) -> tuple[int, int]:
        """The pixels of the image that the resampled ones start to stop are made of."""
        reach = max(self.ratio, 1.0)
        low, high = self.ratio * (start + 0.5) - reach, self.ratio * (stop - 0.5) + reach
        return max(0, floor(low)), min(self.n_in, ceil(high) + 1)

    def taps(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """For the resampled pixels start to stop: the image's pixels (n, k) each is made of, and their weights (n, k).

        A triangle as wide as the pixels are apart, as antialiased bilinear interpolation has it in Pillow and PyTorch.
        """
        reach = max(self.ratio, 1.0)
        centers = self.ratio * (torch.arange(start, stop, dtype=torch.float64) + 0.5)
        first = (centers - reach + 0.5).long().clamp(min=0)
        last = (centers + reach + 0.5).long().clamp(max=self.n_in)
        index = first[:, None] + torch.arange(int((last - first).max()))
        weight = (1 - ((index + 0.5 - centers[:, None]) / reach).abs()).clamp(min=0) * (index < last[:, None])
        return index.clamp(max=self.n_in - 1), (weight / weight.sum(1, keepdim=True)).float()

    def done(self, n_final: int) -> int:
        """How many of the image's pixels can be interpolated back from the first n_final resampled ones."""
        if n_final >= self.n_out:
            return self.n_in
        if self.n_in == self.n_out:
            return n_final
        count = min(self.n_in, max(0, ceil((n_final + 0.5) * self.ratio) + 1))
        while count and self._upper(count - 1) >= n_final:
            count -= 1
        return count

    def back(self, start: int, stop: int) -> tuple[Tensor, Tensor, Tensor]:
        """For the image's pixels start to stop: the two resampled ones around each, and the second one's weight."""
        source = ((torch.arange(start, stop, dtype=torch.float64) + 0.5) / self.ratio - 0.5).clamp(min=0)
        lower = source.long()
        return lower, (lower + 1).clamp(max=self.n_out - 1), (source - lower).float()

    def _upper(self, position: int) -> int:
        return min(int(max(0.0, (position + 0.5) / self.ratio - 0.5)) + 1, self.n_out - 1)


def shrink(
    pixels: Tensor, origin: tuple[int, int], axes: tuple[Axis, Axis], window: tuple[int, int, int, int]
) -> Tensor:
    """The window (top, left, bottom, right) of the resampled image, (C, h, w) 0..1 float, antialiased.

    pixels: part of the image (C, h, w) uint8 whose corner is `origin` and which holds what both axes need.
    """
    top, left, bottom, right = window
    rows, columns = axes[0].taps(top, bottom), axes[1].taps(left, right)
    across = _combine(pixels.float() / 255, columns, origin[1], 2)
    return _combine(across, rows, origin[0], 1)


def enlarge(
    values: Tensor, origin: tuple[int, int], axes: tuple[Axis, Axis], region: tuple[int, int, int, int]
) -> Tensor:
    """The region (top, left, bottom, right) of the image, (C, h, w), by bilinear interpolation.

    values: part (C, h, w) of the resampled image whose corner is `origin`.
    """
    top, left, bottom, right = region
    for dim, axis, corner, (start, stop) in (
        (1, axes[0], origin[0], (top, bottom)),
        (2, axes[1], origin[1], (left, right)),
    ):
        lower, upper, weight = (part.to(values.device) for part in axis.back(start, stop))
        weight = weight[:, None] if dim == 1 else weight
        values = torch.lerp(values.index_select(dim, lower - corner), values.index_select(dim, upper - corner), weight)
    return values


def _combine(values: Tensor, taps: tuple[Tensor, Tensor], origin: int, dim: int) -> Tensor:
    index, weight = (part.to(values.device) for part in taps)
    result: Tensor | None = None
    for tap in range(index.shape[1]):
        share = weight[:, tap][:, None] if dim == 1 else weight[:, tap]
        # taps past the last one have weight 0 and may lie outside the part
        place = (index[:, tap] - origin).clamp(max=values.shape[dim] - 1)
        term = values.index_select(dim, place) * share
        result = term if result is None else result.add_(term)
    assert result is not None
    return result
