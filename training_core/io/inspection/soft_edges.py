"""Masks of several values or colours with soft edges, as smoothing and resizing leave them: flat areas, and blends."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import value_counts

REACH_PX = 8
"""How far a blend may lie from the areas it is a blend of: a mask enlarged eight times, smoothly, still counts."""
MIN_SOFT_VALUES = 3
SOFT_SHARE = 0.95
MIN_INSIDE = 0.05
"""Even an object of 5 x 5 pixels has a third of them inside; a value on a soft border has none."""
_MIN_INSIDE_PX = 9
_MAX_FLAT = 32
_MAX_SOFT_AREA = 0.5
_BESIDE = 0.15
"""How far a blend may lie beside the straight way from one value to the other, as a share of it: blending in linear
light and overshoot."""
_FURTHER_PX = 2
"""How much further than the second area a third is looked for."""
_PX_COST = 0.05
"""Of two ways, the one between the closer areas is likelier, unless it lies clearly more beside the value."""


@dataclass(frozen=True)
class SoftEdges:
    """Where a mask is neither one thing nor the other.

    Attributes
    ----------
    flat
        The values that have areas of their own, ascending.
    soft
        bool (H, W): pixels with a value between the two flat values next to them.
    lower
        Of each soft pixel, in the order of `np.nonzero(soft)`, the darker of the two.
    upper
        The lighter of the two.
    way
        How far its value is on the way from `lower` to `upper`, 0 to 1.
    """

    flat: NDArray[np.int32]
    soft: NDArray[np.bool_]
    lower: NDArray[np.int32]
    upper: NDArray[np.int32]
    way: NDArray[np.float32]

    def sharpened(self, values: NDArray[np.int32], share: float) -> NDArray[np.int32]:
        """The mask (H, W) with hard edges: from `share` of the way on, a pixel has the lighter value."""
        result = values.copy()
        result[self.soft] = np.where(self.way >= share, self.upper, self.lower)
        return result


def soft_edges(values: NDArray[Any], *, is_colour: bool) -> SoftEdges | None:
    """The soft edges of a mask; None: it is no mask of flat areas with soft edges.

    Parameters
    ----------
    values
        Whole numbers (H, W); colours as 0xRRGGBB.
    """
    if values.min() < 0 or values.max() > np.iinfo(np.int32).max:
        return None
    flat = _flat_values(values)
    if flat is None:
        return None
    values = values.astype(np.int32, copy=False)
    place = np.minimum(np.searchsorted(flat, values), len(flat) - 1).astype(np.int8)
    is_area = flat[place] == values
    if not is_colour:  # a blend of two numbers easily has the value of a third; one of two colours hardly ever
        is_area &= _beside_insides(values)
    areas = np.where(is_area, place, np.int8(-1))
    if np.count_nonzero(areas < 0) > _MAX_SOFT_AREA * values.size:
        return None
    return _edges(values, flat, areas, is_colour)


def insides(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which pixels (H, W) have the value of all four neighbours."""
    inside = np.zeros(values.shape, bool)
    middle = values[1:-1, 1:-1]
    inside[1:-1, 1:-1] = middle == values[1:-1, :-2]
    for other in (values[1:-1, 2:], values[:-2, 1:-1], values[2:, 1:-1]):
        inside[1:-1, 1:-1] &= middle == other
    return inside


def _flat_values(values: NDArray[Any]) -> NDArray[np.int32] | None:
    """The values with areas of their own, where there are few and others beside them."""
    counts = value_counts(values)
    if len(counts) < 2 + MIN_SOFT_VALUES:
        return None
    inside = value_counts(values[insides(values)][:, None])
    flat = [each for each, px in inside.items() if px >= max(_MIN_INSIDE_PX, MIN_INSIDE * counts[each])]
    if not 2 <= len(flat) <= min(_MAX_FLAT, len(counts) - MIN_SOFT_VALUES):
        return None
    return np.array(flat, np.int32)


def _beside_insides(values: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Those inside, and their neighbours."""
    inside = insides(values)
    beside = inside.copy()
    beside[1:] |= inside[:-1]
    beside[:-1] |= inside[1:]
    beside[:, 1:] |= inside[:, :-1]
    beside[:, :-1] |= inside[:, 1:]
    return beside


def _edges(
    values: NDArray[np.int32], flat: NDArray[np.int32], areas: NDArray[np.int8], is_colour: bool
) -> SoftEdges | None:
    rows, columns = np.nonzero(areas < 0)
    here = values[rows, columns]
    doubtful = ~np.isin(here, flat)  # a thin piece of a flat value stays what it is where it is no blend
    if len(np.unique(here[doubtful])) < MIN_SOFT_VALUES:
        return None
    lower, upper, way = _blends(here, flat, _distances(areas, len(flat), rows, columns), is_colour)
    is_blend = lower != upper
    if is_blend[doubtful].mean() < SOFT_SHARE:
        return None
    taken = is_blend | (doubtful & (lower >= 0))
    soft = np.zeros(values.shape, bool)
    soft[rows[taken], columns[taken]] = True
    return SoftEdges(flat, soft, flat[lower[taken]], flat[upper[taken]], way[taken])


def _distances(
    areas: NDArray[np.int8], count: int, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Of N pixels to each of the areas (count, N), in px; infinite: none near, or two others are clearly nearer."""
    padded = np.pad(areas, REACH_PX, constant_values=-1)
    distances = np.full((count, len(rows)), np.inf, np.float32)
    reach = np.arange(-REACH_PX, REACH_PX + 1)
    far = np.hypot(reach[:, None], reach)
    searching = np.arange(len(rows))
    for ring in range(1, REACH_PX + 1):
        top, left = rows[searching] + REACH_PX, columns[searching] + REACH_PX
        for down, right in np.argwhere((far > ring - 1) & (far <= ring)) - REACH_PX:
            area = padded[top + down, left + right]
            (seen,) = np.nonzero(area >= 0)
            of_seen = (area[seen], searching[seen])
            distances[of_seen] = np.minimum(distances[of_seen], np.float32(np.hypot(down, right)))
        second = np.partition(distances[:, searching], 1, axis=0)[1]
        searching = searching[second > ring - _FURTHER_PX]
    return distances


def _blends(
    here: NDArray[np.int32], flat: NDArray[np.int32], distances: NDArray[np.float32], is_colour: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """The two areas that each of N pixels is most likely a blend of, the darker first, and how far it is on the way.

    Both are the closest area where it is no blend of two within reach, or -1 without any.
    """
    near = np.isfinite(distances)
    lower = np.where(near.any(0), distances.argmin(0), -1)
    upper, way = lower.copy(), np.zeros(len(here), np.float32)
    least = np.full(len(here), np.inf)
    for one, other in combinations(np.argsort(_components(flat, is_colour).sum(1), kind="stable"), 2):
        (pixels,) = np.nonzero(near[one] & near[other])
        if not pixels.size:
            continue
        share, beside = _way(here[pixels], flat[one], flat[other], is_colour)
        cost = beside + _PX_COST * (distances[one, pixels] + distances[other, pixels])
        better = (beside <= _BESIDE) & (cost < least[pixels])
        chosen = pixels[better]
        lower[chosen], upper[chosen], way[chosen], least[chosen] = one, other, share[better], cost[better]
    return lower, upper, way


def _way(
    values: NDArray[np.int32], one: np.int32, other: np.int32, is_colour: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far values are on the way from one to the other, and how far beside it, both as shares of its length."""
    start, end = _components(np.array([one, other]), is_colour)
    along, point = end - start, _components(values, is_colour)
    length = np.square(along).sum()
    share = np.clip((point - start) @ along / length, 0, 1)
    beside = np.sqrt(np.square(point - start - share[:, None] * along).sum(1) / length)
    return share.astype(np.float32), beside.astype(np.float32)


def _components(values: NDArray[np.int32], is_colour: bool) -> NDArray[np.float64]:
    """(N, 3) of colours, (N, 1) of numbers."""
    if not is_colour:
        return values[:, None].astype(np.float64)
    return np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1).astype(np.float64)
