"""Dice and Jaccard from pixel counts pooled over all images, means over the classes, as in the paper; calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import UNLABELED, ClassIds

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """All in percent. Classes (by id) without a true pixel are in `absent` and in none of the figures.

    mDice and mJaccard are means over the classes present in the truth, background included.
    """

    mdice: float
    mjaccard: float
    dice: dict[int, float]
    jaccard: dict[int, float]
    absent: tuple[int, ...]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Scores:
        """From what `dataclasses.asdict` and JSON, whose keys are text, made of them."""
        by_class = {name: {int(c): float(v) for c, v in values[name].items()} for name in ("dice", "jaccard")}
        return cls(values["mdice"], values["mjaccard"], **by_class, absent=tuple(values["absent"]))


class Confusion:
    """Pixel counts (C, C), rows truth, columns prediction, summed over images."""

    def __init__(self, class_ids: Sequence[int]) -> None:
        self.class_ids = tuple(class_ids)
        self.counts: Counts = np.zeros((len(class_ids), len(class_ids)), np.int64)

    def add(self, truth: ClassIds, prediction: ClassIds) -> None:
        """Class-index maps of one shape; `UNLABELED` truth is not counted."""
        n = len(self.class_ids)
        counted = truth < n
        pairs = truth[counted].astype(np.int64) * n + prediction[counted]
        self.counts += np.bincount(pairs, minlength=n * n).reshape(n, n)

    def by_name(self, names: Mapping[int, str]) -> dict[str, dict[str, int]]:
        """The counts by class name, for a result: of each true class the pixels by predicted class.

        Parameters
        ----------
        names
            By class id.
        """
        called = [names[c] for c in self.class_ids]
        return {
            true: {predicted: int(count) for predicted, count in zip(called, row, strict=True)}
            for true, row in zip(called, self.counts, strict=True)
        }

    def scores(self) -> Scores | None:
        """None when no pixel was counted."""
        true, predicted, both = self.counts.sum(1), self.counts.sum(0), np.diag(self.counts)
        present = [i for i in range(len(self.class_ids)) if true[i]]
        if not present:
            return None
        dice = {self.class_ids[i]: 200.0 * both[i] / (true[i] + predicted[i]) for i in present}
        jaccard = {self.class_ids[i]: 100.0 * both[i] / (true[i] + predicted[i] - both[i]) for i in present}
        absent = tuple(c for i, c in enumerate(self.class_ids) if not true[i])
        return Scores(
            mdice=float(np.mean(list(dice.values()))),
            mjaccard=float(np.mean(list(jaccard.values()))),
            dice={c: float(v) for c, v in dice.items()},
            jaccard={c: float(v) for c, v in jaccard.items()},
            absent=absent,
        )


def percent_of_truth(by_name: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, float]]:
    """Of each true class the percentage by predicted class; nothing for a class without a true pixel."""
    totals = {true: sum(row.values()) for true, row in by_name.items()}
    return {
        true: {predicted: 100 * count / totals[true] for predicted, count in row.items()} if totals[true] else {}
        for true, row in by_name.items()
    }


class Calibration:
    """How well confidences tell the share of right pixels: counts in equal-width bins, summed over images.

    Source: Guo et al. 2017 (arXiv 1706.04599), eq. 3; bin m of M holds the confidences in ((m - 1) / M, m / M].
    """

    def __init__(self, bins: int = 15) -> None:
        self.counts: Counts = np.zeros(bins, np.int64)
        self.correct: Counts = np.zeros(bins, np.int64)
        self.confidence_sums: NDArray[np.float64] = np.zeros(bins, np.float64)

    def add(self, truth: ClassIds, prediction: ClassIds, confidence: NDArray[np.float32]) -> None:
        """Class-index maps and confidences 0..1 of one shape; `UNLABELED` truth is not counted."""
        counted = truth != UNLABELED
        values = confidence[counted].astype(np.float64)
        n_bins = len(self.counts)
        bins = np.clip(np.ceil(values * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
        right = bins[truth[counted] == prediction[counted]]
        self.counts += np.bincount(bins, minlength=n_bins)
        self.correct += np.bincount(right, minlength=n_bins)
        self.confidence_sums += np.bincount(bins, weights=values, minlength=n_bins)

    def expected_calibration_error(self) -> float | None:
        """0 (perfect) to 1; None when no pixel was counted."""
        total = int(self.counts.sum())
        if not total:
            return None
        return float(np.abs(self.correct - self.confidence_sums).sum() / total)
