"""Where a prediction is wrong: wrong pixels of each class by their distance to the nearest border or stroke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds

LIMITS_PX = (4, 8, 16, 32)
BANDS = ("0-4", "4-8", "8-16", "16-32", "> 32")
"""Distances in px; each band includes its upper limit."""
Distances = NDArray[np.float64]


def border_distance(truth: ClassIds) -> Distances:
    """Distance (H, W) in px from each pixel to the nearest pixel of another class: 1 at a border.

    Infinite where the image has no other class. Pixels whose truth is not known make no border, and have no distance
    of their own (infinite).
    """
    distance = np.full(truth.shape, np.inf)
    for class_id in np.unique(truth[truth != UNLABELED]):
        others = (truth != class_id) & (truth != UNLABELED)
        if others.any():
            of_class = truth == class_id
            distance[of_class] = ndimage.distance_transform_edt(~others)[of_class]
    return distance


def stroke_distance(painted: BoolMask) -> Distances:
    """Distance (H, W) in px from each pixel to the nearest painted one; infinite where nothing is painted."""
    if not painted.any():
        return np.full(painted.shape, np.inf)
    distance: Distances = ndimage.distance_transform_edt(~painted)
    return distance


class ErrorMap:
    """Counted pixels and wrong ones (bands, classes), summed over images."""

    def __init__(self, n_classes: int) -> None:
        self.pixels: NDArray[np.int64] = np.zeros((len(BANDS), n_classes), np.int64)
        self.wrong: NDArray[np.int64] = np.zeros((len(BANDS), n_classes), np.int64)

    def add(self, truth: ClassIds, prediction: ClassIds, distance: Distances, counted: BoolMask | None = None) -> None:
        """Class-index maps of one shape and a distance for each pixel; `UNLABELED` truth is not counted.

        Parameters
        ----------
        counted
            The pixels that count; None: all.
        """
        known = truth != UNLABELED
        if counted is not None:
            known &= counted
        n_bands, n_classes = self.pixels.shape
        cells = np.searchsorted(LIMITS_PX, distance[known]) * n_classes + truth[known]
        wrong = cells[truth[known] != prediction[known]]
        self.pixels += np.bincount(cells, minlength=n_bands * n_classes).reshape(n_bands, n_classes)
        self.wrong += np.bincount(wrong, minlength=n_bands * n_classes).reshape(n_bands, n_classes)

    def __iadd__(self, other: ErrorMap) -> ErrorMap:
        self.pixels += other.pixels
        self.wrong += other.wrong
        return self

    def as_json(self, names: list[str]) -> dict[str, Any]:
        """Pixels and wrong pixels by band, of each class by name."""
        classes = {
            name: {"pixels": self.pixels[:, i].tolist(), "wrong": self.wrong[:, i].tolist()}
            for i, name in enumerate(names)
        }
        return {"bands_px": list(BANDS), "classes": classes}


def pooled(maps: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    """Error rates in percent by band over several maps: of each class by name, and of `all`; None without a pixel."""
    names = list(maps[0]["classes"])
    pixels, wrong = (
        np.sum([[each["classes"][name][key] for name in names] for each in maps], axis=0) for key in ("pixels", "wrong")
    )
    rows = {name: (pixels[i], wrong[i]) for i, name in enumerate(names)}
    rows[ALL] = (pixels.sum(0), wrong.sum(0))
    return {
        name: [100 * int(w) / int(p) if p else None for p, w in zip(of_class, bad, strict=True)]
        for name, (of_class, bad) in rows.items()
    }


ALL = "all classes"
