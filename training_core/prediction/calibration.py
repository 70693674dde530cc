"""Calibration: how the network's answer is read: at which scale, with which weights, and with its objects apart.

Last stop on the way from an image to class ids (see `sliding_window`). `measure_readout` finds the numbers on the
validation tiles, and keeps what was predicted there for `object_readout.choose_object_readouts`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training_core.base.arrays import UNLABELED, ClassIds, Rgb8
from training_core.class_maps.object_readout import KnownTile, ObjectReadout
from training_core.class_maps.pixel_scores import Confusion, Counts, Scores
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
_FOREGROUND_WEIGHTS = tuple(2 ** (i / 4) for i in range(-8, 9))
"""Candidates, from a quarter to four."""
_LEAST_GAIN = 0.1
"""In points of mDice, for another foreground weight than usual."""
_WHOLE = 0.98
"""Where less of a tile is annotated, the annotated pixels need not have the shares of the classes in the tissue."""
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
        The background: the class that takes the lines between touching objects.
    foreground_weight
        The probability of every class but the background counts so many times.
    """

    scale: float = 1.0
    temperature: float = 1.0
    objects: tuple[ObjectReadout, ...] | None = None
    ground: int = 0
    foreground_weight: float = 1.0

    def zoomed(self, zoom: float) -> Readout:
        """For an image that has 1 / zoom as many pixels per micrometer as the run works at."""
        objects = None if self.objects is None else tuple(each.zoomed(zoom) for each in self.objects)
        return replace(self, scale=self.scale * zoom, objects=objects)

    def class_and_confidence(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """`calibration.class_and_confidence` of weights (C, h, w), with this temperature and foreground weight."""
        if self.foreground_weight != 1:
            weights = weights.clone()
            weights[self.ground] /= self.foreground_weight
        return class_and_confidence(weights, self.temperature)


def class_and_confidence(weights: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """The class (h, w) uint8 with the most weight, and its probability (h, w) at this temperature.

    Parameters
    ----------
    weights
        (C, h, w), probabilities of the classes up to a factor.
    """
    if temperature != 1:
        weights = weights.clamp(min=_LEAST).log_().div_(temperature).exp_()
    highest, label = weights[0].clone(), torch.zeros_like(weights[0], dtype=torch.uint8)
    for index in range(1, len(weights)):  # as `weights.max(0)`, whose 64-bit indices take four times as long
        label.masked_fill_(weights[index] > highest, index)
        torch.maximum(highest, weights[index], out=highest)
    return label, highest / weights.sum(0)


@dataclass
class _Trial:
    """One scale, tried on the validation tiles."""

    scale: float
    class_ids: tuple[int, ...]
    ground: int
    weights: tuple[float, ...]
    """Candidates of the foreground weight, rising."""
    counts: list[Counts]
    """Of each tile: pixels by class, by class predicted where it is not background, and by the number of candidates at
    which it is background."""
    whole: list[bool]
    """Which of them are annotated wholly."""
    log_probabilities: list[Tensor]
    labels: list[Tensor]
    tiles: list[tuple[ClassIds, NDArray[np.uint8], ClassIds, float]]

    def add(self, decoder: Tensor, label: ClassIds, to_run_mpp: float) -> None:
        """Count the pixels of one tile, and keep some for the temperature and the first tiles for the objects."""
        foreground, as_ground = self._read(decoder)
        n = len(self.class_ids)
        counted = label < n
        cells = (label[counted].astype(np.int64) * n + foreground[counted]) * (len(self.weights) + 1)
        shape = (n, n, len(self.weights) + 1)
        self.counts.append(np.bincount(cells + as_ground[counted], minlength=math.prod(shape)).reshape(shape))
        self.whole.append(bool(counted.mean() >= _WHOLE))
        if len(self.tiles) < _TILES_KEPT:
            self.tiles.append((foreground, as_ground, label, to_run_mpp))
        labeled = torch.from_numpy(np.flatnonzero(label != UNLABELED))
        chosen = labeled[:: max(1, len(labeled) // _PIXELS_PER_TILE)]
        self.log_probabilities.append(decoder.flatten(1)[:, chosen].T.clamp(min=_LEAST).log())
        self.labels.append(torch.from_numpy(label.reshape(-1))[chosen].long())

    def _read(self, decoder: Tensor) -> tuple[ClassIds, NDArray[np.uint8]]:
        """The likeliest class but background (H, W), and at how many of the candidates background is likelier."""
        others = decoder.clone()
        others[self.ground] = -1
        best, foreground = others.max(0)
        as_ground = sum((best * weight <= decoder[self.ground]).to(torch.uint8) for weight in self.weights)
        assert isinstance(as_ground, Tensor)
        return foreground.to(torch.uint8).numpy(), as_ground.numpy()

    def confusion(self, weight: float, tiles: Sequence[int] | None = None) -> Confusion:
        """Of these tiles (default: all) with this candidate."""
        place, confusion = self.weights.index(weight), Confusion(self.class_ids)
        for index in range(len(self.counts)) if tiles is None else tiles:
            counts = self.counts[index]
            confusion.counts += counts[..., : place + 1].sum(-1)
            confusion.counts[:, self.ground] += counts[..., place + 1 :].sum((1, 2))
        return confusion

    def mdice(self, weight: float, tiles: Sequence[int] | None = None) -> float:
        scores = self.confusion(weight, tiles).scores()
        return scores.mdice if scores else 0.0

    def best_weight(self) -> float:
        """The candidate with the best mDice on the tiles annotated wholly, if it is none the worse on either half."""
        usual, whole = usual_weight(self.weights), [index for index, is_whole in enumerate(self.whole) if is_whole]
        halves = whole[::2], whole[1::2]
        if not halves[1]:
            return usual
        bars = [self.mdice(usual, half) for half in halves]
        safe = [w for w in self.weights if all(self.mdice(w, h) >= bar for h, bar in zip(halves, bars, strict=True))]
        safe.sort(key=lambda weight: abs(math.log(weight / usual)))  # of equals the nearest to usual
        best = max(safe, key=lambda weight: self.mdice(weight, whole))
        return best if self.mdice(best, whole) >= self.mdice(usual, whole) + _LEAST_GAIN else usual

    def known_tiles(self, weight: float) -> tuple[KnownTile, ...]:
        """What is predicted of the first tiles with this candidate."""
        place = self.weights.index(weight)
        return tuple(
            KnownTile(np.where(as_ground <= place, foreground, np.uint8(self.ground)), label, to_run_mpp)
            for foreground, as_ground, label, to_run_mpp in self.tiles
        )


def usual_weight(candidates: Sequence[float]) -> float:
    """The foreground weight where nothing can tell: 1, or the one that is set."""
    return 1.0 if 1.0 in candidates else candidates[0]


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
    ground: int = 0,
    weights: Sequence[float] = (1.0,),
) -> Measured:
    """Of `scales` the one with the best mDice on `tiles`, there the best foreground weight and temperature, the scores.

    The foreground weight has to raise the mDice, and to lower that of no half of the tiles: one number for all classes
    does not learn a few tiles by heart as one for each does. The temperature is that of the best likelihood.

    Parameters
    ----------
    predict
        predict(image, scale): the decoder's class probabilities (C, H, W), on the CPU, before any temperature.
    ground
        The background.
    weights
        Candidates of the foreground weight, rising.
    """
    trials = [_Trial(scale, class_ids, ground, tuple(weights), [], [], [], [], []) for scale in scales]
    for image, label, to_run_mpp in tiles:
        for trial in trials:
            trial.add(predict(image, trial.scale * to_run_mpp), label, to_run_mpp)
    usual = usual_weight(weights)
    best = max(trials, key=lambda trial: trial.mdice(usual))
    weight = best.best_weight()
    log_probabilities, labels = torch.cat(best.log_probabilities), torch.cat(best.labels)
    weighed = log_probabilities.clone()
    weighed[:, ground] -= math.log(weight)
    readout = Readout(best.scale, fit_temperature(weighed, labels), ground=ground, foreground_weight=weight)
    scores = best.confusion(weight).scores()
    return Measured(readout, scores, log_probabilities, labels, best.known_tiles(weight))


def candidate_scales(config: Config) -> tuple[float, ...]:
    """Scales worth trying: those inside the range that training shows, or the one that is set."""
    if config.inference.scale is not None:
        return (config.inference.scale,)
    low, high = config.augment.scales
    low, high = low * _MARGIN, high / _MARGIN
    return tuple(scale for scale in _SCALES if low <= scale <= high) or (config.augment.middle_scale,)


def candidate_weights(config: Config) -> tuple[float, ...]:
    """Foreground weights worth trying, rising: or the one that is set."""
    weight = config.inference.foreground_weight
    return _FOREGROUND_WEIGHTS if weight is None else (weight,)


def usual_scale(config: Config) -> float:
    """The candidate nearest to the middle of the scales that training shows: for as long as nothing is measured."""
    middle = math.log(config.augment.middle_scale)
    return min(candidate_scales(config), key=lambda scale: abs(math.log(scale) - middle))


def usual_readout(config: Config, ground: int) -> Readout:
    """For as long as nothing is measured."""
    weight = usual_weight(candidate_weights(config))
    return Readout(scale=usual_scale(config), ground=ground, foreground_weight=weight)


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
