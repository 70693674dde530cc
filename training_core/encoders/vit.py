"""Plain vision transformers as encoders: the tokens after two blocks, as maps of one stride.

Source: UniSemAlign's UNI encoder (docs/method.md). UNI is a ViT-L/16; any timm VisionTransformer works the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import timm
import torch
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor, nn

from training_core.encoders.base import IMAGENET_MEAN, IMAGENET_STD, RGB, Encoder, rgb, timm_normalization
from training_core.encoders.hub import HubSource, timm_source
from training_core.errors import ConfigError, WeightsError
from training_core.weights import Need, check_shape, load_weights, read_weights, refuse_extra, strip_prefix


@dataclass(frozen=True)
class VitSpec:
    """One pretrained ViT: how timm builds it, how its input is normalised and where its weights are published."""

    timm_name: str
    mean: RGB
    std: RGB
    source: HubSource
    timm_options: Mapping[str, Any] = field(default_factory=dict)


UNI = VitSpec(
    timm_name="vit_large_patch16_224",
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    source=HubSource("UNI", "MahmoodLab/UNI", ("pytorch_model.bin",), gated=True),
    timm_options={"init_values": 1e-5},
)


class VitEncoder(Encoder):
    """Tokens after two blocks of a ViT, (B, width, H / patch, W / patch), each through its own 1x1 convolution.

    Class and register tokens are dropped and the final norm is not applied. Blocks after the deeper tap are not kept.
    The projections `proj_low` and `proj_high` are trained also where the ViT itself is frozen.
    """

    def __init__(
        self,
        trunk: VisionTransformer,
        blocks: tuple[int, int],
        low_channels: int,
        high_channels: int,
        *,
        mean: RGB,
        std: RGB,
        trainable: bool,
    ) -> None:
        patch = int(trunk.patch_embed.patch_size[0])
        super().__init__(
            trunk,
            channels=(low_channels, high_channels),
            strides=(patch, patch),
            mean=mean,
            std=std,
            multiple_px=patch,
            trainable=trainable,
        )
        self.blocks = blocks
        self.proj_low = nn.Conv2d(trunk.embed_dim, low_channels, 1)
        self.proj_high = nn.Conv2d(trunk.embed_dim, high_channels, 1)

    def trunk_maps(self, images: Tensor) -> list[Tensor]:
        """Both taps' tokens as maps, (B, width, H / patch, W / patch)."""
        maps = cast(Any, self.trunk).forward_intermediates(
            images, indices=list(self.blocks), norm=False, intermediates_only=True
        )
        return cast("list[Tensor]", maps)

    def project(self, maps: list[Tensor]) -> list[Tensor]:
        """Low and high features, (B, low_channels | high_channels, H / patch, W / patch)."""
        low, high = maps
        return [self.proj_low(low), self.proj_high(high)]


def vit_encoder(
    model: VisionTransformer,
    taps: tuple[int, int],
    low_channels: int,
    high_channels: int,
    *,
    mean: RGB | None = None,
    std: RGB | None = None,
    trainable: bool = True,
) -> VitEncoder:
    """An encoder out of a timm ViT made with dynamic_img_size=True; the model is cut after the deeper tap.

    taps: 0-based blocks whose tokens are the low and the high features. mean, std: None takes the model's own.

    Raises
    ------
    ConfigError: the taps are not two increasing blocks of this model.
    """
    check_taps(taps, len(model.blocks))
    model.prune_intermediate_layers(list(taps), prune_norm=True, prune_head=True)
    cfg = cast("dict[str, Any]", model.pretrained_cfg)
    return VitEncoder(
        model,
        taps,
        low_channels,
        high_channels,
        mean=mean or rgb(cfg["mean"]),
        std=std or rgb(cfg["std"]),
        trainable=trainable,
    )


def check_taps(taps: tuple[int, int], depth: int) -> None:
    """Raise a ConfigError unless `taps` are two increasing blocks of a ViT with `depth` blocks."""
    low, high = taps
    if not 0 <= low < high < depth:
        raise ConfigError(
            f"the configuration has encoder.taps = [{low}, {high}]",
            f"two increasing blocks from 0 to {depth - 1}, this encoder's blocks",
            f"encoder.taps = [{min(2, depth - 2)}, {min(9, depth - 1)}]",
        )


def load_vit(
    spec: VitSpec,
    taps: tuple[int, int],
    low_channels: int,
    high_channels: int,
    *,
    weights_path: Path | None,
    pretrained: bool,
    trainable: bool,
) -> VitEncoder:
    """The encoder of `spec` with weights from a local file, else from the hub; pretrained=False: random weights.

    Raises
    ------
    ConfigError: taps that this model does not have. WeightsError: weights that are missing or do not fit.
    """
    options = {**spec.timm_options, "dynamic_img_size": True, "num_classes": 0, "pretrained": False}
    if not pretrained:
        model = cast(VisionTransformer, timm.create_model(spec.timm_name, **options))
        return vit_encoder(model, taps, low_channels, high_channels, mean=spec.mean, std=spec.std, trainable=trainable)
    with torch.device("meta"):  # no memory and no initialisation for weights that come from a file
        model = cast(VisionTransformer, timm.create_model(spec.timm_name, **options))
    check_taps(taps, len(model.blocks))
    path = weights_path or spec.source.fetch()
    weights = _timm_layout(read_weights(path, spec.source.need), model, path, spec.source.need)
    refuse_extra(weights, model.state_dict().keys(), path, spec.source.need, also=("reg_token", "norm_pre"))
    model.prune_intermediate_layers(list(taps), prune_norm=True, prune_head=True)
    load_weights(model, weights, path, spec.source.need)
    return vit_encoder(model, taps, low_channels, high_channels, mean=spec.mean, std=spec.std, trainable=trainable)


def timm_spec(name: str) -> VitSpec:
    """The spec of a ViT by its timm name, from timm's own record of its weights."""
    mean, std = timm_normalization(name)
    return VitSpec(name, mean=mean, std=std, source=timm_source(name))


def _timm_layout(weights: dict[str, Tensor], model: VisionTransformer, path: Path, need: Need) -> dict[str, Tensor]:
    """Names as timm has them, and position embeddings of another image size resampled to the model's grid."""
    weights = strip_prefix(weights, model.state_dict().keys())
    patch = weights.get("patch_embed.proj.weight")
    if patch is not None and patch.ndim == 4:  # timm would resample another patch size silently
        check_shape("patch_embed.proj.weight", patch, model.patch_embed.proj.weight, path, need)
    if "pos_embed" in weights:
        weights["pos_embed"] = weights["pos_embed"].float()  # resampling in float16 would round
    try:
        return checkpoint_filter_fn(weights, model)
    except (RuntimeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise WeightsError(f"{path} does not have the layout of a ViT ({error})", need.file, need.hint) from error
