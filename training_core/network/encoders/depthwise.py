"""Depthwise convolutions in the precision that the CPU trains them fastest in.

oneDNN has fast bfloat16 kernels for the backward pass of 3 x 3 depthwise convolutions of stride 1 only; the others take
two to ten times as long as in float32, and are most of a small network's step.
"""

from __future__ import annotations

import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn


class _Float32Training(nn.Module):
    """Runs in float32 where a gradient will be asked for on a CPU under autocast; as ever everywhere else."""

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or not torch.is_grad_enabled() or not torch.is_autocast_enabled("cpu"):
            return super().forward(x)  # type: ignore[no-any-return]
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())  # type: ignore[no-any-return]


class _Conv(_Float32Training, nn.Conv2d):
    pass


class _ConvSame(_Float32Training, Conv2dSame):
    pass


_FLOAT32 = {nn.Conv2d: _Conv, Conv2dSame: _ConvSame}


def train_depthwise_in_float32(network: nn.Module) -> None:
    """Change the depthwise convolutions that have no fast bfloat16 backward pass; weights and names stay."""
    for module in network.modules():
        if type(module) not in _FLOAT32 or not isinstance(module, nn.Conv2d) or module.groups != module.in_channels:
            continue
        if module.in_channels > 1 and (module.kernel_size != (3, 3) or module.stride != (1, 1)):
            module.__class__ = _FLOAT32[type(module)]
