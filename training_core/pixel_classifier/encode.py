"""An image through a frozen encoder: its trunk's maps up to stride 16, as float16, in windows of bounded size."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training_core.base.arrays import MIN_SIDE_PX, Rgb8
from training_core.compute.device import Compute, one_thread
from training_core.data.stain import stain_jitter
from training_core.settings.schema import WINDOW_PX

if TYPE_CHECKING:
    from training_core.network.encoders import Encoder

MAX_STRIDE = 16
"""Coarser maps of a pyramid know the whole tile by heart: with a few labelled tiles they only mislead a head."""
_MARGIN_CELLS = 2
"""What a window sees beyond the part that is kept of it, in units of the encoder's coarsest cells."""
_SMALL = 20_000_000
"""Parameters of a network whose layers are too short for several threads."""
_STAIN_STRENGTH = 1.0


@dataclass(frozen=True)
class View:
    """How an image is shown to the encoder.

    Attributes
    ----------
    zoom
        Pixels that the encoder sees per pixel of the image.
    stain
        0 for the image as it is, another number for another staining.
    """

    zoom: float
    stain: int = 0


@dataclass(frozen=True)
class Features:
    """An encoder's maps of one image.

    Attributes
    ----------
    maps
        (c, h, w) float16 each, on the CPU, fine to coarse.
    extent
        Height and width of the picture as shares of the maps', which the encoder's padding makes larger.
    """

    maps: tuple[Tensor, ...]
    extent: tuple[float, float]

    @property
    def nbytes(self) -> int:
        """What the maps take in memory."""
        return sum(each.nbytes for each in self.maps)

    def tensors(self) -> list[Tensor]:
        """All of it as tensors, for the cache."""
        return [*self.maps, torch.tensor(self.extent)]

    @classmethod
    def from_tensors(cls, tensors: Sequence[Tensor]) -> Features:
        """The inverse of `tensors`."""
        *maps, extent = tensors
        return cls(tuple(maps), (float(extent[0]), float(extent[1])))


def ready(encoder: Encoder, compute: Compute) -> Encoder:
    """The encoder as `encode_image` wants it."""
    return encoder.to(compute.device).to(memory_format=torch.channels_last).eval()


@torch.no_grad()
def encode_image(encoder: Encoder, image: Rgb8, view: View, compute: Compute) -> Features:
    """Features of an RGB image (H, W, 3) uint8 by a `ready` encoder."""
    is_small = sum(parameter.numel() for parameter in encoder.trunk.parameters()) < _SMALL
    with one_thread() if is_small else nullcontext():
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
        if view.stain:
            pixels = stain_jitter(pixels, _STAIN_STRENGTH, np.random.default_rng(view.stain))
        height, width = (max(MIN_SIDE_PX, round(side * view.zoom)) for side in pixels.shape[-2:])
        pixels = F.interpolate(pixels[None], size=(height, width), mode="bilinear", antialias=True)
        multiple = encoder.multiple_px
        pixels = F.pad(pixels, (0, -width % multiple, 0, -height % multiple), mode="replicate")
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (encoder.mean, encoder.std))
        maps = _in_windows(encoder, (pixels - mean) / std, compute)
    return Features(tuple(maps), (height / pixels.shape[-2], width / pixels.shape[-1]))


def _in_windows(encoder: Encoder, pixels: Tensor, compute: Compute) -> list[Tensor]:
    """Maps (c, h, w) of (1, 3, H, W): what lies in the middle of each window, so that memory stays bounded."""
    height, width = pixels.shape[-2:]
    margin = _MARGIN_CELLS * encoder.multiple_px
    core = max(1, WINDOW_PX // encoder.multiple_px) * encoder.multiple_px
    whole: list[Tensor] | None = None
    for top in range(0, height, core):
        for left in range(0, width, core):
            above, before = min(top, margin), min(left, margin)
            window = pixels[:, :, top - above : top + core + margin, left - before : left + core + margin]
            maps = _maps(encoder, window, compute)
            strides = [window.shape[-1] // each.shape[-1] for each in maps]
            if whole is None:
                whole = [m.new_empty(len(m), height // s, width // s) for m, s in zip(maps, strides, strict=True)]
            for target, part, stride in zip(whole, maps, strides, strict=True):
                kept = part[:, above // stride :, before // stride :][:, : core // stride, : core // stride]
                rows, columns = top // stride, left // stride
                target[:, rows : rows + kept.shape[1], columns : columns + kept.shape[2]] = kept
    assert whole is not None
    return whole


def _maps(encoder: Encoder, window: Tensor, compute: Compute) -> list[Tensor]:
    with compute.autocast():
        maps = encoder.trunk_maps(window.to(compute.device).contiguous(memory_format=torch.channels_last))
    sides = [window.shape[-1] // each.shape[-1] for each in maps]
    fine = [each[0] for each, side in zip(maps, sides, strict=True) if side <= MAX_STRIDE]
    return [each.half().contiguous().cpu() for each in fine or [maps[0][0]]]
