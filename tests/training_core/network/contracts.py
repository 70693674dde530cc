"""What every encoder, decoder and text branch must do. A class that inherits one of these tests a new one.

    class TestMine(EncoderContract):
        @pytest.fixture
        def encoder(self) -> Encoder:
            return build_encoder(EncoderConfig(name="mine"))

The example of each is in its class. test_contracts.py shows that what breaks a contract is found.
"""

from __future__ import annotations

import copy
import math
from typing import ClassVar

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from training_core.network.decoders import build_decoder
from training_core.network.encoders import Encoder
from training_core.network.model import UniSemAlign
from training_core.network.text import TextBranch
from training_core.settings.schema import AlignmentConfig, DecoderConfig

Maps = list[Tensor]


def randn(*shape: int) -> Tensor:
    """The same numbers in each test, whatever ran before it."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def assert_equal(maps: Maps, others: Maps) -> None:
    assert len(maps) == len(others)
    for one, other in zip(maps, others, strict=True):
        assert torch.equal(one, other)


def assert_close(maps: Maps, others: Maps, share: float) -> None:
    """The difference is at most this share of the values, both as root mean squares."""
    assert len(maps) == len(others)
    for one, other in zip(maps, others, strict=True):
        difference = (one.float() - other.float()).square().mean().sqrt()
        assert difference <= share * other.float().square().mean().sqrt() + 1e-12


def through_safetensors(module: nn.Module) -> dict[str, Tensor]:
    """The state dict as a file gives it back."""
    return safetensors.torch.load(safetensors.torch.save({k: v.contiguous() for k, v in module.state_dict().items()}))


def spoilt(module: nn.Module) -> nn.Module:
    """A copy with other parameters and statistics."""
    other = copy.deepcopy(module)
    with torch.no_grad():
        for tensor in other.state_dict().values():
            tensor.add_(1)
    return other


class EncoderContract:
    """Normalised images to the maps that are published, trained exactly where declared.

    class TestMine(EncoderContract):
        @pytest.fixture
        def encoder(self) -> Encoder:
            return build_encoder(EncoderConfig(name="mine"))
    """

    beside_trunk: ClassVar[frozenset[str]] = frozenset()
    """Submodules that are trained beside the pretrained `trunk`."""

    def images(self, encoder: Encoder, rows: int = 2, columns: int = 3, n: int = 2) -> Tensor:
        return randn(n, 3, rows * encoder.multiple_px, columns * encoder.multiple_px)

    def test_what_is_published_is_well_formed(self, encoder: Encoder) -> None:
        assert len(encoder.channels) == len(encoder.strides) >= 2
        assert len(encoder.mean) == len(encoder.std) == 3
        assert all(0 <= mean <= 1 and 0 < std <= 1 for mean, std in zip(encoder.mean, encoder.std, strict=True))
        assert max(encoder.strides) <= encoder.multiple_px

    def test_strides_of_the_trunk_go_fine_to_coarse_and_divide_the_multiple(self, encoder: Encoder) -> None:
        own = encoder.strides if encoder.detail is None else encoder.strides[-2:]
        assert list(own) == sorted(own)
        assert all(encoder.multiple_px % stride == 0 for stride in own)

    @pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (3, 2)])
    def test_maps_have_the_published_sizes(self, encoder: Encoder, rows: int, columns: int) -> None:
        images = self.images(encoder, rows, columns)
        height, width = images.shape[-2:]
        maps = encoder.eval()(images)
        assert [tuple(m.shape) for m in maps] == [
            (2, channels, math.ceil(height / stride), math.ceil(width / stride))
            for channels, stride in zip(encoder.channels, encoder.strides, strict=True)
        ]

    def test_maps_are_finite_float32(self, encoder: Encoder) -> None:
        for feature in encoder.eval()(self.images(encoder)):
            assert feature.dtype == torch.float32
            assert bool(feature.isfinite().all())

    @pytest.mark.parametrize(("more_rows", "more_columns"), [(1, 0), (0, 1)])
    def test_images_that_are_not_padded_are_refused_in_words(
        self, encoder: Encoder, more_rows: int, more_columns: int
    ) -> None:
        height, width = encoder.multiple_px + more_rows, encoder.multiple_px + more_columns
        said = rf"images are {width} x {height} px\. Needed: multiples of {encoder.multiple_px} px.*Pad"
        with pytest.raises(ValueError, match=said):
            encoder(randn(1, 3, height, width))

    @pytest.mark.parametrize(("more_rows", "more_columns"), [(1, 5), (-1, 0)])
    def test_the_network_around_it_takes_any_size(self, encoder: Encoder, more_rows: int, more_columns: int) -> None:
        height, width = encoder.multiple_px + more_rows, encoder.multiple_px + more_columns
        config = DecoderConfig(name="auto", dilations=(1, 2, 3))
        decoder = build_decoder(config, encoder.channels, encoder.strides, 2)
        alignment = AlignmentConfig(embedding_dim=8)
        model = UniSemAlign(encoder, decoder, n_classes=2, alignment=alignment, text=None).eval()
        with torch.no_grad():
            assert model(randn(1, 3, height, width)).logits.shape == (1, 2, height, width)

    def test_gradients_reach_exactly_what_is_declared_as_trained(self, encoder: Encoder) -> None:
        trained = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
        maps = encoder.train()(self.images(encoder))
        assert any(feature.requires_grad for feature in maps) == bool(trained)
        if trained:
            sum(feature.square().mean() for feature in maps if feature.requires_grad).backward()
        assert {name for name, parameter in encoder.named_parameters() if parameter.grad is not None} == trained

    def test_what_is_frozen_stays_in_evaluation_mode_and_unchanged(self, encoder: Encoder) -> None:
        encoder.train()
        frozen = {
            path: module
            for path, module in encoder.trunk.named_modules()
            if list(module.parameters()) and not any(p.requires_grad for p in module.parameters())
        }
        assert [path for path, module in frozen.items() if module.training] == []
        before = {path: copy.deepcopy(module.state_dict()) for path, module in frozen.items()}
        encoder(self.images(encoder))
        for path, module in frozen.items():
            assert all(torch.equal(value, before[path][name]) for name, value in module.state_dict().items()), path

    def test_modes_are_followed(self, encoder: Encoder) -> None:
        assert encoder.train().training
        trained = any(parameter.requires_grad for parameter in encoder.trunk.parameters())
        assert any(module.training for module in encoder.trunk.modules()) == trained
        assert not any(module.training for module in encoder.eval().modules())

    def test_evaluation_is_repeatable_and_each_image_stands_alone(self, encoder: Encoder) -> None:
        encoder.eval()
        images = self.images(encoder)
        with torch.no_grad():
            both = encoder(images)
            assert_equal(encoder(images), both)
            assert_close(encoder(images[:1]), [feature[:1] for feature in both], 1e-4)

    def test_the_state_comes_back_from_a_file(self, encoder: Encoder) -> None:
        images, again = self.images(encoder), spoilt(encoder.eval())
        with torch.no_grad():
            expected = encoder(images)
            assert not all(torch.equal(a, b) for a, b in zip(again(images), expected, strict=True))
            again.load_state_dict(through_safetensors(encoder))
            assert_equal(again(images), expected)

    def test_a_copy_without_gradients_is_the_same_network(self, encoder: Encoder) -> None:
        """As the teacher is."""
        teacher = copy.deepcopy(encoder).requires_grad_(False).eval()
        images = self.images(encoder)
        with torch.no_grad():
            assert_equal(teacher(images), encoder.eval()(images))

    def test_channels_last_gives_the_same_maps(self, encoder: Encoder) -> None:
        images = self.images(encoder)
        with torch.no_grad():
            expected = encoder.eval()(images)
            encoder.to(memory_format=torch.channels_last)
            assert_close(encoder(images.to(memory_format=torch.channels_last)), expected, 1e-4)

    def test_bfloat16_is_close_and_trains(self, encoder: Encoder) -> None:
        images = self.images(encoder)
        with torch.no_grad():
            expected = encoder.eval()(images)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            maps = encoder(images)
        assert all(feature.dtype in (torch.bfloat16, torch.float32) for feature in maps)
        assert_close(maps, expected, 0.1)
        trained = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
        if trained:
            sum(feature.float().square().mean() for feature in maps if feature.requires_grad).backward()
            assert all(p.grad is not None and p.grad.dtype == p.dtype and p.grad.isfinite().all() for p in trained)

    def test_pretrained_weights_lie_in_the_trunk(self, encoder: Encoder) -> None:
        """Checkpoints of a frozen encoder leave out what begins with `trunk`, and nothing else."""
        assert {name.partition(".")[0] for name in encoder.state_dict()} == {"trunk"} | self.beside_trunk


class DecoderContract:
    """Feature maps, fine to coarse, to logits of each class at the stride that the decoder promises.

    class TestMine(DecoderContract):
        name, channels, strides = "mine", (16, 24, 40), (4, 8, 16)
        stride, reads = 4, (0, 1, 2)
    """

    name: ClassVar[str]
    """As in DecoderConfig."""
    channels: ClassVar[tuple[int, ...]]
    strides: ClassVar[tuple[int, ...]]
    stride: ClassVar[int]
    """Of the logits."""
    reads: ClassVar[tuple[int, ...]]
    """The maps it makes use of."""
    n_classes: ClassVar[int] = 5

    @pytest.fixture
    def decoder(self) -> nn.Module:
        torch.manual_seed(0)
        config = DecoderConfig.model_validate({"name": self.name, "dilations": (1, 2, 3)})
        return build_decoder(config, self.channels, self.strides, self.n_classes)

    def features(self, height: int = 64, width: int = 96, n: int = 2) -> Maps:
        """Maps of an image of this size; an encoder rounds their sides up."""
        generator, maps = torch.Generator().manual_seed(0), []
        for channels, stride in zip(self.channels, self.strides, strict=True):
            shape = (n, channels, math.ceil(height / stride), math.ceil(width / stride))
            maps.append(torch.randn(shape, generator=generator, requires_grad=True))
        return maps

    @pytest.mark.parametrize(("height", "width"), [(64, 96), (65, 97), (32, 33), (8, 9)])
    def test_logits_of_each_class_at_the_promised_stride(self, decoder: nn.Module, height: int, width: int) -> None:
        logits = decoder.eval()(self.features(height, width))
        size = (math.ceil(height / self.stride), math.ceil(width / self.stride))
        assert logits.shape == (2, self.n_classes, *size)
        assert logits.dtype == torch.float32
        assert bool(logits.isfinite().all())

    @pytest.mark.parametrize("n_classes", [1, 2, 40])
    def test_any_number_of_classes(self, n_classes: int) -> None:
        config = DecoderConfig.model_validate({"name": self.name, "dilations": (1, 2, 3)})
        decoder = build_decoder(config, self.channels, self.strides, n_classes).eval()
        assert decoder(self.features(32, 32)).shape[1] == n_classes

    def test_each_weight_gets_a_gradient_and_so_do_the_maps_it_reads(self, decoder: nn.Module) -> None:
        maps = self.features()
        decoder.train()(maps).square().mean().backward()
        assert [n for n, p in decoder.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []
        assert [n for n, p in decoder.named_parameters() if p.dim() > 1 and not p.grad.abs().sum() > 0] == []
        assert tuple(i for i, feature in enumerate(maps) if feature.grad is not None) == tuple(self.reads)

    def test_each_class_has_logits_of_its_own(self, decoder: nn.Module) -> None:
        logits = decoder.eval()(self.features()).detach().transpose(0, 1).flatten(1)
        assert len(torch.unique(logits, dim=0)) == self.n_classes
        assert bool((logits.std(1) > 0).all())

    def test_the_maps_given_are_left_as_they_were(self, decoder: nn.Module) -> None:
        maps = [feature.detach() for feature in self.features()]
        before = [feature.clone() for feature in maps]
        decoder.eval()(maps)
        assert_equal(maps, before)

    def test_evaluation_is_repeatable_and_each_image_stands_alone(self, decoder: nn.Module) -> None:
        maps = self.features()
        decoder.eval()
        with torch.no_grad():
            both = decoder(maps)
            assert torch.equal(decoder(maps), both)
            assert_close([decoder([feature[:1] for feature in maps])], [both[:1]], 1e-4)

    def test_the_state_comes_back_from_a_file(self, decoder: nn.Module) -> None:
        maps, again = self.features(), spoilt(decoder.eval())
        with torch.no_grad():
            assert not torch.equal(again(maps), decoder(maps))
            again.load_state_dict(through_safetensors(decoder))
            assert torch.equal(again(maps), decoder(maps))

    def test_channels_last_gives_the_same_logits(self, decoder: nn.Module) -> None:
        maps = [feature.detach() for feature in self.features()]
        with torch.no_grad():
            expected = decoder.eval()(maps)
            decoder.to(memory_format=torch.channels_last)
            last = [feature.contiguous(memory_format=torch.channels_last) for feature in maps]
            assert_close([decoder(last)], [expected], 1e-4)

    def test_bfloat16_is_close_and_trains(self, decoder: nn.Module) -> None:
        maps = self.features()
        expected = decoder.eval()(maps).detach()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = decoder(maps)
        assert_close([logits], [expected], 0.1)
        logits.float().square().mean().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in decoder.parameters())


class TextContract:
    """A vector per class, in float32, of which only what is trained is a parameter.

    class TestMine(TextContract):
        @pytest.fixture
        def text(self) -> TextBranch:
            return build_text(TextConfig(encoder="mine"), CLASSES, self.dim)
    """

    n_classes: ClassVar[int] = 3
    dim: ClassVar[int] = 24

    def test_a_vector_per_class(self, text: TextBranch) -> None:
        for mode in (True, False):
            vectors = text.train(mode)()
            assert vectors.shape == (self.n_classes, self.dim)
            assert vectors.dtype == torch.float32
            assert bool(vectors.isfinite().all())
            assert vectors.requires_grad

    def test_each_class_has_a_vector_of_its_own(self, text: TextBranch) -> None:
        assert len(torch.unique(text().detach(), dim=0)) == self.n_classes

    def test_asking_twice_gives_the_same(self, text: TextBranch) -> None:
        assert torch.equal(text.eval()(), text())
        assert torch.equal(text.train()(), text())

    def test_every_parameter_is_trained_for_every_class(self, text: TextBranch) -> None:
        for row in range(self.n_classes):
            text.zero_grad(set_to_none=True)
            text.train()()[row].square().sum().backward()
            for name, parameter in text.named_parameters():
                assert parameter.requires_grad
                assert parameter.grad is not None, name
                assert bool(parameter.grad.isfinite().all())
            assert any(bool(p.grad.abs().sum() > 0) for p in text.parameters() if p.grad is not None)

    def test_only_what_is_trained_is_saved(self, text: TextBranch) -> None:
        assert set(text.state_dict()) == {name for name, _ in text.named_parameters()}

    def test_the_state_comes_back_from_a_file(self, text: TextBranch) -> None:
        again = spoilt(text)
        assert not torch.equal(again(), text())
        again.load_state_dict(through_safetensors(text))
        assert torch.equal(again(), text())

    def test_a_copy_learns_for_itself(self, text: TextBranch) -> None:
        """As the teacher's does."""
        before, teacher = text().detach(), copy.deepcopy(text)
        with torch.no_grad():
            for parameter in teacher.parameters():
                parameter.add_(1)
        assert not torch.equal(teacher(), before)
        assert torch.equal(text(), before)

    def test_autocast_changes_nothing(self, text: TextBranch) -> None:
        single = text()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mixed = text()
        assert mixed.dtype == torch.float32
        assert torch.equal(mixed, single)

    def test_it_moves_to_another_precision_as_a_whole(self, text: TextBranch) -> None:
        single = text().detach()
        torch.testing.assert_close(text.double()(), single.double(), atol=1e-5, rtol=1e-5)
