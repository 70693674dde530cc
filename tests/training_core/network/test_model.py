"""Placing the network on a device, and its teacher beside it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from training_core.compute.device import Compute
from training_core.network.model import UniSemAlign, build_model, placed
from training_core.project import TissueClass
from training_core.settings.schema import resolve
from training_core.training.learner import teacher_of

CLASSES = [TissueClass(0, "stroma", "#000000"), TissueClass(1, "gland", "#ffffff")]
BFLOAT16 = Compute(torch.device("cpu"), "bfloat16")


def vit_model(**encoder: Any) -> UniSemAlign:
    settings = {"name": "vit_tiny_patch16_224", "pretrained": False, "low_channels": 8, "high_channels": 16, **encoder}
    torch.manual_seed(0)
    return build_model(resolve({"encoder": settings}), CLASSES)


def linear_dtypes(module: nn.Module) -> set[torch.dtype]:
    return {layer.weight.dtype for layer in module.modules() if isinstance(layer, nn.Linear)}


def test_a_frozen_trunk_is_held_as_it_computes_and_answers_the_same() -> None:
    model, images = vit_model().eval(), torch.randn(1, 3, 64, 64)
    with torch.no_grad(), BFLOAT16.autocast():
        before = model.encoder.trunk_maps(images)
        placed(model, BFLOAT16)
        after = model.encoder.trunk_maps(images)
    assert linear_dtypes(model.encoder.trunk) == {torch.bfloat16}
    assert model.decoder.classifier.weight.dtype == torch.float32
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.01)  # processors round a copied weight apart


@pytest.mark.parametrize(
    ("fine_tune", "precision"), [("whole", "bfloat16"), ("lora", "bfloat16"), ("frozen", "float32")]
)
def test_what_is_trained_or_exact_stays_float32(fine_tune: str, precision: str) -> None:
    model = placed(vit_model(fine_tune=fine_tune), Compute(torch.device("cpu"), precision))
    assert linear_dtypes(model.encoder.trunk) == {torch.float32}


@pytest.mark.parametrize(("fine_tune", "shared"), [("frozen", True), ("last_blocks", False)])
def test_the_teacher_shares_a_frozen_trunk(fine_tune: str, shared: bool) -> None:
    model = vit_model(fine_tune=fine_tune)
    teacher = teacher_of(model)
    assert (teacher.encoder.trunk is model.encoder.trunk) == shared
    assert teacher.encoder is not model.encoder
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert any(parameter.requires_grad for parameter in model.encoder.parameters())
