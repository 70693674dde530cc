"""Depthwise convolutions that train in float32 under bfloat16 autocast."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from training_core.network.encoders import build_encoder
from training_core.network.encoders.depthwise import train_depthwise_in_float32
from training_core.settings.schema import EncoderConfig


def depthwise(kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(8, 8, kernel, stride, kernel // 2, groups=8, bias=False)


@pytest.mark.parametrize(("kernel", "stride", "changed"), [(3, 1, False), (3, 2, True), (5, 1, True), (5, 2, True)])
def test_only_shapes_without_a_fast_backward_pass_change(kernel: int, stride: int, changed: bool) -> None:
    network = nn.Sequential(depthwise(kernel, stride))
    train_depthwise_in_float32(network)
    x = torch.randn(1, 8, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network(x).dtype == (torch.float32 if changed else torch.bfloat16)
        with torch.no_grad():
            assert network(x).dtype == torch.bfloat16


def test_pointwise_and_full_convolutions_are_left_alone() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 5), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 8, 5, groups=2))
    train_depthwise_in_float32(network)
    assert all(type(module) is nn.Conv2d for module in network)


def test_float32_results_state_and_copies_are_the_same() -> None:
    plain = nn.Sequential(depthwise(5, 2))
    changed = copy.deepcopy(plain)
    train_depthwise_in_float32(changed)
    changed = copy.deepcopy(changed)
    x = torch.randn(2, 8, 16, 16)
    assert torch.equal(plain(x), changed(x))
    assert plain.state_dict().keys() == changed.state_dict().keys()


def test_the_bundled_encoder_has_them() -> None:
    encoder = build_encoder(EncoderConfig())
    convolutions = [m for m in encoder.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    slow = [m for m in convolutions if m.kernel_size != (3, 3) or m.stride != (1, 1)]
    assert len(slow) > 5
    assert all(type(m) is not nn.Conv2d and "Float32" in type(m).__mro__[1].__name__ for m in slow)
