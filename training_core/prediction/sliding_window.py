"""From an image to class probabilities: a sliding window, its softmax blended over the overlaps.

Source: UniSemAlign (arXiv 2604.09169), evaluation: window 256, stride two thirds, softmax summed, argmax.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training_core.base.arrays import MIN_SIDE_PX
from training_core.class_maps.tile_result import Branch, TileResult
from training_core.compute.device import Compute
from training_core.network.model import Output, UniSemAlign
from training_core.settings.schema import InferenceConfig

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Readout:
    """How the network's answer is read, as the validation tiles say is best.

    scale: the image is resampled by this factor before the network sees it. temperature: log-probabilities are divided
    by it, so that the confidence says how often the prediction is right (Guo et al. 2017, arXiv 1706.04599).
    """

    scale: float = 1.0
    temperature: float = 1.0

    def zoomed(self, zoom: float) -> Readout:
        """For an image that has 1 / zoom as many pixels per micrometer as the run works at."""
        return replace(self, scale=self.scale * zoom)


def predict_image(
    model: UniSemAlign, image: Pixels, config: InferenceConfig, compute: Compute, readout: Readout = Readout()
) -> TileResult:
    """Prediction of an RGB image (H, W, 3) uint8 by a model in evaluation mode, on the image's own pixel grid."""
    decoder, fused = predict_probabilities(model, image, config, compute, readout.scale)
    prediction, confidence = _argmax((decoder.clamp(min=1e-12).log() / readout.temperature).softmax(0))
    fused_label, fused_confidence = _argmax(fused)
    return TileResult(prediction, confidence, fused_label, fused_confidence)


def predict_branches(
    model: UniSemAlign, image: Pixels, config: InferenceConfig, compute: Compute, scale: float = 1.0
) -> dict[Branch, Pixels]:
    """Class indices (H, W) uint8 that each part of the fused logits says alone; a branch that is off is left out."""
    found: tuple[Branch, ...] = ()

    def logits(output: Output) -> Sequence[Tensor]:
        nonlocal found
        similar = model.similarities(output)
        maps = {Branch.DECODER: output.logits, Branch.PROTOTYPES: similar.prototype, Branch.TEXT: similar.text}
        there = {part: each for part, each in maps.items() if each is not None}
        found = tuple(there)
        return tuple(there.values())

    probabilities = predict_probabilities(model, image, config, compute, scale, logits)
    return {part: _argmax(each)[0] for part, each in zip(found, probabilities, strict=True)}


Logits = Callable[[Output], Sequence[Tensor]]
"""Of what the model says: K logits, (B, C, H, W) each."""


@torch.inference_mode()
def predict_probabilities(
    model: UniSemAlign,
    image: Pixels,
    config: InferenceConfig,
    compute: Compute,
    scale: float = 1.0,
    logits: Logits | None = None,
) -> Tensor:
    """Class probabilities (K, C, H, W), on the CPU, of these logits; by default of the decoder's and the fused ones."""
    wanted = logits or (lambda output: (output.logits, model.fused(output)))
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
    size = (pixels.shape[-2], pixels.shape[-1])
    if scale != 1:
        height, width = resampled_size(size, scale)
        pixels = F.interpolate(pixels.float() / 255, size=(height, width), mode="bilinear", antialias=True)
    sums: Tensor | None = None
    for top, left, bottom, right in _windows(pixels.shape[-2], pixels.shape[-1], config):
        window = pixels[:, :, top:bottom, left:right].to(compute.device)
        answer = _over_views(model, window, wanted, config.n_views, compute).cpu()
        sums = torch.zeros(*answer.shape[:2], *pixels.shape[-2:]) if sums is None else sums
        sums[:, :, top:bottom, left:right] += _blend_weight(bottom - top, right - left) * answer
    assert sums is not None
    probabilities = sums / sums.sum(1, keepdim=True)
    if scale != 1:
        probabilities = F.interpolate(probabilities, size=size, mode="bilinear", align_corners=False)
    return probabilities


def _over_views(model: UniSemAlign, window: Tensor, logits: Logits, views: int, compute: Compute) -> Tensor:
    """Mean softmax over the window's first `views` quarter turns, then those of its mirror image, (K, C, h, w)."""
    total: Tensor | None = None
    for view in range(views):
        mirrored, turns = divmod(view, 4)
        seen = torch.rot90(window.flip(-1) if mirrored else window, turns, (-2, -1))
        answer = torch.rot90(_probabilities(model, seen, logits, compute), -turns, (-2, -1))
        answer = answer.flip(-1) if mirrored else answer
        total = answer if total is None else total + answer
    assert total is not None
    return total / views


def _probabilities(model: UniSemAlign, window: Tensor, logits: Logits, compute: Compute) -> Tensor:
    """Softmax (K, C, h, w) of the logits of a window (1, 3, h, w)."""
    with compute.autocast():
        wanted = logits(model(model.normalize(window).to(memory_format=torch.channels_last)))
    return torch.cat([each.float().softmax(1) for each in wanted])


def _windows(height: int, width: int, config: InferenceConfig) -> Iterator[tuple[int, int, int, int]]:
    """Windows that cover the image evenly, neighbours at most a stride apart: (top, left, bottom, right)."""
    side = config.side_px
    for top in window_starts(height, side, config.stride_fraction):
        for left in window_starts(width, side, config.stride_fraction):
            yield top, left, min(top + side, height), min(left + side, width)


def resampled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Height and width that the network sees of an image of this height and width."""
    height, width = size if scale == 1 else (max(MIN_SIDE_PX, round(side * scale)) for side in size)
    return height, width


def window_starts(length: int, window: int, stride_fraction: float) -> list[int]:
    """Where windows begin that cover `length` pixels evenly, neighbours at most a stride apart."""
    span = length - window
    if span <= 0:
        return [0]
    steps = int(np.ceil(span / (window * stride_fraction)))
    return [round(i * span / steps) for i in range(steps + 1)]


def _blend_weight(height: int, width: int) -> Tensor:
    """(h, w) weights that fall linearly to the window's edge, so that neighbours meet without a seam."""

    def ramp(length: int) -> Tensor:
        position = torch.arange(length) + 0.5
        return torch.minimum(position, length - position) / (length / 2)

    return ramp(height)[:, None] * ramp(width)[None, :]


def _argmax(probabilities: Tensor) -> tuple[Pixels, NDArray[np.float32]]:
    confidence, label = probabilities.max(0)
    return cast(Pixels, label.to(torch.uint8).numpy()), cast("NDArray[np.float32]", confidence.numpy())
