"""The annotations of the tile on screen: the store that everything reads; evented, without Qt and without napari.

The layer that is painted on shows them, and strokes come from it as patches, through one door (`app/label_layer.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from psygnal import Signal

U8 = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Box = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True, eq=False)
class Patch:
    """A change: the smallest rectangle around it, with the class ids before and after, 255 = not labelled.

    Attributes
    ----------
    by_others
        Another window or a command made it; it is not to be undone here.
    """

    box: Box
    before: U8
    after: U8
    by_others: bool = False

    @property
    def where(self) -> Mask:
        """The pixels of the rectangle that change."""
        return self.before != self.after


class LabelModel:
    """Class ids (H, W), or none while no tile is shown; a number that grows with every change; and four signals."""

    changed = Signal(object)
    """Patch: what was just changed."""
    stroke_ended = Signal()
    """What is painted is complete: a step of undo."""
    touched = Signal()
    """Somebody is painting: the layer may have pixels that are not here yet."""
    shown = Signal()
    """Another label: of another tile, or as the project has it now."""

    def __init__(self) -> None:
        self._ids: U8 | None = None
        self.version = 0

    @property
    def shape(self) -> tuple[int, ...] | None:
        """(H, W); None where there is no label."""
        return None if self._ids is None else self._ids.shape

    def ids(self) -> U8 | None:
        """A copy of the class ids, 255 for not labelled; None where there is no label."""
        return None if self._ids is None else self._ids.copy()

    def equals(self, ids: U8) -> bool:
        """Whether the label is this one."""
        return self._ids is not None and np.array_equal(self._ids, ids)

    def show(self, ids: U8 | None) -> None:
        """Hold another label, (H, W), or none."""
        self._ids = None if ids is None else ids.copy()
        self.version += 1
        self.shown.emit()

    def difference(self, ids: U8, *, by_others: bool = False) -> Patch | None:
        """What would make this label, (H, W), of the present one; None: it is the same, or of another size."""
        if self._ids is None or ids.shape != self._ids.shape:
            return None
        box = changed_box(self._ids != ids)
        return None if box is None else Patch(box, self._ids[box].copy(), ids[box].copy(), by_others)

    def apply(self, patch: Patch) -> None:
        """Change what the patch changes, and tell of it."""
        assert self._ids is not None
        where = patch.where
        self._ids[patch.box][where] = patch.after[where]
        self.version += 1
        self.changed.emit(patch)

    def replace(self, ids: U8, *, by_others: bool = False) -> None:
        """Make this, (H, W), of the label; an equal one is no change."""
        patch = self.difference(ids, by_others=by_others)
        if patch is not None:
            self.apply(patch)

    def accept(self, ids: U8, target: Mask) -> None:
        """Give the pixels of `target`, (H, W), these class ids, as a stroke that is complete."""
        if self._ids is not None:
            self.replace(np.where(target, ids, self._ids))
            self.end_stroke()

    def end_stroke(self) -> None:
        """What was painted is complete."""
        self.stroke_ended.emit()

    def touch(self) -> None:
        """Somebody is painting, and the model does not have it yet."""
        self.touched.emit()


def changed_box(mask: Mask) -> Box | None:
    """The smallest rectangle around the set pixels of a (H, W) mask; None where none is set."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
