"""What the numbers of a mask look like: classes, numbered objects, colours, or two classes with soft edges."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.io.facts import Content

_MIN_OBJECTS = 10
"""Fewer are classes for all that one can tell, and are offered as such."""
_OBJECT_SHARE = 0.05
"""An object's frame covers at most this much of the picture, in the median; a class's frame covers most of it."""
_MIN_SOFT_VALUES = 3
_SOFT_REACH_PX = 3
_OVERSHOOT = 0.02
_SOFT_SHARE = 0.95


def mask_content(values: NDArray[Any]) -> tuple[Content, int]:
    """What these numbers (H, W) look like, and how many different ones there are."""
    found, counts = _counted(values)
    if _is_soft(values, found, counts):
        return Content.SOFT_EDGES, len(found)
    if len(found) > _MIN_OBJECTS and _is_numbered(values, found):
        return Content.NUMBERED_OBJECTS, len(found)
    return Content.CLASSES, len(found)


def _counted(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    if values.dtype.itemsize <= 2 and values.dtype.kind == "u":
        counts = np.bincount(values.ravel())
        found = np.flatnonzero(counts)
        return found, counts[found]
    found, counts = np.unique(values, return_counts=True)
    return found, counts


def _is_soft(values: NDArray[Any], found: NDArray[Any], counts: NDArray[np.intp]) -> bool:
    """Two values at the ends, and others that lie between them only where both are near."""
    if len(found) < 2 + _MIN_SOFT_VALUES:
        return False
    if counts[[0, -1]].sum() < values.size / 2 or counts[1:-1].max() > counts[[0, -1]].min():
        return False
    # Smoothing overshoots: close to an end, values like 1 and 254 lie far from any border.
    margin = _OVERSHOOT * (float(found[-1]) - float(found[0]))
    low_end, high_end = values <= found[0] + margin, values >= found[-1] - margin
    between = ~(low_end | high_end)
    if not between.any():
        return False
    from scipy.ndimage import maximum_filter  # not needed for the masks that most people have

    side = 2 * _SOFT_REACH_PX + 1
    low, high = maximum_filter(low_end, side), maximum_filter(high_end, side)
    return bool((low & high)[between].mean() >= _SOFT_SHARE)


def _is_numbered(values: NDArray[Any], found: NDArray[Any]) -> bool:
    """Whether most values lie in one small frame each."""
    from scipy.ndimage import find_objects

    numbers = np.searchsorted(found, values).astype(np.int32)  # 0 for the smallest value, the background
    frames = [
        (rows.stop - rows.start) * (columns.stop - columns.start)
        for rows, columns in (place for place in find_objects(numbers) if place is not None)
    ]
    return bool(np.median(frames) <= _OBJECT_SHARE * values.size)
