"""Which classes' pseudo-labels are too often wrong to learn from, as the scored annotations show."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from training_core.base.i18n import tr
from training_core.method.pseudo_label import Threshold

_LEAST_PRECISION = 0.5
_LEAST_PX = 100
"""Of fewer confident pixels nothing is concluded."""


def confident_precision(log_probabilities: Tensor, labels: Tensor, threshold: Threshold) -> dict[int, float]:
    """For each class the share of its confident predictions that are right; classes with too few are left out.

    Parameters
    ----------
    log_probabilities
        (N, C), at temperature 1, as the threshold sees them.
    labels
        (N,) class indices.
    """
    highest, predicted = log_probabilities.max(1)
    sure = highest.exp() >= threshold.level(predicted)
    n_classes = log_probabilities.shape[1]
    counts = torch.bincount(predicted[sure], minlength=n_classes)
    right = torch.bincount(predicted[sure & (predicted == labels)], minlength=n_classes)
    return {c: float(right[c] / counts[c]) for c in range(n_classes) if counts[c] >= _LEAST_PX}


def unreliable(precision: Mapping[int, float], before: Collection[int]) -> tuple[int, ...]:
    """The classes to leave out: those more often wrong than right, and of which nothing is known those left out before.

    Parameters
    ----------
    precision
        As of `confident_precision`.
    """
    unknown = set(before) - precision.keys()
    return tuple(sorted(unknown | {c for c, share in precision.items() if share < _LEAST_PRECISION}))


def in_words(
    precision: Mapping[int, float], before: Collection[int], after: Collection[int], names: Sequence[str]
) -> str:
    """What has changed, for the user; empty where nothing has.

    Parameters
    ----------
    names
        The classes' names by class index.
    """
    gone, back = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    sentences = []
    for c in gone:
        words = tr(
            "Pseudo-labels of {name} are left out: {percent:.0f} % of the confident ones are right where annotations "
            "can tell."
        )
        sentences.append(words.format(name=names[c], percent=100 * precision[c]))
    for c in back:
        words = tr("Pseudo-labels of {name} are used again: {percent:.0f} % of the confident ones are right.")
        sentences.append(words.format(name=names[c], percent=100 * precision[c]))
    return " ".join(sentences)
