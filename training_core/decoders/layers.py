"""What decoders share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def conv_bn_relu(n_in: int, n_out: int, kernel: int, dilation: int = 1) -> list[nn.Module]:
    """Convolution without bias, batch normalisation, ReLU, as a list to splice into a Sequential."""
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(n_in, n_out, kernel, padding=padding, dilation=dilation, bias=False)
    return [convolution, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)]


def low_index(strides: Sequence[int]) -> int:
    """The finest feature map of stride 4 or more: the low features of the paper."""
    return next((i for i, stride in enumerate(strides) if stride >= 4), 0)


def high_index(strides: Sequence[int]) -> int:
    """The coarsest feature map of stride 16 or less: the high features of the paper, which the embedding reads."""
    return max((i for i, stride in enumerate(strides) if stride <= 16), default=len(strides) - 1)
