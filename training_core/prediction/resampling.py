"""Windows of a resampled image, computed from a part of the image alone: what `F.interpolate` gives for the whole."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import ceil, floor

import torch
from torch import Tensor

Box = tuple[int, int, int, int]
"""(top, left, bottom, right)"""


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
        if self.n_in == self.n_out:
            return n_final
        return bisect_left(range(self.n_in), n_final, key=self._upper)

    def back_taps(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """For the image's pixels start to stop: the two resampled ones around each (n, 2), and their weights (n, 2)."""
        source = ((torch.arange(start, stop, dtype=torch.float64) + 0.5) / self.ratio - 0.5).clamp(min=0)
        lower = source.long()
        share = (source - lower).float()
        return torch.stack([lower, (lower + 1).clamp(max=self.n_out - 1)], 1), torch.stack([1 - share, share], 1)

    def _upper(self, position: int) -> int:
        return min(int(max(0.0, (position + 0.5) / self.ratio - 0.5)) + 1, self.n_out - 1)


def shrink(pixels: Tensor, origin: tuple[int, int], axes: tuple[Axis, Axis], window: Box) -> Tensor:
    """The window of the resampled image, (h, w, C) 0..1 float, antialiased.

    Parameters
    ----------
    pixels
        Part of the image (H, W, C) uint8 whose corner is `origin` and which holds what both axes need.
    """
    top, left, bottom, right = window
    down = _combine_rows(pixels.float().div_(255), origin[0], *axes[0].taps(top, bottom))
    return _combine_rows(down.transpose(0, 1).contiguous(), origin[1], *axes[1].taps(left, right)).transpose(0, 1)


def enlarge(values: Tensor, origin: tuple[int, int], axes: tuple[Axis, Axis], region: Box) -> Tensor:
    """The region of the image, (C, h, w), by bilinear interpolation.

    Parameters
    ----------
    values
        Part (C, h, w) of the resampled image whose corner is `origin`.
    """
    top, left, bottom, right = region
    across = _combine_rows(values.permute(2, 0, 1).contiguous(), origin[1], *axes[1].back_taps(left, right))
    down = _combine_rows(across.permute(2, 1, 0).contiguous(), origin[0], *axes[0].back_taps(top, bottom))
    return down.permute(1, 0, 2)


def _combine_rows(values: Tensor, origin: int, index: Tensor, weight: Tensor) -> Tensor:
    """(n, ...) of (H, ...): whole rows are gathered, columns as the rows of the transpose, which is fastest."""
    # taps past the last one have weight 0 and may lie outside the part
    index, weight = (index - origin).clamp(max=len(values) - 1).to(values.device), weight.to(values.device)
    shares = weight[:, :, None, None]
    result = values.index_select(0, index[:, 0]).mul_(shares[:, 0])
    for tap in range(1, index.shape[1]):
        result.addcmul_(values.index_select(0, index[:, tap]), shares[:, tap])
    return result
