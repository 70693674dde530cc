"""Dice and Jaccard from pixel counts pooled over all images, means over the classes, as the paper counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

    def add(self, truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> None:
        """Class-index maps of one shape; truth 255 is not counted."""
        n = len(self.class_ids)
        counted = truth < n
        pairs = truth[counted].astype(np.int64) * n + prediction[counted]
        self.counts += np.bincount(pairs, minlength=n * n).reshape(n, n)

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
