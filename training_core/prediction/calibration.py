"""Calibration: how the network's answer is read: at which scale, at which temperature, and with its objects apart.

Last stop on the way from an image to class ids (see `sliding_window`). `measure_readout` finds scale and temperature on
the validation tiles, and keeps what was predicted there for `object_readout.choose_object_readouts`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training_core.base.arrays import UNLABELED, ClassIds, Rgb8
from training_core.class_maps.object_readout import KnownTile, ObjectReadout
from training_core.class_maps.pixel_scores import Confusion, Scores
from training_core.settings.schema import Config

_SCALES = tuple(2 ** (i / 4) for i in range(-8, 9))
_MARGIN = 1.2
"""The ends of the range that training shows are seen too rarely to be read at."""
_PIXELS_PER_TILE = 20_000
"""As many of a tile's pixels are enough to fit one number."""
_TILES_KEPT = 16
"""The objects of so many tiles are enough to choose how they are read."""
_LEAST = 1e-12
"""Probabilities below this count as this: one that is rounded to 0 would make a label impossible."""
_TEMPERATURES = torch.logspace(math.log10(0.5), math.log10(4), 61)

LabeledTile = tuple[Rgb8, ClassIds, float]
"""Image, class indices, factor to the run's mpp."""


@dataclass(frozen=True)
class Readout:
    """How the network's answer is read, as the validation tiles say is best.

    Attributes
    ----------
    scale
        The image is resampled by this factor before the network sees it.
    temperature
        log-probabilities are divided by it, so that the confidence says how often the prediction is right (Guo et
        al. 2017, arXiv 1706.04599).
    objects
        What is done so that the objects of a class come apart; a class that is not named stays as the network has it.
        None: nothing has been chosen yet.
    ground
        The class that takes the lines between touching objects.
    """

    scale: float = 1.0
    temperature: float = 1.0
    objects: tuple[ObjectReadout, ...] | None = None
    ground: int = 0

    def zoomed(self, zoom: float) -> Readout:
        """For an image that has 1 / zoom as many pixels per micrometer as the run works at."""
        objects = None if self.objects is None else tuple(each.zoomed(zoom) for each in self.objects)
        return replace(self, scale=self.scale * zoom, objects=objects)


def class_and_confidence(weights: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """The class (h, w) uint8 with the most weight, and its probability (h, w) at this temperature.

    Parameters
    ----------
    weights
        (C, h, w), probabilities of the classes up to a factor.
    """
    if temperature != 1:
        weights = weights.clamp(min=_LEAST).log_().div_(temperature).exp_()
    highest, label = weights.max(0)
    return label.to(torch.uint8), highest / weights.sum(0)


@dataclass
class _Trial:
    """One scale, tried on the validation tiles."""

    scale: float
    confusion: Confusion
    log_probabilities: list[Tensor]
    labels: list[Tensor]
    tiles: list[KnownTile]

    def add(self, decoder: Tensor, label: ClassIds, to_run_mpp: float) -> None:
        """Count the pixels of one tile, and keep some for the temperature and the first tiles for the objects."""
        predicted = decoder.argmax(0).to(torch.uint8).numpy()
        self.confusion.add(label, predicted)
        if len(self.tiles) < _TILES_KEPT:
            self.tiles.append(KnownTile(predicted, label, to_run_mpp))
        labeled = torch.from_numpy(np.flatnonzero(label != UNLABELED))
        chosen = labeled[:: max(1, len(labeled) // _PIXELS_PER_TILE)]
        self.log_probabilities.append(decoder.flatten(1)[:, chosen].T.clamp(min=_LEAST).log())
        self.labels.append(torch.from_numpy(label.reshape(-1))[chosen].long())


@dataclass(frozen=True)
class Measured:
    """What labelled tiles say of the network.

    Attributes
    ----------
    readout
        How the network is read best.
    scores
        How good it is then; None without a labelled pixel.
    log_probabilities
        Of some pixels of each tile, (N, C), at temperature 1.
    labels
        Class indices (N,) of the same pixels.
    tiles
        What is predicted of the first tiles.
    """

    readout: Readout
    scores: Scores | None
    log_probabilities: Tensor
    labels: Tensor
    tiles: tuple[KnownTile, ...] = ()


def measure_readout(
    predict: Callable[[Rgb8, float], Tensor],
    tiles: Iterable[LabeledTile],
    class_ids: tuple[int, ...],
    scales: Sequence[float],
) -> Measured:
    """Of `scales` the one with the best mDice on `tiles`, the temperature with the best likelihood, the scores there.

    predict(image, scale): the decoder's class probabilities (C, H, W), on the CPU, before any temperature.
    """
    trials = [_Trial(scale, Confusion(class_ids), [], [], []) for scale in scales]
    for image, label, to_run_mpp in tiles:
        for trial in trials:
            trial.add(predict(image, trial.scale * to_run_mpp), label, to_run_mpp)
    best = max(trials, key=lambda trial: scores.mdice if (scores := trial.confusion.scores()) else 0.0)
    log_probabilities, labels = torch.cat(best.log_probabilities), torch.cat(best.labels)
    readout = Readout(best.scale, fit_temperature(log_probabilities, labels))
    return Measured(readout, best.confusion.scores(), log_probabilities, labels, tuple(best.tiles))


def candidate_scales(config: Config) -> tuple[float, ...]:
    """Scales worth trying: those inside the range that training shows, or the one that is set."""
    if config.inference.scale is not None:
        return (config.inference.scale,)
    low, high = config.augment.scales
    low, high = low * _MARGIN, high / _MARGIN
    return tuple(scale for scale in _SCALES if low <= scale <= high) or (config.augment.middle_scale,)


def usual_scale(config: Config) -> float:
    """The candidate nearest to the middle of the scales that training shows: for as long as nothing is measured."""
    middle = math.log(config.augment.middle_scale)
    return min(candidate_scales(config), key=lambda scale: abs(math.log(scale) - middle))


def read_readout(state: Mapping[str, Any]) -> Readout:
    """From a checkpoint's state; those of earlier versions have none, or one without objects."""
    saved = dict(state.get("readout", {}))
    objects = saved.pop("objects", None)
    return Readout(**saved, objects=None if objects is None else tuple(ObjectReadout(**each) for each in objects))


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
