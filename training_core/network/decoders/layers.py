"""What decoders share."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class AtrousConv(nn.Conv2d):
    """A 3x3 convolution, zero-padded to the same size, that leaves out what only the padding would see.

    On a map no larger than the rate (16 x 16 cells at a rate of 24) all taps but the middle one lie in the padding. The
    result and its gradients are the whole convolution's.
    """

    def __init__(self, n_in: int, n_out: int, rate: int) -> None:
        super().__init__(n_in, n_out, 3, padding=rate, dilation=rate, bias=False)
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, h, w) to (B, n_out, h, w)."""
        if max(x.shape[-2:]) > self.rate:
            return super().forward(x)
        return F.conv2d(x, self.weight[:, :, 1:2, 1:2], self.bias)


def conv_bn_relu(n_in: int, n_out: int, kernel: int, dilation: int = 1) -> list[nn.Module]:
    """Convolution without bias, batch normalisation, ReLU, as a list to splice into a Sequential."""
    if kernel == 3 and dilation > 1:
        return [AtrousConv(n_in, n_out, dilation), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)]
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(n_in, n_out, kernel, padding=padding, dilation=dilation, bias=False)
    return [convolution, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)]


def low_index(strides: Sequence[int]) -> int:
    """The finest feature map of stride 4 or more: the low features of the paper."""
    return next((i for i, stride in enumerate(strides) if stride >= 4), 0)


def high_index(strides: Sequence[int]) -> int:
    """The coarsest feature map of stride 16 or less: the high features of the paper, which the embedding reads."""
    return max((i for i, stride in enumerate(strides) if stride <= 16), default=len(strides) - 1)
