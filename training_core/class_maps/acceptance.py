"""What accepting a prediction would do to a label: asked before it is done, to be shown and counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds


@dataclass(frozen=True)
class Acceptance:
    """The pixels (H, W) that would become labels, and what of the user's own work stands in the way."""

    target: BoolMask
    kept: int
    """Pixels painted as another class, which stay."""
    overpainted: int
    """Pixels painted as another class, which would be replaced."""


@dataclass(frozen=True)
class Amount:
    """How much something is: connected areas (edges touch) of one class each, and pixels by class id."""

    areas: int
    pixels: dict[int, int]

    @property
    def total(self) -> int:
        """Pixels of all classes."""
        return sum(self.pixels.values())


def acceptance(ids: ClassIds, where: BoolMask, label: ClassIds, accepted: ClassIds, *, replace: bool) -> Acceptance:
    """What accepting `ids` in `where` would do.

    Parameters
    ----------
    ids
        (H, W) class ids, 255 where there is nothing to accept.
    where
        (H, W), the pixels in question.
    label
        (H, W), the label as it is now.
    accepted
        (H, W) class ids accepted earlier (`Project.accepted`); what still has them may always be replaced, since
        nobody painted it.
    replace
        Whether painted labels may be replaced too.
    """
    differs = where & (ids != UNLABELED) & (ids != label)
    painted = differs & (label != UNLABELED) & (label != accepted)
    conflicts = int(np.count_nonzero(painted))
    if replace:
        return Acceptance(differs, 0, conflicts)
    return Acceptance(differs & ~painted, conflicts, 0)


def amount(ids: ClassIds, where: BoolMask) -> Amount:
    """How many areas and pixels of each class `ids` (H, W) has in `where`, the most frequent class first."""
    counts = np.bincount(ids[where], minlength=UNLABELED + 1)[:UNLABELED]
    classes = sorted((int(each) for each in np.flatnonzero(counts)), key=lambda each: -int(counts[each]))
    areas = 0
    for class_id in classes:
        mask = where & (ids == class_id)
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        areas += int(ndimage.label(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])[1])
    return Amount(areas, {class_id: int(counts[class_id]) for class_id in classes})


def area_at(ids: ClassIds, position: tuple[int, int]) -> BoolMask | None:
    """The connected area (edges touch) of one class around (row, column), (H, W); None where `ids` is 255."""
    if ids[position] == UNLABELED:
        return None
    areas, _ = ndimage.label(ids == ids[position])
    return np.asarray(areas == areas[position])
