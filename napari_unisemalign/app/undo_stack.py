"""Undo and redo of label changes and rejections, on all tiles of a project: packed, without Qt and without napari.

A change is kept as the two versions of the smallest rectangle around it. Class ids compress well, so that hundreds of
steps take a few megabytes; where they don't, the oldest steps are forgotten.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_unisemalign.app.label_model import changed_box
from training_core.project.class_removal import RemovedClass
from training_core.project.objects import Groups
from training_core.project.rejections import Rejection

U8 = npt.NDArray[np.uint8]
MAX_STEPS = 300
MAX_BYTES = 64 * 2**20
_FAST = 1  # zlib's level: a stroke must not wait for the last byte


@dataclass(frozen=True)
class LabelStep:
    """One change of one tile's label."""

    tile: str
    what: str
    """In the user's words, such as "accept"."""
    shape: tuple[int, ...]
    """Of the whole label, (H, W)."""
    box: tuple[slice, slice]
    before: bytes
    after: bytes
    was_accepted: bool
    """Whether the tile's label counted as accepted before the change."""
    is_accepted: bool = False
    """The same after the change; known when it is undone."""
    was_partly: bool = False
    """Whether only some of its prediction was accepted before the change."""
    is_partly: bool = False
    """The same after the change."""
    merged: tuple[Groups, Groups] | None = None
    """Which numbered objects of the tile counted as one before and after; None: the change is not about that."""

    @property
    def size_bytes(self) -> int:
        """The memory that the pixels take."""
        return len(self.before) + len(self.after)

    def where(self) -> npt.NDArray[np.bool_]:
        """The pixels that the change touched, (H, W)."""
        result = np.zeros(self.shape, bool)
        result[self.box] = self._unpacked(self.before) != self._unpacked(self.after)
        return result

    def undone(self, label: U8) -> U8:
        """`label` (H, W) as it was before the change; pixels that the change did not touch stay as they are."""
        return self._applied(label, self.before)

    def redone(self, label: U8) -> U8:
        """`label` (H, W) with the change."""
        return self._applied(label, self.after)

    def _applied(self, label: U8, packed: bytes) -> U8:
        result = label.copy()
        if label.shape == self.shape:
            changed = self._unpacked(self.before) != self._unpacked(self.after)
            result[self.box][changed] = self._unpacked(packed)[changed]
        return result

    def _unpacked(self, packed: bytes) -> U8:
        rows, columns = self.box
        height, width = rows.stop - rows.start, columns.stop - columns.start
        return np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, width)


@dataclass(frozen=True)
class RejectionStep:
    """One change of what is rejected of a tile."""

    tile: str
    what: str
    before: Rejection
    after: Rejection

    @property
    def size_bytes(self) -> int:
        """The memory that the pixels take."""
        return self.before.values.nbytes + self.after.values.nbytes


@dataclass(frozen=True)
class ClassStep:
    """A class was removed, and its pixels on all tiles with it."""

    what: str
    removed: RemovedClass

    @property
    def size_bytes(self) -> int:
        """The memory that the pixels take."""
        return self.removed.size_bytes


AnyStep = LabelStep | RejectionStep | ClassStep


class UndoStack:
    """The steps of one project, newest last. Whoever changes a label records it here."""

    changed = Signal()
    """Something else would be undone or redone now."""

    def __init__(
        self,
        is_accepted: Callable[[str], bool],
        is_partly: Callable[[str], bool] = lambda _tile: False,
        *,
        max_steps: int = MAX_STEPS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """is_accepted, is_partly: whether a tile's label, as it is in the project now, counts as accepted or partly."""
        self._is_accepted, self._is_partly = is_accepted, is_partly
        self._max_steps, self._max_bytes = max_steps, max_bytes
        self._done: deque[AnyStep] = deque()
        self._undone: list[AnyStep] = []

    def record(
        self,
        tile: str,
        before: U8,
        after: U8,
        what: str,
        *,
        was_accepted: bool | None = None,
        merged: tuple[Groups, Groups] | None = None,
    ) -> None:
        """Remember a change of a tile's label; two equal labels are no change, unless objects were merged.

        before, after: (H, W) class ids, 255 = not labelled. was_accepted: whether the label counted as accepted before;
        without it the project is asked, so record before the change is written. What was undone before cannot be redone
        any more.

        Raises
        ------
        ValueError: the two labels differ in shape.
        """
        if before.shape != after.shape:
            raise ValueError(f"labels of {before.shape} and {after.shape} px; a change keeps the size of its tile")
        box = changed_box(before != after)
        if box is None and merged is None:
            return
        box = box or (slice(0, 0), slice(0, 0))
        accepted = self._is_accepted(tile) if was_accepted is None else was_accepted
        old, new = (zlib.compress(label[box].tobytes(), _FAST) for label in (before, after))
        states = {"was_accepted": accepted, "was_partly": self._is_partly(tile)}
        self._add(LabelStep(tile, what, before.shape, box, old, new, **states, merged=merged))

    def record_rejection(self, tile: str, before: Rejection, after: Rejection, what: str) -> None:
        """Remember that what is rejected of a tile changes, before or after it is written."""
        self._add(RejectionStep(tile, what, before, after))

    def record_class(self, removed: RemovedClass, what: str) -> None:
        """Remember that a class was removed."""
        self._add(ClassStep(what, removed))

    def _add(self, step: AnyStep) -> None:
        self._done.append(step)
        self._undone.clear()
        while len(self._done) > self._max_steps or (len(self._done) > 1 and self.size_bytes > self._max_bytes):
            self._done.popleft()
        self.changed.emit()

    @property
    def size_bytes(self) -> int:
        """The memory that all steps take."""
        return sum(step.size_bytes for step in (*self._done, *self._undone))

    @property
    def next_undo(self) -> AnyStep | None:
        """The step that `undo` would take back."""
        return self._done[-1] if self._done else None

    @property
    def next_redo(self) -> AnyStep | None:
        """The step that `redo` would make again."""
        return self._undone[-1] if self._undone else None

    def undo(self) -> AnyStep | None:
        """Move the newest step to those that can be redone and return it; None where there is none.

        The caller changes the label, with `LabelStep.undone`, and its state, to `LabelStep.was_accepted`.
        """
        if not self._done:
            return None
        step = self._done.pop()
        if isinstance(step, LabelStep):
            step = replace(step, is_accepted=self._is_accepted(step.tile), is_partly=self._is_partly(step.tile))
        self._undone.append(step)
        self.changed.emit()
        return step

    def redo(self) -> AnyStep | None:
        """Move the step that was undone last back to the done ones and return it; None where there is none."""
        if not self._undone:
            return None
        step = self._undone.pop()
        self._done.append(step)
        self.changed.emit()
        return step

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self._undone.clear()
        self.changed.emit()
