"""DeepLabV3+ as the paper uses it: atrous spatial pyramid pooling on the high features, refined by the low ones.

Source: Chen et al. 2018 (arXiv 1802.02611); widths and order of operations as in UniSemAlign (arXiv 2604.09169).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training_core.network.decoders.layers import conv_bn_relu, high_index, low_index


class DeepLabV3Plus(nn.Module):
    """Logits (B, C, h, w) at the resolution of the low features.

    Low is the finest map of stride 4 or more, high the coarsest of stride 16 or less; a plain ViT publishes just these
    two.
    """

    def __init__(
        self, channels: Sequence[int], strides: Sequence[int], n_classes: int, *, dilations: Sequence[int]
    ) -> None:
        super().__init__()
        self.low_index, self.high_index = low_index(strides), high_index(strides)
        low, high = channels[self.low_index], channels[self.high_index]
        self.head = ASPP(high, dilations)
        self.reduce = nn.Sequential(*conv_bn_relu(low, 48, 1))
        self.fuse = nn.Sequential(*conv_bn_relu(high // 8 + 48, 256, 3), *conv_bn_relu(256, 256, 3))
        self.classifier = nn.Conv2d(256, n_classes, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Feature maps, fine to coarse, to logits."""
        low, high = features[self.low_index], self.head(features[self.high_index])
        high = F.interpolate(high, size=low.shape[-2:], mode="bilinear", align_corners=True)
        fused = self.fuse(torch.cat([self.reduce(low), high], dim=1))
        return cast(Tensor, self.classifier(fused))


class ASPP(nn.Module):
    """Parallel atrous convolutions and image pooling, each N/8 wide: (B, N, h, w) to (B, N/8, h, w)."""

    def __init__(self, channels: int, dilations: Sequence[int]) -> None:
        super().__init__()
        width = channels // 8
        self.b0 = nn.Sequential(*conv_bn_relu(channels, width, 1))
        self.b1, self.b2, self.b3 = (nn.Sequential(*conv_bn_relu(channels, width, 3, rate)) for rate in dilations)
        self.b4 = ImagePooling(channels, width)
        self.project = nn.Sequential(*conv_bn_relu(5 * width, width, 1), nn.Dropout2d(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        branches = [branch(x) for branch in (self.b0, self.b1, self.b2, self.b3, self.b4)]
        return cast(Tensor, self.project(torch.cat(branches, dim=1)))


class ImagePooling(nn.Module):
    """The mean over the image, through a 1x1 convolution, spread over the map again."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.gap = nn.Sequential(nn.AdaptiveAvgPool2d(1), *conv_bn_relu(channels, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return F.interpolate(self.gap(x), size=x.shape[-2:], mode="bilinear", align_corners=True)
