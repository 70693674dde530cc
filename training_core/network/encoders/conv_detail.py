"""Detail finer than a ViT's patch: a small convolutional network beside it.

A plain ViT answers once per 14 or 16 pixels. A convolutional network over the same image gives maps of finer stride, so
that a decoder finds a pyramid: the ViT says what it is, the network beside it where it ends. Source: the detail capture
module of ViTMatte (Yao et al. 2023, arXiv 2305.15272), which is `DetailStream`; `DetailPyramid` is pretrained.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from training_core.network.encoders.base import RGB, Encoder
from training_core.network.encoders.efficientnet import load_pyramid
from training_core.network.encoders.fine_tune import FineTuning
from training_core.network.encoders.registry import BUNDLED, find_spec

_STREAM_CHANNELS = (16, 32, 64)
_COARSEST_STRIDE = 16
"""The maps of the ViT itself are as coarse."""


class DetailStream(nn.ModuleList):
    """Three convolutions: images (B, 3, H, W) to maps of 16, 32 and 64 channels, stride 2, 4 and 8, rounded up."""

    def __init__(self) -> None:
        inputs = (3, *_STREAM_CHANNELS[:-1])
        super().__init__(_halved(n_in, n_out) for n_in, n_out in zip(inputs, _STREAM_CHANNELS, strict=True))
        self.channels, self.strides = _STREAM_CHANNELS, (2, 4, 8)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Fine to coarse."""
        maps = []
        x = images
        for stage in self:
            x = stage(x)
            maps.append(x)
        return maps


class DetailPyramid(nn.Module):
    """The bundled pyramid up to stride 16: images (B, 3, H, W) to its maps, sizes rounded up; it is trained.

    Parameters
    ----------
    mean, std
        What the images were normalised with, which is not what this network is used to.
    """

    def __init__(self, *, mean: RGB, std: RGB, pretrained: bool) -> None:
        super().__init__()
        pyramid = load_pyramid(
            find_spec(BUNDLED), weights_path=None, pretrained=pretrained, offline=True, fine_tuning=FineTuning("whole")
        )
        kept = [i for i, stride in enumerate(pyramid.strides) if stride <= _COARSEST_STRIDE]
        self.channels = tuple(pyramid.channels[i] for i in kept)
        self.strides = tuple(pyramid.strides[i] for i in kept)
        trunk = cast(Any, pyramid.trunk)
        last = int(trunk.feature_info.info[kept[-1]]["module"].rpartition(".")[2])
        trunk.blocks = trunk.blocks[: last + 1]  # timm runs those that nothing reads as well
        self.trunk = trunk
        own_mean, own_std = _column(pyramid.mean), _column(pyramid.std)
        self.register_buffer("factor", _column(std) / own_std, persistent=False)
        self.register_buffer("offset", (_column(mean) - own_mean) / own_std, persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Fine to coarse."""
        return cast("list[Tensor]", self.trunk(images * cast(Tensor, self.factor) + cast(Tensor, self.offset)))


def add_detail(encoder: Encoder, kind: str, *, pretrained: bool) -> None:
    """Put finer maps before those of a ViT; kind is `efficientnet_lite0`, `convolutions` or `none`."""
    if kind == "none":
        return
    detail = (
        DetailPyramid(mean=encoder.mean, std=encoder.std, pretrained=pretrained) if kind == BUNDLED else DetailStream()
    )
    encoder.detail = detail
    encoder.channels, encoder.strides = (*detail.channels, *encoder.channels), (*detail.strides, *encoder.strides)


def _column(values: RGB) -> Tensor:
    return torch.tensor(values).view(1, 3, 1, 1)


def _halved(n_in: int, n_out: int) -> nn.Sequential:
    convolution = nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True))
