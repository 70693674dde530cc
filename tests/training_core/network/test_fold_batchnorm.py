"""A folded network gives the same answers, without the batch normalisations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from training_core.network.fold_batchnorm import fold
from training_core.network.model import UniSemAlign, build_model
from training_core.project import make_classes
from training_core.settings.schema import resolve


def as_if_trained(model: UniSemAlign) -> UniSemAlign:
    """Normalisations that change something."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low, high in ((module.running_mean, -0.1, 0.1), (module.running_var, 0.8, 1.2)):
                assert values is not None
                values.uniform_(low, high, generator=generator)
            module.weight.data.uniform_(0.8, 1.2, generator=generator)
            module.bias.data.uniform_(-0.1, 0.1, generator=generator)
    return model.eval()


def n_norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@torch.no_grad()
def answer(model: UniSemAlign, images: Tensor) -> Tensor:
    output = model(images)
    return torch.cat([output.logits, model.fused(output)])


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [
        ("efficientnet_lite0", "unet"),
        ("efficientnet_lite0", "deeplabv3plus"),
        ("resnet18", "unet"),
        ("vit_tiny_patch16_224", "deeplabv3plus"),
    ],
)
@pytest.mark.parametrize("side_px", [64, 224])
def test_the_answers_stay(encoder: str, decoder: str, side_px: int) -> None:
    torch.manual_seed(0)
    config = resolve({"encoder": {"name": encoder, "pretrained": False}, "decoder": {"name": decoder}})
    model = as_if_trained(build_model(config, make_classes(("a", "b", "c"))))
    images = torch.rand(1, 3, side_px, side_px)
    before = answer(model, images)
    assert n_norms(model) > 0
    assert fold(model)
    assert n_norms(model) == 0
    torch.testing.assert_close(answer(model, images), before, rtol=1e-4, atol=1e-4)


def test_a_network_that_calls_them_in_another_order_stays_as_it_is(tiny_model: Callable[..., UniSemAlign]) -> None:
    class NormFirst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 3, 3, padding=1)
            self.norm = nn.BatchNorm2d(3)

        def forward(self, x: Tensor) -> Tensor:
            return torch.as_tensor(self.convolution(self.norm(x)))

    model = tiny_model()
    trunk = model.encoder.trunk
    assert isinstance(trunk, nn.ModuleList)
    trunk[0] = nn.Sequential(NormFirst(), trunk[0])
    as_if_trained(model)
    images = torch.rand(1, 3, 64, 64)
    before, count = answer(model, images), n_norms(model)
    assert not fold(model)
    assert n_norms(model) == count
    torch.testing.assert_close(answer(model, images), before, rtol=0, atol=0)
