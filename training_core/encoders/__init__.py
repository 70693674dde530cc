"""Encoders: one file per family behind the contract of `Encoder`; `build_encoder` makes the one of a configuration.

To add a family: a file with a subclass of `Encoder` and a loader, one line in `build_encoder`, its tests.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import timm
from timm.models import is_model_in_modules

from training_core.config import EncoderConfig
from training_core.encoders.base import Encoder
from training_core.encoders.efficientnet import BUNDLED, load_bundled, load_pyramid
from training_core.encoders.vit import UNI, VitEncoder, load_vit, timm_spec, vit_encoder
from training_core.errors import ConfigError

__all__ = ["Encoder", "VitEncoder", "build_encoder", "vit_encoder"]

_VIT_MODULES = ("vision_transformer", "deit")


def build_encoder(config: EncoderConfig) -> Encoder:
    """The encoder of this configuration with its weights, on the CPU, in float32.

    Weights: config.weights_path where given; else the installed package (efficientnet_lite0) or the Hugging Face hub,
    of which only a file that is not yet in its local cache is downloaded; random ones where config.pretrained is false.

    Raises
    ------
    ConfigError: an unknown encoder, or taps that it does not have. WeightsError: weights are missing or do not fit.
    """
    if config.weights_path is not None and not config.pretrained:
        raise ConfigError(
            "the configuration has both encoder.weights_path and encoder.pretrained = false (random weights)",
            "one of them",
            "remove encoder.pretrained to load the file",
        )
    path = Path(config.weights_path).expanduser() if config.weights_path is not None else None
    if config.name == BUNDLED:
        return load_bundled(weights_path=path, pretrained=config.pretrained, trainable=config.trainable)
    if config.name != "uni":
        _check_known(config.name)
    if config.name == "uni" or is_model_in_modules(config.name, _VIT_MODULES):
        return load_vit(
            UNI if config.name == "uni" else timm_spec(config.name),
            config.taps,
            config.low_channels,
            config.high_channels,
            weights_path=path,
            pretrained=config.pretrained,
            trainable=config.trainable,
        )
    return load_pyramid(config.name, weights_path=path, pretrained=config.pretrained, trainable=config.trainable)


def _check_known(name: str) -> None:
    try:
        timm.get_pretrained_cfg(name)  # refuses an unknown tag, as in resnet101.nobody
        known = timm.is_model(name)
    except RuntimeError:
        known = False
    if known:
        return
    close = difflib.get_close_matches(name, [BUNDLED, "uni", *timm.list_models()], n=3)
    raise ConfigError(
        f"the configuration has encoder.name = {name}, which neither this program nor timm knows",
        "efficientnet_lite0, uni, or a name that `timm.list_models()` lists",
        f"encoder.name = {' or '.join(close)}" if close else "encoder.name = efficientnet_lite0, the bundled one",
    )
