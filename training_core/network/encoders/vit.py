"""Plain vision transformers as encoders: the tokens after two blocks, as maps of one stride.

Source: UniSemAlign's UNI encoder (docs/method.md). UNI is a ViT-L/16; every ViT that timm builds as a
VisionTransformer or an Eva (DINOv3) works the same way.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

import timm
import torch
from timm.models import eva, is_model_in_modules, vision_transformer
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from training_core.base.errors import ConfigError, WeightsError
from training_core.network.encoders.base import RGB, Encoder, rgb
from training_core.network.encoders.fine_tune import FineTuning, apply_fine_tune
from training_core.network.encoders.registry import EncoderSpec, Taps, default_taps
from training_core.network.encoders.transformers_names import from_transformers
from training_core.network.weight_files import Need, check_shape, load_weights, read_weights, refuse_extra, strip_prefix

Trunk = VisionTransformer | Eva


class VitEncoder(Encoder):
    """Tokens after two blocks of a ViT, (B, width, H / patch, W / patch), each through its own 1x1 convolution.

    Class and register tokens are dropped and the final norm is not applied. Blocks after the deeper tap are not kept.
    The projections `proj_low` and `proj_high` are trained also where the ViT itself is frozen.
    """

    def __init__(
        self, trunk: Trunk, blocks: Taps, low_channels: int, high_channels: int, *, mean: RGB, std: RGB
    ) -> None:
        patch = int(trunk.patch_embed.patch_size[0])
        super().__init__(
            trunk,
            channels=(low_channels, high_channels),
            strides=(patch, patch),
            mean=mean,
            std=std,
            multiple_px=patch,
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

    def last_parameters(self, n: int) -> list[nn.Parameter]:
        """The parameters of the last `n` blocks up to the deeper tap."""
        return list(cast(nn.Sequential, self.trunk.blocks)[-n:].parameters())


def vit_encoder(
    model: Trunk,
    taps: Taps,
    low_channels: int,
    high_channels: int,
    *,
    mean: RGB | None = None,
    std: RGB | None = None,
    fine_tuning: FineTuning | None = None,
) -> VitEncoder:
    """An encoder out of a timm ViT made with dynamic_img_size=True; the model is cut after the deeper tap.

    Parameters
    ----------
    taps
        0-based blocks whose tokens are the low and the high features.
    mean, std
        None takes the model's own.
    fine_tuning
        None trains the whole ViT.

    Raises
    ------
    ConfigError
        The taps are not two increasing blocks of this model.
    """
    check_taps(taps, len(model.blocks))
    model.prune_intermediate_layers(list(taps), prune_norm=True, prune_head=True)
    cfg = cast("dict[str, Any]", model.pretrained_cfg)
    encoder = VitEncoder(
        model, taps, low_channels, high_channels, mean=mean or rgb(cfg["mean"]), std=std or rgb(cfg["std"])
    )
    apply_fine_tune(encoder, fine_tuning or FineTuning())
    return encoder


def check_taps(taps: Taps, depth: int) -> None:
    """Raise a ConfigError unless `taps` are two increasing blocks of a ViT with `depth` blocks."""
    low, high = taps
    if not 0 <= low < high < depth:
        raise ConfigError(
            f"the configuration has encoder.taps = [{low}, {high}]",
            f"two increasing blocks from 0 to {depth - 1}, this encoder's blocks",
            f"encoder.taps = {list(default_taps(depth))}",
        )


def load_vit(
    spec: EncoderSpec,
    taps: Taps,
    low_channels: int,
    high_channels: int,
    *,
    weights_path: Path | None,
    pretrained: bool,
    offline: bool,
    fine_tuning: FineTuning,
) -> VitEncoder:
    """The encoder of `spec` with weights from a local file, else from the hub; pretrained=False: random weights.

    Raises
    ------
    ConfigError
        Taps that this model does not have.
    WeightsError
        Weights that are missing or do not fit.
    """
    # On the meta device weights that come from a file cost no memory and no initialisation. Eva computes buffers that
    # no file holds (rotary positions) while it is built, so it cannot be built there.
    on_meta = pretrained and not is_model_in_modules(spec.timm_name, ("eva",))
    options = {**spec.options, "dynamic_img_size": True, "num_classes": 0, "pretrained": False}
    with torch.device("meta" if on_meta else "cpu"):
        model = cast(Trunk, timm.create_model(spec.timm_name, **options))
    check_taps(taps, len(model.blocks))
    if pretrained:
        need = spec.source.need
        path = weights_path or spec.source.fetch(offline=offline)
        weights = _timm_layout(read_weights(path, need), model, path, need)
        refuse_extra(weights, model.state_dict().keys(), path, need, also=("reg_token", "norm_pre"))
        model.prune_intermediate_layers(list(taps), prune_norm=True, prune_head=True)
        load_weights(model, weights, path, need)
    return vit_encoder(model, taps, low_channels, high_channels, mean=spec.mean, std=spec.std, fine_tuning=fine_tuning)


def _timm_layout(weights: dict[str, Tensor], model: Trunk, path: Path, need: Need) -> dict[str, Tensor]:
    """Names as timm has them, and position embeddings of another image size resampled to the model's grid."""
    names = model.state_dict().keys()
    try:
        weights = strip_prefix(from_transformers(weights), names)
        patch = weights.get("patch_embed.proj.weight")
        if patch is not None and patch.ndim == 4:  # timm would resample another patch size silently
            check_shape("patch_embed.proj.weight", patch, model.patch_embed.proj.weight, path, need)
        if "pos_embed" in weights:
            weights["pos_embed"] = weights["pos_embed"].float()  # resampling in float16 would round
        if isinstance(model, Eva):
            return eva.checkpoint_filter_fn(_without_zero_biases(weights, names), model)
        return vision_transformer.checkpoint_filter_fn(weights, model)
    except (RuntimeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise WeightsError(f"{path} does not have the layout of a ViT ({error})", need.file, need.hint) from error


def _without_zero_biases(weights: dict[str, Tensor], names: Collection[str]) -> dict[str, Tensor]:
    """Without the biases of DINOv3's own files that are zero throughout, which timm's models do not have."""
    parts = {name.rpartition(".")[0] for name in names if name.endswith(".q_bias")}

    def superfluous(name: str, tensor: Tensor) -> bool:
        return name.endswith(".qkv.bias") and name.removesuffix(".qkv.bias") not in parts and not tensor.any()

    return {name: tensor for name, tensor in weights.items() if not superfluous(name, tensor)}
