"""Detail finer than a ViT's patch: a small convolutional stream beside it.

A plain ViT answers once per 14 or 16 pixels. Three convolutions over the image itself give maps of stride 2, 4 and 8,
so that a decoder finds a pyramid, as a convolutional encoder would publish it: the ViT says what it is, they say where
it ends. Source: the detail capture module of ViTMatte (Yao et al. 2023, arXiv 2305.15272).
"""

from __future__ import annotations

from torch import Tensor, nn

DETAIL_CHANNELS = (16, 32, 64)
DETAIL_STRIDES = (2, 4, 8)


class DetailStream(nn.ModuleList):
    """Images (B, 3, H, W) to maps of 16, 32 and 64 channels at stride 2, 4 and 8 (sizes rounded up)."""

    def __init__(self) -> None:
        inputs = (3, *DETAIL_CHANNELS[:-1])
        super().__init__(_halved(n_in, n_out) for n_in, n_out in zip(inputs, DETAIL_CHANNELS, strict=True))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Fine to coarse."""
        maps = []
        x = images
        for stage in self:
            x = stage(x)
            maps.append(x)
        return maps


def _halved(n_in: int, n_out: int) -> nn.Sequential:
    convolution = nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True))
