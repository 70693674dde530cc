"""How a trained network is best read, measured on the validation tiles: at which scale, and with which temperature."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.class_maps.pixel_scores import Confusion, Scores
from training_core.compute.device import Compute
from training_core.network.model import UniSemAlign
from training_core.prediction.sliding_window import Readout, predict_probabilities
from training_core.settings.schema import Config, InferenceConfig

_SCALES = tuple(2 ** (i / 4) for i in range(-8, 9))
_MARGIN = 1.2
"""The ends of the range that training shows are seen too rarely to be read at."""
_PIXELS_PER_TILE = 20_000
"""As many of a tile's pixels are enough to fit one number."""
_TEMPERATURES = torch.logspace(math.log10(0.5), math.log10(4), 61)

LabeledTile = tuple[NDArray[np.uint8], NDArray[np.uint8], float]
"""Image (H, W, 3), class indices (H, W) with 255 where not labelled, factor to the run's mpp."""


@dataclass
class _Trial:
    """One scale, tried on the validation tiles."""

    scale: float
    confusion: Confusion
    log_probabilities: list[Tensor]
    labels: list[Tensor]

    def add(self, decoder: Tensor, label: ClassIds) -> None:
        """Count the pixels of one tile, and keep some for the temperature."""
        self.confusion.add(label, decoder.argmax(0).to(torch.uint8).numpy())
        labeled = torch.from_numpy(np.flatnonzero(label != UNLABELED))
        chosen = labeled[:: max(1, len(labeled) // _PIXELS_PER_TILE)]
        self.log_probabilities.append(decoder.flatten(1)[:, chosen].T.clamp(min=1e-12).log())
        self.labels.append(torch.from_numpy(label.reshape(-1))[chosen].long())


def measure_readout(
    model: UniSemAlign,
    tiles: Iterable[LabeledTile],
    class_ids: tuple[int, ...],
    config: InferenceConfig,
    compute: Compute,
    scales: Sequence[float],
) -> tuple[Readout, Scores | None]:
    """Of `scales` the one with the best mDice on `tiles`, the temperature with the best likelihood, the scores there.

    A model in evaluation mode.
    """
    trials = [_Trial(scale, Confusion(class_ids), [], []) for scale in scales]
    for image, label, to_run_mpp in tiles:
        for trial in trials:
            scale = trial.scale * to_run_mpp
            trial.add(predict_probabilities(model, image, config, compute, scale)[0], label)
    best = max(trials, key=_mdice)
    temperature = fit_temperature(torch.cat(best.log_probabilities), torch.cat(best.labels))
    return Readout(best.scale, temperature), best.confusion.scores()


def candidate_scales(config: Config) -> tuple[float, ...]:
    """Scales worth trying: those inside the range that training shows, or the one that is set."""
    if config.inference.scale is not None:
        return (config.inference.scale,)
    low, high = config.augment.scale_min * _MARGIN, config.augment.scale_max / _MARGIN
    return tuple(scale for scale in _SCALES if low <= scale <= high) or (_middle_scale(config),)


def usual_scale(config: Config) -> float:
    """The candidate nearest to the middle of the scales that training shows: for as long as nothing is measured."""
    middle = math.log(_middle_scale(config))
    return min(candidate_scales(config), key=lambda scale: abs(math.log(scale) - middle))


def _middle_scale(config: Config) -> float:
    return math.sqrt(config.augment.scale_min * config.augment.scale_max)


def read_readout(state: Mapping[str, Any]) -> Readout:
    """From a checkpoint's state; those of earlier versions have none."""
    return Readout(**state.get("readout", {}))


def fit_temperature(log_probabilities: Tensor, labels: Tensor) -> float:
    """The temperature (0.5 to 4) that makes `labels` (N,) most likely under softmax(log_probabilities (N, C) / T).

    Source: Guo et al. 2017 (arXiv 1706.04599).
    """
    if not len(labels):
        return 1.0
    losses = [
        torch.nn.functional.cross_entropy(log_probabilities / temperature, labels) for temperature in _TEMPERATURES
    ]
    return float(_TEMPERATURES[int(torch.stack(losses).argmin())])


def _mdice(trial: _Trial) -> float:
    scores = trial.confusion.scores()
    return scores.mdice if scores is not None else 0.0
