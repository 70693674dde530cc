"""Encoders: one file per family behind the contract of `Encoder`; `build_encoder` makes the one of a configuration.

`registry.py` knows the encoders by name; `filled_in` completes a configuration that leaves something to the encoder.
"""

from __future__ import annotations

from pathlib import Path

from training_core.base.errors import ConfigError
from training_core.network.encoders.base import Encoder
from training_core.network.encoders.conv_detail import add_detail
from training_core.network.encoders.efficientnet import load_pyramid
from training_core.network.encoders.fine_tune import FineTuning
from training_core.network.encoders.registered import build_registered, register_encoder
from training_core.network.encoders.registry import completed, filled_in, find_spec
from training_core.network.encoders.vit import VitEncoder, load_vit, vit_encoder
from training_core.settings.schema import EncoderConfig

__all__ = [
    "Encoder",
    "FineTuning",
    "VitEncoder",
    "build_encoder",
    "completed",
    "filled_in",
    "fine_tuning_of",
    "is_external",
    "register_encoder",
    "vit_encoder",
]


def build_encoder(config: EncoderConfig) -> Encoder:
    """The encoder of this configuration with its weights, on the CPU, in float32.

    Weights: config.weights_path where given; else the installed package (efficientnet_lite0) or the Hugging Face hub,
    of which only a file that is not yet in its local cache is downloaded; random ones where config.pretrained is false.

    Raises
    ------
    ConfigError
        An unknown encoder, or taps that it does not have.
    WeightsError
        Weights are missing or do not fit.
    """
    if config.weights_path is not None and not config.pretrained:
        raise ConfigError(
            "the configuration has both encoder.weights_path and encoder.pretrained = false (random weights)",
            "only one of them",
            "remove encoder.pretrained to load the file",
        )
    path = Path(config.weights_path).expanduser() if config.weights_path is not None else None
    spec, config = find_spec(config.name), filled_in(config)
    fine_tuning = fine_tuning_of(config)
    if spec.make is not None:
        return build_registered(spec, path, fine_tuning)
    if config.taps is None or spec.family == "pyramid":
        return load_pyramid(
            spec, weights_path=path, pretrained=config.pretrained, offline=config.offline, fine_tuning=fine_tuning
        )
    assert config.high_channels is not None  # filled in
    encoder = load_vit(
        spec,
        config.taps,
        config.low_channels,
        config.high_channels,
        weights_path=path,
        pretrained=config.pretrained,
        offline=config.offline,
        fine_tuning=fine_tuning,
    )
    add_detail(encoder, config.detail, pretrained=config.pretrained)
    return encoder


def is_external(config: EncoderConfig) -> bool:
    """Whether checkpoints leave this encoder out: it is frozen, and its published weights can be read again.

    Raises
    ------
    ConfigError
        An unknown encoder.
    """
    frozen = filled_in(config).fine_tune == "frozen"
    return config.pretrained and frozen and find_spec(config.name).make is None


def fine_tuning_of(config: EncoderConfig) -> FineTuning:
    """How the encoder of this configuration is trained.

    Raises
    ------
    ConfigError
        An unknown encoder.
    """
    mode = filled_in(config).fine_tune
    assert mode is not None  # filled in
    return FineTuning(mode, config.last_blocks, config.lora_rank)
