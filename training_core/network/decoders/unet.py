"""A light U-Net decoder for encoders that publish a pyramid: logits at the finest map's resolution (stride 2).

Source: Ronneberger et al. 2015 (arXiv 1505.04597), with the encoder's own maps as skip connections.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training_core.network.decoders.layers import conv_bn_relu


class UNet(nn.Module):
    """Logits (B, C, h, w) at the resolution of the finest feature map.

    Widths fall with the stride, from 128 at 16 to 16 at 2: glands and other tissue compartments need context more than
    width.
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int], n_classes: int) -> None:
        super().__init__()
        n_in = channels[-1]
        stages = []
        for n_skip, stride in reversed(list(zip(channels[:-1], strides[:-1], strict=True))):
            width = min(128, max(16, 8 << round(math.log2(stride))))
            stages.append(nn.Sequential(*conv_bn_relu(n_in + n_skip, width, 3), *conv_bn_relu(width, width, 3)))
            n_in = width
        self.stages = nn.ModuleList(stages)
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(n_in, n_classes, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Feature maps, fine to coarse, to logits."""
        x = features[-1]
        for stage, skip in zip(self.stages, reversed(features[:-1]), strict=True):
            x = F.interpolate(x, size=skip.shape[-2:], mode="nearest")
            x = stage(torch.cat([x, skip], dim=1))
        return cast(Tensor, self.classifier(self.dropout(x)))
