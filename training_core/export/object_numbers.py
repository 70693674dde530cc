"""Which object each pixel of a tile belongs to: connected areas, apart or together as a mask and people say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

from training_core.base.arrays import ClassIds
from training_core.project import Project
from training_core.project.objects import Groups, KnownObjects, read_objects


def number_objects(
    ids: ClassIds, object_classes: Sequence[int], known: KnownObjects | None = None
) -> NDArray[np.int32]:
    """Objects 1, 2 ... (H, W) of class ids, 0 elsewhere: connected areas, class after class.

    Parameters
    ----------
    known
        Objects that are known one by one: they stay apart even where they touch, unless they were merged.
    """
    numbers, highest = np.zeros(ids.shape, np.int32), 0
    for class_id in object_classes:
        own = ids == class_id
        values = np.where(own, 0 if known is None else known.numbers, -1)
        if known is not None:
            values = _merged(values, known.merged)
        areas = label(values, background=-1, connectivity=1)  # type: ignore[no-untyped-call]  # of equal values
        of_area, first = np.unique(areas[own], return_index=True)
        order = np.argsort(values[own][first], kind="stable")
        number_of = np.zeros(len(of_area) + 1, np.int32)
        number_of[of_area[order]] = np.arange(1, len(of_area) + 1) + highest
        numbers[own] = number_of[areas[own]]
        highest += len(of_area)
    return numbers


def _merged(values: NDArray[np.int32], groups: Groups) -> NDArray[np.int32]:
    """The numbers of objects (H, W), -1 outside of the class, with one number for each group.

    What has no number belongs to a group where it lies between two of its objects, or beside one if 0 is in the group.
    """
    if not groups:
        return values
    unnumbered, _ = ndimage.label(values == 0)
    beside = _neighbors(unnumbered, values)
    for group in groups:
        wanted = 1 if 0 in group else 2
        between = [area for area, touched in beside.items() if len(touched & set(group)) >= wanted]
        first = min(number for number in group if number)
        values = np.where(np.isin(values, [number for number in group if number]), first, values)
        values = np.where(np.isin(unnumbered, between) & (values == 0), first, values)
    return values


def _neighbors(areas: NDArray[np.int32], values: NDArray[np.int32]) -> dict[int, set[int]]:
    """The numbers above 0 that each area above 0 touches along an edge of its pixels."""
    found: dict[int, set[int]] = {}
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        for here, there in ((one, other), (other, one)):
            touching = (areas[here] > 0) & (values[there] > 0)
            for area, number in np.unique(np.stack([areas[here][touching], values[there][touching]]), axis=1).T:
                found.setdefault(int(area), set()).add(int(number))
    return found


def known_objects(project: Project, name: str) -> KnownObjects | None:
    """The numbered objects that came with a tile's mask; None: its objects are not numbered."""
    known = project.objects(name)
    return None if known is None else read_objects(project.path, known)
