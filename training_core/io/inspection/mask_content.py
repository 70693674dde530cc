"""What the numbers of a mask look like: classes, numbered objects, classes with soft edges, or shades."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import value_counts
from training_core.io.facts import Content
from training_core.io.inspection.soft_edges import (
    MIN_INSIDE,
    MIN_SOFT_VALUES,
    SOFT_SHARE,
    insides,
    soft_edges,
)

COLOURED = (Content.COLOURS, Content.SOFT_COLOURS)
MAX_COLOURS = 256
_MIN_OBJECTS = 10
"""Fewer are classes for all that one can tell, and are offered as such."""
_OBJECT_SHARE = 0.05
"""An object's frame covers at most this much of the picture, in the median; a class's frame covers most of it."""
_ENDS_REACH_PX = 3
_OVERSHOOT = 0.02
_SMALL_STEP = 0.02
"""Of the values that there are: neighbours in a smooth picture are next to each other among them."""


def mask_content(values: NDArray[Any]) -> tuple[Content, int]:
    """What these numbers (H, W) look like, and how many different ones there are."""
    counts = value_counts(values)
    if _has_soft_ends(values, counts) or soft_edges(values, is_colour=False) is not None:
        return Content.SOFT_EDGES, len(counts)
    if len(counts) <= _MIN_OBJECTS:
        return Content.CLASSES, len(counts)
    found = np.array(list(counts), values.dtype)
    places = np.searchsorted(found, values).astype(np.int32)
    if _has_no_insides(values, places, len(found)):
        return Content.SHADES, len(found)
    if _is_numbered(values, places):
        return Content.NUMBERED_OBJECTS, len(found)
    return (Content.SHADES if _is_smooth(places, len(found)) else Content.CLASSES), len(found)


def colour_content(colours: NDArray[np.int32]) -> tuple[Content, int]:
    """The same of colours (H, W) as 0xRRGGBB."""
    is_soft = soft_edges(colours, is_colour=True) is not None
    return (Content.SOFT_COLOURS if is_soft else Content.COLOURS), len(value_counts(colours))


def packed_colours(samples: NDArray[Any]) -> NDArray[np.int32] | None:
    """Colours (H, W, 3) of 8 bits, or of 16 bits that 8 bits can hold, as 0xRRGGBB (H, W); None: they are not."""
    if samples.shape[2:] != (3,) or samples.dtype not in (np.uint8, np.uint16):
        return None
    if samples.dtype == np.uint16:
        if (samples % 257).any():
            return None
        samples = samples // 257
    packed: NDArray[np.int32] = samples.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    return packed


def looks_compressed(colours: NDArray[np.int32]) -> bool:
    """Whether colours (H, W) are many and most of them fill no area."""
    found, places = np.unique(colours, return_inverse=True)
    return len(found) > _MIN_OBJECTS and _has_no_insides(colours, places.reshape(colours.shape), len(found))


def has_two_soft_ends(values: NDArray[Any]) -> bool:
    """Whether numbers (H, W) are two values with soft edges between them."""
    return _has_soft_ends(values, value_counts(values))


def _has_soft_ends(values: NDArray[Any], value_pixels: dict[int, int]) -> bool:
    """Two values at the ends, and others that lie between them only where both are near."""
    if len(value_pixels) < 2 + MIN_SOFT_VALUES:
        return False
    found, counts = np.array(list(value_pixels), values.dtype), np.array(list(value_pixels.values()))
    if counts[[0, -1]].sum() < values.size / 2 or counts[1:-1].max() > counts[[0, -1]].min():
        return False
    # Smoothing overshoots: close to an end, values like 1 and 254 lie far from any border.
    margin = _OVERSHOOT * (float(found[-1]) - float(found[0]))
    low_end, high_end = values <= found[0] + margin, values >= found[-1] - margin
    between = ~(low_end | high_end)
    if not between.any():  # noise at both ends, as compression leaves it; class ids would lie at one
        return bool((found[1:-1] <= found[0] + margin).any() and (found[1:-1] >= found[-1] - margin).any())
    from scipy.ndimage import maximum_filter  # not needed for the masks that most people have

    side = 2 * _ENDS_REACH_PX + 1
    low, high = maximum_filter(low_end, side), maximum_filter(high_end, side)
    return bool((low & high)[between].mean() >= SOFT_SHARE)


def _has_no_insides(values: NDArray[Any], places: NDArray[Any], count: int) -> bool:
    """Whether most values have no area of their own: pixels all of whose neighbours have the same value."""
    inside = insides(values)
    shares = np.bincount(places.ravel(), inside.ravel(), count) / np.bincount(places.ravel(), minlength=count)
    return bool(np.median(shares) < MIN_INSIDE)


def _is_smooth(places: NDArray[Any], count: int) -> bool:
    """Whether most borders are small steps from one value to one of the next."""
    steps = np.abs(np.diff(places, axis=1))
    steps = steps[steps > 0]
    return bool(steps.size and (steps <= max(1, _SMALL_STEP * count)).mean() > 0.5)


def _is_numbered(values: NDArray[Any], places: NDArray[np.int32]) -> bool:
    """Whether most values lie in one small frame each; the smallest one is the background."""
    from scipy.ndimage import find_objects

    frames = [
        (rows.stop - rows.start) * (columns.stop - columns.start)
        for rows, columns in (place for place in find_objects(places) if place is not None)
    ]
    return bool(np.median(frames) <= _OBJECT_SHARE * values.size)
