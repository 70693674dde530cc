"""The contracts find what breaks them: each fault here is one that somebody could make, and one check sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training_core.conftest import TinyEncoder
from tests.training_core.network.contracts import DecoderContract, EncoderContract, TextContract
from training_core.network.encoders import Encoder
from training_core.network.text import LearnedText, TextBranch


class TestTinyEncoder(EncoderContract):
    """What the faults are added to keeps the contract."""

    @pytest.fixture
    def encoder(self) -> Encoder:
        return TinyEncoder()


class WrongStrides(TinyEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.strides = (2, 4, 16)
        self.multiple_px = 16


class WrongChannels(TinyEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.channels = (8, 12, 32)


class DropoutLeftOn(TinyEncoder):
    def project(self, maps: list[Tensor]) -> list[Tensor]:
        return [nn.functional.dropout(each, 0.5, training=True) for each in maps]


class StatisticsOfTheBatch(TinyEncoder):
    def project(self, maps: list[Tensor]) -> list[Tensor]:
        return [each - each.mean() for each in maps]


class NotSaved(TinyEncoder):
    """What it computes depends on numbers that no file holds."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()), persistent=False)

    def project(self, maps: list[Tensor]) -> list[Tensor]:
        self.scale = self.scale + 1
        return [each * self.scale for each in maps]


class FrozenButMoving(TinyEncoder):
    """The batch statistics of what is not trained follow the new images."""

    def __init__(self) -> None:
        super().__init__(trainable=False)

    def train(self, mode: bool = True) -> Encoder:
        return nn.Module.train(self, mode)  # type: ignore[return-value]


class NeverTrained(TinyEncoder):
    """Declared as trained, and cut off."""

    def project(self, maps: list[Tensor]) -> list[Tensor]:
        return [maps[0], maps[1], maps[2].detach()]


class HalfPrecision(TinyEncoder):
    def project(self, maps: list[Tensor]) -> list[Tensor]:
        return [each.half() for each in maps]


class BesideTheTrunk(TinyEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.extra = nn.Conv2d(16, 16, 1)


class TakesAnySize(TinyEncoder):
    def forward(self, images: Tensor) -> list[Tensor]:
        return self.trunk_maps(images)


ENCODERS: list[tuple[type[TinyEncoder], str, dict[str, Any]]] = [
    (WrongStrides, "test_maps_have_the_published_sizes", {"rows": 1, "columns": 2}),
    (WrongChannels, "test_maps_have_the_published_sizes", {"rows": 1, "columns": 1}),
    (DropoutLeftOn, "test_evaluation_is_repeatable_and_each_image_stands_alone", {}),
    (StatisticsOfTheBatch, "test_evaluation_is_repeatable_and_each_image_stands_alone", {}),
    (NotSaved, "test_the_state_comes_back_from_a_file", {}),
    (FrozenButMoving, "test_what_is_frozen_stays_in_evaluation_mode_and_unchanged", {}),
    (NeverTrained, "test_gradients_reach_exactly_what_is_declared_as_trained", {}),
    (HalfPrecision, "test_maps_are_finite_float32", {}),
    (BesideTheTrunk, "test_pretrained_weights_lie_in_the_trunk", {}),
    (TakesAnySize, "test_images_that_are_not_padded_are_refused_in_words", {"more_rows": 1, "more_columns": 0}),
]


@pytest.mark.parametrize(("broken", "check", "given"), ENCODERS, ids=[broken.__name__ for broken, *_ in ENCODERS])
def test_a_broken_encoder_fails(broken: type[TinyEncoder], check: str, given: dict[str, Any]) -> None:
    run = getattr(EncoderContract(), check)
    run(TinyEncoder(), **given)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run(broken(), **given)


class Head(nn.Module):
    """The smallest decoder: one convolution of the finest map."""

    def __init__(self, read: int = 0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.read, self.classifier = read, nn.Conv2d(8, 5, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        logits: Tensor = self.classifier(maps[self.read])
        return logits


class ScalesItsInput(Head):
    def forward(self, maps: list[Tensor]) -> Tensor:
        with torch.no_grad():
            maps[0].mul_(2)
        return super().forward(maps)


class OneClassForAll(Head):
    def forward(self, maps: list[Tensor]) -> Tensor:
        return super().forward(maps)[:, :1].expand(-1, 5, -1, -1)


class Upsampled(Head):
    def forward(self, maps: list[Tensor]) -> Tensor:
        return nn.functional.interpolate(super().forward(maps), scale_factor=2)


class HeadContract(DecoderContract):
    channels, strides, stride, reads = (8, 8), (2, 4), 2, (0,)


DECODERS: list[tuple[Callable[[], nn.Module], str, dict[str, Any]]] = [
    (Upsampled, "test_logits_of_each_class_at_the_promised_stride", {"height": 64, "width": 96}),
    (lambda: Head(read=1), "test_each_weight_gets_a_gradient_and_so_do_the_maps_it_reads", {}),
    (OneClassForAll, "test_each_class_has_logits_of_its_own", {}),
    (ScalesItsInput, "test_the_maps_given_are_left_as_they_were", {}),
]


@pytest.mark.parametrize(("broken", "check", "given"), DECODERS, ids=["stride", "map", "classes", "input"])
def test_a_broken_decoder_fails(broken: Callable[[], nn.Module], check: str, given: dict[str, Any]) -> None:
    run = getattr(HeadContract(), check)
    run(Head(), **given)
    with pytest.raises(AssertionError):
        run(broken(), **given)


class OneVectorForAll(LearnedText):
    def forward(self) -> Tensor:
        return self.vectors[:1].expand_as(self.vectors)


class NoisyText(LearnedText):
    def forward(self) -> Tensor:
        return self.vectors + torch.randn_like(self.vectors)


class SavesItsTower(LearnedText):
    def __init__(self, n_classes: int, dim: int) -> None:
        super().__init__(n_classes, dim)
        self.register_buffer("tower", torch.zeros(3))


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (OneVectorForAll, "test_each_class_has_a_vector_of_its_own"),
        (NoisyText, "test_asking_twice_gives_the_same"),
        (SavesItsTower, "test_only_what_is_trained_is_saved"),
    ],
)
def test_a_broken_text_branch_fails(broken: type[LearnedText], check: str) -> None:
    contract = TextContract()
    right: TextBranch = LearnedText(contract.n_classes, contract.dim)
    getattr(contract, check)(right)
    with pytest.raises(AssertionError):
        getattr(contract, check)(broken(contract.n_classes, contract.dim))
