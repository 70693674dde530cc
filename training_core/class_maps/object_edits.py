"""Objects joined and parted by hand: the pixels that lie between two, and a line through one.

Objects are numbers (H, W), 0 where there is none; pixels are connected where their edges touch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds
from training_core.class_maps.clean_up import lines_at_waists

Numbers = NDArray[np.int32]

_LEAST_WAIST_PX = 1.0
_WAIST_STEP_PX = 0.1
_SLACK_PX = 2.0
"""How much longer than the shortest way from one object to the other a way through the gap may be."""


def gap_between(numbers: Numbers, chosen: Sequence[int]) -> BoolMask | None:
    """The pixels (H, W) that make one object of several: what lies between each and the nearest of the others.

    A line as thin as a cut is filled along all its length; objects far apart get a bridge, and between those that touch
    nothing lies. None where another object lies in every way between them.
    """
    rest = [numbers == number for number in chosen]
    gap = np.zeros(numbers.shape, bool)
    blocked = (numbers > 0) & ~np.isin(numbers, list(chosen))
    joined = rest.pop(0)
    while rest:
        distance = _distance(joined)
        nearest = min(rest, key=lambda each: float(distance[each].min()))
        rest = [each for each in rest if each is not nearest]
        touch = ndimage.label(joined | nearest)[1] == 1
        between = np.zeros_like(gap) if touch else _between(joined, nearest, distance, blocked)
        joined = joined | nearest | between
        if ndimage.label(joined)[1] > 1:
            return None
        gap |= between
    return gap


def nearest_object(numbers: Numbers, number: int, others: Sequence[int]) -> int | None:
    """The one of these objects that comes nearest to an object, which may be among them; None where there is none."""
    candidates = np.isin(numbers, list(others)) & (numbers != number)
    if not candidates.any():
        return None
    distance = np.where(candidates, _distance(numbers == number), np.inf)
    return int(numbers[np.unravel_index(distance.argmin(), numbers.shape)])


def _between(one: BoolMask, other: BoolMask, from_one: NDArray[np.float64], blocked: BoolMask) -> BoolMask:
    outside = ~(one | other | blocked)
    if not outside.any():
        return outside
    way = from_one + _distance(other)
    return np.asarray(outside & (way <= way[outside].min() + _SLACK_PX))


def _distance(mask: BoolMask) -> NDArray[np.float64]:
    return np.asarray(ndimage.distance_transform_edt(~mask))


def line_through(vertices: NDArray[np.floating], shape: tuple[int, int]) -> BoolMask:
    """The pixels (H, W) of a line through (row, column) vertices (N, 2), as far as they are in the image.

    At every step two pixels share an edge, so that what the line parts does not even touch at a corner.
    """
    from skimage.draw import line

    mask = np.zeros(shape, bool)
    for start, stop in pairwise(np.rint(vertices).astype(int)):
        rows, columns = line(*start, *stop)  # type: ignore[no-untyped-call]
        corners = np.stack([rows[1:], columns[:-1]])
        for row, column in ((rows, columns), corners):
            inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
            mask[row[inside], column[inside]] = True
    return mask


def line_at_waist(area: BoolMask) -> BoolMask | None:
    """The pixels (H, W) that part one object at its most marked waist; None where it has none.

    The waist is that with the largest drop from the thickness of the thinner part to its own: what is only a dent in a
    border, by less than a pixel, is no waist.
    """
    low, high = _LEAST_WAIST_PX, float(area.sum()) ** 0.5
    line = lines_at_waists(area, low)
    if not line.any():
        return None
    while high - low > _WAIST_STEP_PX:
        middle = (low + high) / 2
        if (found := lines_at_waists(area, middle)).any():
            low, line = middle, found
        else:
            high = middle
    return line


def class_between(ids: ClassIds, area: BoolMask, background: Sequence[int]) -> int | None:
    """The class that takes a cut through an area: the one background; else what surrounds the area most.

    None where nothing of another class touches it.
    """
    if len(background) == 1:
        return background[0]
    beside = ids[ndimage.binary_dilation(area) & ~area]
    counts = np.bincount(beside, minlength=UNLABELED + 1)[:UNLABELED]
    counts[np.unique(ids[area])] = 0
    return int(counts.argmax()) if counts.any() else None


def joined(before: Numbers, after: Numbers) -> list[tuple[int, tuple[int, ...]]]:
    """The objects that hold pixels of several former ones: each number, with the former numbers."""
    both = (before > 0) & (after > 0)
    pairs = np.unique(np.stack([after[both], before[both]]), axis=1)
    held: dict[int, list[int]] = {}
    for now, former in pairs.T.tolist():
        held.setdefault(now, []).append(former)
    return [(now, tuple(former)) for now, former in held.items() if len(former) > 1]
