"""Labels as a hurried user paints them: a few strokes of each class, everything else left unlabelled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds


def paint_strokes(
    rng: np.random.Generator, truth: ClassIds, *, per_class: int = 3, length_px: int = 60, radius_px: int = 4
) -> ClassIds:
    """A label (H, W): up to `per_class` strokes of every class that `truth` (H, W) holds, 255 between them.

    With the defaults 1 to 2 % of a tile of 512 px. A stroke never leaves its class, so small places get short ones.
    """
    label = np.full(truth.shape, UNLABELED, np.uint8)
    for class_id in np.unique(truth[truth != UNLABELED]):
        inside = truth == class_id
        depth = ndimage.distance_transform_edt(inside)
        roomy = depth > min(radius_px, 0.7 * float(depth.max()))
        path = np.zeros(truth.shape, bool)
        places = np.argwhere(roomy)
        for start in places[rng.integers(len(places), size=per_class)]:
            _draw(rng, path, roomy, start, length_px)
        label[inside & (ndimage.distance_transform_edt(~path) <= radius_px)] = class_id
    return label


def _draw(rng: np.random.Generator, path: BoolMask, roomy: BoolMask, start: NDArray[np.intp], length_px: int) -> None:
    """Mark the pixels of a gently bent line from `start` until it is long enough or would leave the room it has."""
    position, direction = start.astype(float), rng.uniform(0, 2 * np.pi)
    for _ in range(length_px):
        y, x = np.round(position).astype(int)
        if not (0 <= y < roomy.shape[0] and 0 <= x < roomy.shape[1] and roomy[y, x]):
            return
        path[y, x] = True
        direction += rng.normal(0, 0.12)
        position += np.array((np.sin(direction), np.cos(direction)))
