"""An encoder of your own under a name: `register_encoder`, and what `build_encoder` does with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from training_core.base.errors import ConfigError
from training_core.network.encoders.base import Encoder
from training_core.network.encoders.fine_tune import FineTuning, apply_fine_tune
from training_core.network.encoders.hub import HubSource
from training_core.network.encoders.registry import REGISTRY, EncoderSpec, is_known_to_timm
from training_core.network.weight_files import load_weights, read_weights


def register_encoder(name: str, make: Callable[[], Encoder], *, license: str = "your own") -> None:
    """Let `encoder.name = name` stand for the encoder that `make` builds, in this process.

    A name may be registered again; the last one counts. The whole encoder is trained and kept in checkpoints unless
    `encoder.fine_tune` says otherwise. `encoder.weights_path` is read into its trunk.

    Parameters
    ----------
    name
        The name in the settings.
    make
        Builds the encoder, such as a subclass of `Encoder` that needs no arguments.
    license
        The licence of its weights, for listings.

    Raises
    ------
    ConfigError
        The name is one of this program's or of timm's.
    """
    taken = REGISTRY[name].make is None if name in REGISTRY else is_known_to_timm(name)
    if taken:
        raise ConfigError(
            f"the encoder name {name} is taken", "a name that neither this program nor timm uses", f"my_{name}"
        )
    REGISTRY[name] = EncoderSpec(name, name, license, "pyramid", name, HubSource(name, None), cell_px=None, make=make)


def build_registered(spec: EncoderSpec, weights_path: Path | None, fine_tuning: FineTuning) -> Encoder:
    """The encoder that was registered, with the weights of a local file where one is given.

    Raises
    ------
    ConfigError
        Its maps do not have the published sizes.
    WeightsError
        The file does not fit.
    """
    assert spec.make is not None
    encoder = spec.make()
    _check_maps(encoder, spec.key)
    if weights_path is not None:
        need = spec.source.need
        load_weights(encoder.trunk, read_weights(weights_path, need), weights_path, need)
    apply_fine_tune(encoder, fine_tuning)
    return encoder


def _check_maps(encoder: Encoder, name: str) -> None:
    """Say now what would be a shape error deep inside the decoder."""
    height, width = 2 * encoder.multiple_px, 3 * encoder.multiple_px
    training = encoder.training
    encoder.eval()
    with torch.no_grad():
        maps = encoder(torch.zeros(1, 3, height, width))
    encoder.train(training)
    given = [tuple(each.shape[1:]) for each in maps]
    promised = [(c, height // s, width // s) for c, s in zip(encoder.channels, encoder.strides, strict=True)]
    if given != promised:
        raise ConfigError(
            f"the encoder {name} turns an image of {height} x {width} px into maps of the shapes {given}",
            f"{promised}, which its channels and strides promise",
            "correct channels and strides, or what trunk_maps returns",
        )
