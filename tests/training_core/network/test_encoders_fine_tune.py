"""Fine-tuning as a choice: gradients reach exactly what is trained, and checkpoints hold what is needed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.training_core.network.contracts import EncoderContract
from training_core.base.errors import ConfigError
from training_core.network.encoders import Encoder, FineTuning, build_encoder, vit_encoder
from training_core.network.encoders.fine_tune import LoraLinear
from training_core.network.model import UniSemAlign, build_model
from training_core.runs import checkpoint as checkpoints
from training_core.settings.schema import Config, EncoderConfig
from training_core.training.optimizer import build_optimizer

TINY = {"embed_dim": 48, "depth": 12, "num_heads": 3, "num_classes": 0, "dynamic_img_size": True}
PROJECTIONS = {f"proj_{which}.{what}" for which in ("low", "high") for what in ("weight", "bias")}
# With rotary positions: one has no qkv bias, the other reads the layer's weight instead of calling the layer.
ROTARY = ["vit_small_patch16_dinov3", "vit_small_patch16_dinov3_qkvb"]


def vit(fine_tuning: FineTuning, name: str = "vit_tiny_patch16_224", **options: Any) -> Encoder:
    torch.manual_seed(0)
    model: Any = timm.create_model(name, **(TINY | options))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return vit_encoder(model, (2, 9), 8, 12, fine_tuning=fine_tuning)


def pyramid(fine_tuning: FineTuning, name: str = "efficientnet_lite0") -> Encoder:
    torch.manual_seed(0)
    config = EncoderConfig(
        name=name, pretrained=False, fine_tune=fine_tuning.mode, last_blocks=fine_tuning.last_blocks,
        lora_rank=fine_tuning.lora_rank,
    )  # fmt: skip
    return build_encoder(config)


def got_gradients(encoder: Encoder, size: int = 64) -> set[str]:
    """Names of the parameters that a backward pass through all maps reaches."""
    encoder.zero_grad(set_to_none=True)
    maps = encoder.train()(torch.randn(2, 3, size, size))
    sum(feature.square().mean() for feature in maps).backward()
    return {name for name, parameter in encoder.named_parameters() if parameter.grad is not None}


def names(encoder: Encoder, *starts: str) -> set[str]:
    found = {name for name, _ in encoder.named_parameters() if name.startswith(starts)}
    assert found
    return found


# --- who learns -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", *ROTARY])
@pytest.mark.parametrize("last", [1, 2, 99])
def test_last_blocks_of_a_vit(name: str, last: int) -> None:
    encoder = vit(FineTuning("last_blocks", last_blocks=last), name)
    blocks = [f"trunk.blocks.{i}." for i in range(max(0, 10 - last), 10)]
    assert got_gradients(encoder) == names(encoder, *blocks) | PROJECTIONS


def test_blocks_before_the_trained_ones_keep_nothing_for_a_backward_pass() -> None:
    encoder = vit(FineTuning("last_blocks", last_blocks=2))
    needed: list[bool] = []
    for block in encoder.trunk.blocks:
        block.register_forward_hook(lambda module, inputs, output: needed.append(output.requires_grad))
    encoder(torch.randn(1, 3, 32, 32))
    assert needed == [False] * 8 + [True] * 2


@pytest.mark.parametrize(
    ("name", "last", "trained"),
    [
        ("efficientnet_lite0", 1, ["trunk.blocks.5.", "trunk.blocks.6."]),
        ("efficientnet_lite0", 2, [f"trunk.blocks.{i}." for i in (3, 4, 5, 6)]),
        ("efficientnet_lite0", 5, ["trunk."]),
        ("resnet18", 1, ["trunk.layer4."]),
        ("resnet18", 3, ["trunk.layer2.", "trunk.layer3.", "trunk.layer4."]),
        ("convnext_atto", 2, ["trunk.stages_2.", "trunk.stages_3."]),
    ],
)
def test_last_stages_of_a_pyramid(name: str, last: int, trained: list[str]) -> None:
    encoder = pyramid(FineTuning("last_blocks", last_blocks=last), name)
    expected = names(encoder, *trained)
    assert {n for n, p in encoder.named_parameters() if p.requires_grad} == expected
    assert got_gradients(encoder) == expected


def test_batch_statistics_of_frozen_stages_do_not_move() -> None:
    encoder = pyramid(FineTuning("last_blocks", last_blocks=1)).train()
    before = {name: buffer.clone() for name, buffer in encoder.named_buffers()}
    encoder(torch.randn(2, 3, 64, 64))
    moved = {name for name, buffer in encoder.named_buffers() if not torch.equal(buffer, before[name])}
    assert moved == {name for name in before if name.startswith(("trunk.blocks.5.", "trunk.blocks.6."))}
    assert not encoder.trunk.get_submodule("bn1").training
    assert encoder.trunk.get_submodule("blocks.6").training


@pytest.mark.parametrize("mode", ["whole", "frozen"])
@pytest.mark.parametrize("make", [vit, pyramid])
def test_all_or_nothing(make: Callable[..., Encoder], mode: Any) -> None:
    encoder = make(FineTuning(mode))
    expected = names(encoder, "trunk.") if mode == "whole" else set()
    own = PROJECTIONS if make is vit else set()
    assert {n for n, p in encoder.named_parameters() if p.requires_grad} == expected | own
    if mode == "whole":
        assert got_gradients(encoder) == expected | own
    else:
        maps = encoder.train().trunk_maps(torch.randn(1, 3, 64, 64))
        assert not any(feature.requires_grad for feature in maps)
        assert not any(module.training for module in encoder.trunk.modules())


class TestPartlyTrainedVit(EncoderContract):
    beside_trunk = frozenset({"proj_low", "proj_high"})

    @pytest.fixture(params=[("last_blocks", "vit_tiny_patch16_224"), *(("lora", n) for n in ROTARY)], ids=str)
    def encoder(self, request: pytest.FixtureRequest) -> Encoder:
        mode, name = request.param
        return vit(FineTuning(mode, last_blocks=2, lora_rank=4), name)


class TestPartlyTrainedPyramid(EncoderContract):
    @pytest.fixture
    def encoder(self) -> Encoder:
        return pyramid(FineTuning("last_blocks", last_blocks=1))


# --- adapters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", *ROTARY])
def test_adapters_start_as_the_identity_and_are_all_that_learns(name: str) -> None:
    frozen, adapted = vit(FineTuning("frozen"), name).eval(), vit(FineTuning("lora", lora_rank=4), name).eval()
    adapted.proj_low, adapted.proj_high = frozen.proj_low, frozen.proj_high
    images = torch.randn(2, 3, 48, 64)
    with torch.no_grad():
        for own, wanted in zip(adapted(images), frozen(images), strict=True):
            torch.testing.assert_close(own, wanted, rtol=0, atol=0 if name == "vit_tiny_patch16_224" else 1e-6)
    layers = [f"trunk.blocks.{i}.attn.{layer}" for i in range(10) for layer in ("qkv", "proj")]
    expected = {f"{layer}.{part}" for layer in layers for part in ("up", "down")}
    assert got_gradients(adapted) == expected | PROJECTIONS
    trained = [p for n, p in adapted.named_parameters() if n in expected]
    assert sum(p.numel() for p in trained) == 10 * 4 * ((48 + 3 * 48) + (48 + 48))
    torch.optim.SGD(trained, lr=1.0).step()
    got_gradients(adapted)
    assert all(float(p.grad.abs().sum()) > 0 for p in trained if p.grad is not None)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", *ROTARY])
def test_trained_adapters_are_an_update_of_the_weights(name: str) -> None:
    adapted = vit(FineTuning("lora", lora_rank=4), name).eval()
    merged = vit(FineTuning("frozen"), name).eval()
    merged.proj_low, merged.proj_high = adapted.proj_low, adapted.proj_high
    with torch.no_grad():
        for path, layer in adapted.trunk.named_modules():
            if isinstance(layer, LoraLinear):
                layer.up.normal_(0, 0.2)
                merged.trunk.get_submodule(path).weight += layer.up @ layer.down
        images = torch.randn(1, 3, 48, 64)
        for own, wanted in zip(adapted(images), merged(images), strict=True):
            torch.testing.assert_close(own, wanted, rtol=1e-4, atol=1e-4)


def test_a_pyramid_takes_no_adapters() -> None:
    with pytest.raises(ConfigError, match=r"fine_tune = lora.*attention layers.*encoder\.fine_tune = last_blocks"):
        pyramid(FineTuning("lora"))


# --- a network around it, and its checkpoints -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Class:
    id: int
    name: str
    prompt: str = ""


CLASSES = [_Class(0, "stroma"), _Class(1, "gland")]
MODES = [
    ("vit", "frozen"), ("vit", "last_blocks"), ("vit", "lora"), ("vit", "whole"),
    ("bundled", "frozen"), ("bundled", "last_blocks"), ("bundled", "whole"),
]  # fmt: skip


@pytest.fixture
def config_for(tmp_path: Path, small_config: Callable[..., Config]) -> Callable[[str, str], Config]:
    def make(kind: str, mode: str) -> Config:
        encoder: dict[str, Any] = {"fine_tune": mode, "last_blocks": 1, "lora_rank": 2}
        if kind == "vit":
            path = tmp_path / "vit.safetensors"
            if not path.exists():
                torch.manual_seed(0)
                model: Any = timm.create_model("vit_tiny_patch16_224", num_classes=0)
                save_file({n: t.contiguous() for n, t in model.state_dict().items()}, path)
            encoder |= {"name": "vit_tiny_patch16_224", "weights_path": str(path), "taps": [0, 1]}
            encoder |= {"low_channels": 8, "high_channels": 16}
        return small_config(encoder=encoder, alignment={"embedding_dim": 8})

    return make


def trained_step(model: UniSemAlign, config: Config) -> dict[str, Tensor]:
    """The model after one step with a large rate; returns what it was before."""
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = build_optimizer(model, config.optimizer.model_copy(update={"encoder_lr": 0.01, "lr": 0.01}))
    for _ in range(2):  # adapters' first factor learns from the second step on
        optimizer.zero_grad()
        output = model.train()(torch.randn(2, 3, 64, 64))
        (model.fused(output).square().mean() + output.embedding.square().mean()).backward()
        optimizer.step()
    return before


@pytest.mark.parametrize(("kind", "mode"), MODES)
def test_checkpoint_round_trip(config_for: Callable[[str, str], Config], tmp_path: Path, kind: str, mode: str) -> None:
    config = config_for(kind, mode)
    model = build_model(config, CLASSES)
    before = trained_step(model, config)
    changed = {n for n, t in model.state_dict().items() if not torch.equal(t, before[n])}
    trunk = {n for n in changed if n.startswith("encoder.trunk.")}
    saved = checkpoints.saved_tensors(model)
    if mode == "frozen":
        assert trunk == set()
        assert not any(n.startswith("encoder.trunk.") for n in saved)
    else:
        assert trunk
        assert saved.keys() == model.state_dict().keys()
    checkpoints.save(tmp_path, saved, {}, {"step": 1}, is_best=True)
    image = torch.randn(1, 3, 64, 64)
    model.eval()
    if kind == "vit" and mode != "frozen":
        Path(str(config.encoder.weights_path)).unlink()  # the checkpoint holds all of it
    again = build_model(config, CLASSES, from_checkpoint=True).eval()
    checkpoints.load_tensors(again, checkpoints.open_checkpoint(tmp_path).model, tmp_path)
    with torch.no_grad():
        assert torch.equal(again.fused(again(image)), model.fused(model(image)))


@pytest.mark.parametrize(("kind", "mode"), MODES)
def test_the_optimizer_gets_what_is_trained(config_for: Callable[[str, str], Config], kind: str, mode: str) -> None:
    config = config_for(kind, mode)
    model = build_model(config, CLASSES)
    grouped = {id(p) for group in build_optimizer(model, config.optimizer).param_groups for p in group["params"]}
    assert grouped == {id(p) for p in model.parameters() if p.requires_grad}
    untouched = [n for n, p in model.encoder.trunk.named_parameters() if id(p) not in grouped]
    assert (untouched == []) == (mode == "whole")


def test_a_copy_that_never_learns_is_the_same_network(config_for: Callable[[str, str], Config]) -> None:
    """The teacher is a copy without gradients; adapters and frozen parts must not depend on that."""
    model = build_model(config_for("vit", "lora"), CLASSES).eval()
    for module in model.modules():
        if isinstance(module, LoraLinear):
            nn.init.normal_(module.up)
    teacher = copy.deepcopy(model).requires_grad_(False).eval()
    assert not teacher.encoder_is_external
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(teacher(image).logits, model(image).logits)
