"""The named encoders: each through its real loading path, from a small file with its publisher's key names."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.eva import Eva
from torch import Tensor

from training_core.base.errors import ConfigError, WeightsError
from training_core.cli.main import main
from training_core.network.encoders import VitEncoder, build_encoder, filled_in
from training_core.network.encoders.registry import REGISTRY, EncoderSpec, default_taps, find_spec
from training_core.settings.schema import EncoderConfig

DOCS = Path(__file__).resolve().parents[3] / "docs" / "encoders.md"
VITS = [key for key, spec in REGISTRY.items() if spec.family == "vit"]
SMALL = {"depth": 4, "embed_dim": 48, "num_heads": 3}
TRANSFORMERS = ("phikon_v2", "hibou_b", "hibou_l")

# Millions of parameters as published; of CONCH the image trunk alone.
PUBLISHED_M = {
    "efficientnet_lite0": 4.7, "uni": 303, "uni2_h": 681, "conch": 86, "virchow2": 631, "h_optimus_0": 1135,
    "h_optimus_1": 1135, "prov_gigapath": 1135, "phikon_v2": 303, "hibou_b": 86, "hibou_l": 304,
    "lunit_dino_vits16": 21.7, "dinov2_vits14": 22.1, "dinov2_vitb14": 86.6, "dinov2_vitl14": 304,
    "dinov3_vits16": 21.6, "dinov3_vitb16": 85.7, "dinov3_vitl16": 303, "resnet101": 44.5,
}  # fmt: skip


def whole_model(spec: EncoderSpec, **options: Any) -> Any:
    """timm's own model of this architecture, uncut, with weights that matter (layer scales far from 1e-5, biases)."""
    options = {**spec.options, "dynamic_img_size": True, "num_classes": 0, **options}
    model = timm.create_model(spec.timm_name, pretrained=False, **options)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 0.3 if "gamma" in name else 0.05
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def in_transformers_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """timm's tensors as transformers' Dinov2Model (with registers, where there are some) publishes them."""
    names = {
        "patch_embed.proj": "embeddings.patch_embeddings.projection", "norm": "layernorm",
        "attn.proj": "attention.output.dense", "ls1.gamma": "layer_scale1.lambda1",
        "ls2.gamma": "layer_scale2.lambda1", "reg_token": "embeddings.register_tokens",
        "cls_token": "embeddings.cls_token", "pos_embed": "embeddings.position_embeddings",
    }  # fmt: skip
    if "reg_token" in state:
        names |= {"mlp.fc1": "mlp.weights_in", "mlp.fc2": "mlp.weights_out"}  # Hibou's feed-forward is a SwiGLU
        own_position = torch.randn(1, 1, state["cls_token"].shape[-1])
        state = state | {
            "cls_token": state["cls_token"] - own_position,
            "pos_embed": torch.cat([own_position, state["pos_embed"]], 1),
        }
    result = {"embeddings.mask_token": torch.randn(1, state["cls_token"].shape[-1])}
    for name, tensor in state.items():
        block = re.match(r"blocks\.(\d+)\.", name)
        prefix = f"encoder.layer.{block[1]}." if block else ""
        rest = name[block.end() :] if block else name
        stem, _, kind = rest.rpartition(".")
        if stem == "attn.qkv":
            for which, part in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                result[f"{prefix}attention.attention.{which}.{kind}"] = part.clone()
        elif rest in names:
            result[prefix + names[rest]] = tensor
        else:
            result[f"{prefix}{names.get(stem, stem)}.{kind}"] = tensor
    return result


def as_published(key: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    if key == "conch":
        others = {
            "logit_scale": torch.ones(()), "text.token_embedding.weight": torch.ones(9, 4),
            "text.transformer.resblocks.0.ln_1.weight": torch.ones(4), "text.ln_final.weight": torch.ones(4),
            "visual.attn_pool_contrast.query": torch.ones(1, 4), "visual.ln_contrast.weight": torch.ones(4),
        }  # fmt: skip
        return {f"visual.trunk.{name}": tensor for name, tensor in state.items()} | others
    return in_transformers_names(state) if key in TRANSFORMERS else state


def write(path: Path, tensors: dict[str, Tensor]) -> Path:
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


def small(key: str, monkeypatch: pytest.MonkeyPatch) -> EncoderSpec:
    """The registry's entry with fewer and narrower blocks; everything else of its loading is real."""
    spec = dataclasses.replace(REGISTRY[key], taps=(0, 2), options={**REGISTRY[key].options, **SMALL})
    monkeypatch.setitem(REGISTRY, key, spec)
    return spec


def load(key: str, path: Path) -> VitEncoder:
    encoder = build_encoder(
        EncoderConfig(name=key, weights_path=str(path), low_channels=8, high_channels=12, detail="none")
    )
    assert isinstance(encoder, VitEncoder)
    return encoder.eval()


@pytest.mark.parametrize("key", VITS)
def test_a_published_file_gives_the_whole_models_maps(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the class and register tokens are dropped as timm drops them, at sizes other than the pretraining's."""
    spec = small(key, monkeypatch)
    model = whole_model(spec)
    encoder = load(key, write(tmp_path / spec.source.file.split(" or ")[0], as_published(key, model.state_dict())))
    assert (encoder.mean, encoder.std) == (spec.mean, spec.std)
    assert encoder.strides == (spec.cell_px, spec.cell_px)
    assert encoder.multiple_px == spec.cell_px
    assert len(encoder.trunk.blocks) == 3
    assert not any(p.requires_grad for p in encoder.trunk.parameters())
    for cells in [(3, 4), (16, 16)]:
        images = torch.randn(1, 3, *(cell * spec.cell_px for cell in cells))
        with torch.no_grad():
            expected = model.forward_intermediates(images, indices=[0, 2], norm=False, intermediates_only=True)
            low, high = encoder(images)
            torch.testing.assert_close(encoder.trunk_maps(images), expected)
            torch.testing.assert_close(low, encoder.proj_low(expected[0]))
            torch.testing.assert_close(high, encoder.proj_high(expected[1]))
        assert low.shape == (1, 8, *cells)
        assert high.shape == (1, 12, *cells)


@pytest.mark.parametrize("key", VITS)
def test_a_file_of_another_encoder_is_refused(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = small(key, monkeypatch)
    wider = whole_model(spec, embed_dim=192)
    path = write(tmp_path / "other.pth", as_published(key, wider.state_dict()))
    with pytest.raises(WeightsError, match=r"other\.pth has .* of shape") as error:
        load(key, path)
    assert str(spec.source.page) in str(error.value)


@pytest.mark.parametrize("key", sorted(PUBLISHED_M))
def test_the_full_architecture_has_the_published_size(key: str) -> None:
    spec = REGISTRY[key]
    with torch.device("meta"):
        model = timm.create_model(spec.timm_name, pretrained=False, **spec.options)
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    assert millions == pytest.approx(PUBLISHED_M[key], rel=0.02)
    if spec.family == "vit":
        assert model.patch_embed.patch_size == (spec.cell_px, spec.cell_px)
        assert spec.taps is not None
        assert 0 <= spec.taps[0] < spec.taps[1] < len(model.blocks)


def test_every_entry_is_tested() -> None:
    assert PUBLISHED_M.keys() == REGISTRY.keys()


# --- files of other programs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "swiglu"), [("phikon_v2", False), ("hibou_b", True)])
def test_transformers_own_model_gives_the_same_maps(
    key: str, swiglu: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers", reason="only a check of the conversion, not a dependency")
    spec = small(key, monkeypatch)
    kind = "Dinov2WithRegisters" if swiglu else "Dinov2"
    config = getattr(transformers, f"{kind}Config")(
        hidden_size=48, num_hidden_layers=4, num_attention_heads=3, patch_size=spec.cell_px, image_size=224,
        layerscale_value=0.7, use_swiglu_ffn=swiglu,
    )  # fmt: skip
    torch.manual_seed(0)
    theirs = getattr(transformers, f"{kind}Model")(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    theirs.save_pretrained(tmp_path)
    encoder = load(key, tmp_path / "model.safetensors")
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        states = theirs(images, output_hidden_states=True).hidden_states
        maps = encoder.trunk_maps(images)
    for block, own in zip((0, 2), maps, strict=True):
        cells = 224 // spec.cell_px
        tokens = states[block + 1][:, -cells * cells :]
        torch.testing.assert_close(own, tokens.transpose(1, 2).unflatten(2, (cells, cells)))


def test_a_file_of_dinov3s_authors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """Their names: storage tokens, layer scales, qkv biases that are zero, rotary periods, a mask token."""
    spec = small("dinov3_vits16", monkeypatch)
    model = whole_model(spec)
    assert isinstance(model, Eva)
    theirs = {"rope_embed.periods": torch.ones(4), "mask_token": torch.ones(1, 48)}
    for name, tensor in model.state_dict().items():
        name = name.replace("reg_token", "storage_tokens").replace("gamma_1", "ls1.gamma")
        theirs[name.replace("gamma_2", "ls2.gamma")] = tensor
        if name.endswith("qkv.weight"):
            theirs[name.replace("weight", "bias")] = torch.zeros(len(tensor))
            theirs[name.replace("weight", "bias_mask")] = torch.ones(len(tensor))
    encoder = load("dinov3_vits16", write(tmp_path / "dinov3.pth", theirs))
    images = torch.randn(1, 3, 64, 48)
    with torch.no_grad():
        expected = model.forward_intermediates(images, indices=[0, 2], norm=False, intermediates_only=True)
        torch.testing.assert_close(encoder.trunk_maps(images), expected)
    assert capfd.readouterr() == ("", ""), "events go over standard output"


def test_a_file_of_dinov2s_authors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = small("dinov2_vits14", monkeypatch)
    model = whole_model(spec)
    path = write(tmp_path / "dinov2.pth", model.state_dict() | {"mask_token": torch.ones(1, 48)})
    images = torch.randn(1, 3, 28, 42)
    with torch.no_grad():
        expected = model.forward_intermediates(images, indices=[0, 2], norm=False, intermediates_only=True)
        torch.testing.assert_close(load("dinov2_vits14", path).trunk_maps(images), expected)


def test_a_damaged_transformers_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = small("phikon_v2", monkeypatch)
    tensors = in_transformers_names(whole_model(spec).state_dict())
    del tensors["encoder.layer.1.attention.attention.key.weight"]
    with pytest.raises(WeightsError, match=r"does not have the layout of a ViT .*key\.weight"):
        load("phikon_v2", write(tmp_path / "model.safetensors", tensors))


# --- names and what they leave open -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "taps", "fine_tune"),
    [
        ("efficientnet_lite0", None, "whole"),
        ("resnet101", None, "whole"),
        ("resnet18", None, "whole"),
        ("uni", (2, 9), "frozen"),
        ("dinov2_vits14", (2, 9), "frozen"),
        ("virchow2", (7, 25), "frozen"),
        ("h_optimus_1", (9, 32), "frozen"),
        ("vit_tiny_patch16_224", (2, 9), "frozen"),
        ("vit_large_patch16_dinov3", (5, 19), "frozen"),
    ],
)
def test_what_the_encoder_decides_itself(name: str, taps: tuple[int, int] | None, fine_tune: str) -> None:
    filled = filled_in(EncoderConfig(name=name))
    assert (filled.taps, filled.fine_tune) == (taps, fine_tune)
    assert filled.detail == ("none" if taps is None else "efficientnet_lite0")
    own = EncoderConfig(name=name, taps=(1, 3), fine_tune="last_blocks", high_channels=9, detail="none")
    assert filled_in(own) == own
    assert filled_in(own.model_copy(update={"high_channels": None})).high_channels == 2048


def test_default_taps_are_two_blocks_of_any_depth() -> None:
    assert [default_taps(depth) for depth in (12, 24, 32, 40)] == [(2, 9), (5, 19), (7, 25), (9, 32)]
    for depth in range(2, 60):
        low, high = default_taps(depth)
        assert 0 <= low < high < depth


@pytest.mark.parametrize(("name", "close"), [("uni2", "uni2_h"), ("h_optimus", "h_optimus_"), ("phikon", "phikon_v2")])
def test_close_names_are_suggested(name: str, close: str) -> None:
    with pytest.raises(ConfigError, match=rf"encoder\.name = {name}.*Needed: efficientnet_lite0, uni, .*{close}"):
        find_spec(name)


def test_a_timm_name_brings_timms_record() -> None:
    spec = find_spec("vit_small_patch16_dinov3.lvd1689m")
    assert (spec.family, spec.cell_px, spec.license) == ("vit", 16, "dinov3-license")
    assert spec.source.page == "https://huggingface.co/timm/vit_small_patch16_dinov3.lvd1689m"


# --- the listing ------------------------------------------------------------------------------------------------------


def test_the_documented_table_is_the_registry() -> None:
    def row(spec: EncoderSpec) -> str:
        cell = f"{'patch' if spec.family == 'vit' else 'stride'} {spec.cell_px}"
        taps = ", ".join(map(str, spec.taps or ())) or "-"
        mpp = ", ".join(map(str, spec.mpp_um)) or "-"
        access = "gated" if spec.source.access.startswith("gated") else "open"
        link = f"[{spec.title}]({spec.source.page})"
        return f"| `{spec.key}` | {link} | {spec.license} | {access} | {cell} | {taps} | {mpp} | {spec.source.file} |"

    lines = DOCS.read_text(encoding="utf-8").splitlines()
    documented = [line for line in lines if line.startswith("| `") and line.count("|") == 9][1:]
    assert documented == [row(spec) for spec in REGISTRY.values()]


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    cached = tmp_path / "hub" / "models--owkin--phikon-v2"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("a" * 40)
    write_to = cached / "snapshots" / ("a" * 40)
    write_to.mkdir(parents=True)
    (write_to / "model.safetensors").write_bytes(b"")
    assert main(["encoders", "--json", str(tmp_path / "encoders.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(REGISTRY) + 1
    here = {line.split()[0]: line.split()[1] for line in lines[1:]}
    assert {key for key, answer in here.items() if answer == "yes"} == {"efficientnet_lite0", "phikon_v2"}
    uni = next(line for line in lines if line.startswith("uni "))
    assert "gated: https://huggingface.co/MahmoodLab/UNI" in uni
    listed = json.loads((tmp_path / "encoders.json").read_text())["encoders"]
    assert [each["key"] for each in listed] == list(REGISTRY)
    by_key = {each["key"]: each for each in listed}
    assert by_key["phikon_v2"]["local_file"] == str(write_to / "model.safetensors")
    assert by_key["uni"] == {
        "key": "uni", "title": "UNI", "license": "CC-BY-NC-ND-4.0", "local_file": None, "family": "vit", "cell_px": 16,
        "access": "gated: https://huggingface.co/MahmoodLab/UNI", "page": "https://huggingface.co/MahmoodLab/UNI",
        "file": "pytorch_model.bin", "taps": [2, 9], "mpp_um": [0.5],
        "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
    }  # fmt: skip
    assert main(["encoders", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["encoders"] == listed
