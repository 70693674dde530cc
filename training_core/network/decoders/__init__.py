"""Decoders: feature maps of an encoder in, class logits out. A new decoder is one file here and one line below."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from training_core.base.errors import ConfigError
from training_core.network.decoders.deeplabv3plus import DeepLabV3Plus
from training_core.network.decoders.unet import UNet
from training_core.settings.schema import DecoderConfig

__all__ = ["DeepLabV3Plus", "UNet", "build_decoder"]


def build_decoder(config: DecoderConfig, channels: Sequence[int], strides: Sequence[int], n_classes: int) -> nn.Module:
    """A module that maps features [(B, channels[i], H/strides[i], W/strides[i])] to logits (B, C, h, w), h <= H.

    Raises
    ------
    ConfigError
        The decoder cannot work on such features.
    """
    is_pyramid = len(channels) >= 3
    if config.name == "deeplabv3plus" or (config.name == "auto" and not is_pyramid):
        return DeepLabV3Plus(channels, strides, n_classes, dilations=config.dilations)
    if not is_pyramid:
        raise ConfigError(
            f"decoder.name = 'unet' with an encoder of {len(channels)} feature maps",
            "an encoder with at least 3 feature maps of decreasing resolution",
            "set decoder.name=deeplabv3plus, which every encoder supports",
        )
    return UNet(channels, strides, n_classes)
