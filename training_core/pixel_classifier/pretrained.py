"""The pretrained encoder of a process: built once, for features, and the same one for the network of a run.

`Warm` is what the live preview has of it when a training begins in its process.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from training_core.compute.device import Compute, one_thread
from training_core.pixel_classifier.encode import ready
from training_core.pixel_classifier.store import FeatureStore
from training_core.project import Project
from training_core.settings.schema import Config

if TYPE_CHECKING:
    from training_core.network.encoders import Encoder


def _say_nothing() -> None:
    return None


class PretrainedEncoder:
    """Called, gives the encoder `ready` for features; building it does not touch the run's own chance.

    Parameters
    ----------
    config
        Settled; encoder and seed are used.
    on_build
        Called before the encoder is built, which takes seconds where timm was not imported yet.
    """

    def __init__(self, config: Config, compute: Compute, on_build: Callable[[], None] = _say_nothing) -> None:
        self._config, self._compute, self._on_build = config, compute, on_build
        self._built: tuple[Encoder, torch.Tensor] | None = None
        self._pretrained: Encoder | None = None

    def __call__(self) -> Encoder:
        """The encoder, built now where it was not.

        Raises
        ------
        WeightsError
            Its weights are missing.
        """
        if self._pretrained is None:
            from training_core.network.encoders import build_encoder  # timm: not needed where the cache knows the tiles

            self._on_build()
            with one_thread(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(self._config.seed)
                encoder = build_encoder(self._config.encoder)
                self._built = (encoder, torch.get_rng_state())
            own = copy.deepcopy(encoder) if _is_trained(encoder) else encoder
            self._pretrained = ready(own, self._compute)
        return self._pretrained

    def hand_over(self) -> Encoder | None:
        """The encoder, if it was built already, for the network; chance goes on as if it was built at this moment."""
        if self._built is None:
            return None
        encoder, random_state = self._built
        torch.set_rng_state(random_state)
        return encoder

    def share(self, encoder: Encoder) -> None:
        """Use the network's own encoder where it stays as it was pretrained."""
        if self._pretrained is None and not _is_trained(encoder):
            self._pretrained = encoder

    def forget_copy(self) -> None:
        """Do without what only `hand_over` needs: the network then builds an equal encoder."""
        self._built = None


@dataclass(frozen=True)
class Warm:
    """What a process has ready for a run: the encoder, and features of tiles in memory."""

    project: Project
    config: Config
    compute: Compute
    encoder: PretrainedEncoder
    store: FeatureStore

    @classmethod
    def up(
        cls, project: Project, config: Config, compute: Compute, on_build: Callable[[], None] = _say_nothing
    ) -> Warm:
        """Nothing is ready yet."""
        encoder = PretrainedEncoder(config, compute, on_build)
        return cls(project, config, compute, encoder, FeatureStore(project, config.encoder, compute, encoder))

    def serves(self, project: Project, config: Config, compute: Compute) -> bool:
        """Whether a run of these would make the same for itself."""
        own, other = (each.encoder.model_copy(update={"offline": False}) for each in (self.config, config))
        is_same_encoder = (own, self.config.seed) == (other, config.seed)
        return is_same_encoder and self.project.path == project.path and self.compute == compute


def _is_trained(encoder: Encoder) -> bool:
    return any(parameter.requires_grad for parameter in encoder.trunk.parameters())
