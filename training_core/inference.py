"""From an image to class probabilities: a sliding window, its softmax blended over the overlaps.

Source: UniSemAlign (arXiv 2604.09169), evaluation: window 256, stride two thirds, softmax summed, argmax.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training_core.config import InferenceConfig
from training_core.device import Compute
from training_core.model import UniSemAlign

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class TileResult:
    """Class indices (H, W) uint8 of the decoder and of the fused logits, with their confidences (H, W) 0..1."""

    prediction: Pixels
    confidence: NDArray[np.float32]
    fused: Pixels
    fused_confidence: NDArray[np.float32]


@torch.inference_mode()
def predict_image(model: UniSemAlign, image: Pixels, config: InferenceConfig, compute: Compute) -> TileResult:
    """Prediction of an RGB image (H, W, 3) uint8 by a model in evaluation mode."""
    height, width = image.shape[:2]
    decoder_sum = torch.zeros(model.n_classes, height, width)
    fused_sum = torch.zeros_like(decoder_sum)
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
    for top, left, bottom, right in _windows(height, width, config):
        window = pixels[None, :, top:bottom, left:right].to(compute.device)
        decoder, fused = _probabilities(model, window, compute)
        weight = _blend_weight(bottom - top, right - left)
        decoder_sum[:, top:bottom, left:right] += weight * decoder.cpu()
        fused_sum[:, top:bottom, left:right] += weight * fused.cpu()
    prediction, confidence = _argmax(decoder_sum)
    fused_label, fused_confidence = _argmax(fused_sum)
    return TileResult(prediction, confidence, fused_label, fused_confidence)


def _probabilities(model: UniSemAlign, window: Tensor, compute: Compute) -> tuple[Tensor, Tensor]:
    """Softmax (C, h, w) of the decoder's and of the fused logits."""
    with compute.autocast():
        output = model(model.normalize(window).to(memory_format=torch.channels_last))
        fused = model.fused(output)
    return output.logits.float().softmax(1)[0], fused.float().softmax(1)[0]


def _windows(height: int, width: int, config: InferenceConfig) -> Iterator[tuple[int, int, int, int]]:
    """Windows that cover the image evenly, neighbours at most a stride apart: (top, left, bottom, right)."""
    for top in _starts(height, config):
        for left in _starts(width, config):
            yield top, left, min(top + config.window_px, height), min(left + config.window_px, width)


def _starts(length: int, config: InferenceConfig) -> list[int]:
    span = length - config.window_px
    if span <= 0:
        return [0]
    steps = int(np.ceil(span / (config.window_px * config.stride_fraction)))
    return [round(i * span / steps) for i in range(steps + 1)]


def _blend_weight(height: int, width: int) -> Tensor:
    """(h, w) weights that fall linearly to the window's edge, so that neighbours meet without a seam."""

    def ramp(length: int) -> Tensor:
        position = torch.arange(length) + 0.5
        return torch.minimum(position, length - position) / (length / 2)

    return ramp(height)[:, None] * ramp(width)[None, :]


def _argmax(summed: Tensor) -> tuple[Pixels, NDArray[np.float32]]:
    confidence, label = (summed / summed.sum(0, keepdim=True)).max(0)
    return cast(Pixels, label.to(torch.uint8).numpy()), cast("NDArray[np.float32]", confidence.numpy())
