"""Labels and rejections on their way to the disk: written one after the other in a thread, as they came."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, TypeGuard

from napari_unisemalign.app.background import Background
from napari_unisemalign.app.layer_values import U8
from training_core.project import LabelSource, Project
from training_core.project.merging import WrittenLabel
from training_core.project.rejections import Rejection

Outcome = WrittenLabel | None | Exception
"""What came of a change (of a rejection nothing), or what prevented it: anything, memory that ran out or a bug."""
Region = Literal["tile", "region", "component", "sure"]


@dataclass(frozen=True)
class Edit:
    """What the project keeps about a change that is not plain painting."""

    source: LabelSource
    run_id: str | None = None
    region: Region | None = None
    accepted: bool | None = None
    partly: bool | None = None
    """Both of an undo: as `Project.write_label` takes them."""


@dataclass(frozen=True, eq=False)
class Change:
    """A label to be written. label: (H, W) class ids; base: what it was before. edit: None for plain painting."""

    project: Project
    tile: str
    label: U8
    base: U8
    edit: Edit | None = None

    def write(self) -> Outcome:
        """Write it, in any thread."""
        edit = self.edit
        try:
            if edit is None:
                corrects = self.project.state(self.tile).is_accepted
                edit = Edit(LabelSource.CORRECTED if corrects else LabelSource.PAINTED)
            return self.project.write_label(
                self.tile,
                self.label,
                edit.source,
                run_id=edit.run_id,
                region=edit.region,
                accepted=edit.accepted,
                partly=edit.partly,
                base=self.base,
            )
        except Exception as error:
            return error


@dataclass(frozen=True, eq=False)
class RejectionChange:
    """What is to be rejected of a tile. base: what was before; what others did to that meanwhile is kept."""

    project: Project
    tile: str
    rejection: Rejection
    base: Rejection

    def write(self) -> Outcome:
        """Write it, in any thread."""
        try:
            self.project.write_rejection(self.tile, self.rejection, self.base)
        except Exception as error:
            return error
        return None


class LabelQueue:
    """What is not on the disk yet. A change that could not be written stays and holds up its own tile, no other.

    Whatever happens to one change or to those that hear of it, the queue goes on with the next.
    """

    def __init__(
        self,
        background: Background,
        saved: Callable[[Change, WrittenLabel], None],
        rejected: Callable[[RejectionChange], None],
        failed: Callable[[Exception], None],
        bug: Callable[[Exception], None],
    ) -> None:
        """saved, rejected, failed: called in the window's thread. bug: told what one of them raised."""
        self._background, self._saved, self._failed, self._bug = background, saved, failed, bug
        self._rejected = rejected
        self._changes: list[Change | RejectionChange] = []
        self._writing: tuple[Change | RejectionChange, Future[Outcome]] | None = None
        self._held: set[str] = set()
        """Tiles with a change that could not be written; tried again by the next `start` or `finish`."""

    @property
    def names(self) -> tuple[str, ...]:
        """The tiles with a change that waits, in the order in which they came."""
        return tuple(dict.fromkeys(change.tile for change in self._changes))

    def latest(self, tile: str) -> U8 | None:
        """The tile's label, (H, W) class ids, as it waits to be written; None where nothing waits."""
        last = self._last(tile)
        return None if last is None else last.label

    def rejection(self, tile: str) -> Rejection | None:
        """What is rejected of the tile, as it waits to be written; None where nothing waits."""
        waiting = (each.rejection for each in reversed(self._changes) if _is_rejection_of(each, tile))
        return next(waiting, None)

    @property
    def is_rejecting(self) -> bool:
        """A rejection waits."""
        return any(isinstance(change, RejectionChange) for change in self._changes)

    def reject(self, change: RejectionChange) -> None:
        """Let it wait."""
        self._changes.append(change)

    def add(self, change: Change) -> None:
        """Let it wait. A later stroke takes the place of an earlier one that is not being written yet."""
        last = self._last(change.tile)
        is_written = self._writing is not None and self._writing[0] is last
        if last is not None and not is_written and last.edit is change.edit is None:
            self._changes[self._changes.index(last)] = replace(change, base=last.base)
        else:
            self._changes.append(change)

    def start(self) -> None:
        """Begin to write what waits, in the thread; `saved` or `failed` says how it went."""
        if self._writing is None:
            self._held.clear()
            self._begin()

    def finish(self) -> bool:
        """Write all that waits before returning. False when something could not be written; it is kept."""
        self._held.clear()
        if self._writing is not None:
            change, future = self._writing
            self._writing = None
            with suppress(CancelledError):  # it never began: it is written below
                self._done(change, future.result())
        while (waiting := self._next()) is not None:
            self._done(waiting, waiting.write())
        return not self._changes

    def wait(self, seconds: float) -> bool:
        """Let the thread write what waits, and wait for it at most so long. False when something is not written yet.

        What takes longer goes on in the thread: a disk that hangs does not hold the window.
        """
        self.start()
        deadline = time.monotonic() + seconds
        while self._writing is not None:
            change, future = self._writing
            if wait([future], max(0.0, deadline - time.monotonic())).not_done:
                return False
            self._writing = None
            self._done(change, future.result())
            self._begin()
        return not self._changes

    def acceptance(self, tile: str) -> tuple[bool, bool] | None:
        """Whether the tile will count as accepted, and as partly so, when all is written; None: as it does now."""
        edits = (change.edit for change in reversed(self._changes) if _is_label_of(change, tile))
        edit = next((each for each in edits if each is not None), None)
        if edit is None:
            return None
        if edit.accepted is not None:
            return edit.accepted, bool(edit.partly)
        return True, edit.region != "tile"

    def forget(self) -> None:
        """Drop what waits."""
        self._changes = []

    def _last(self, tile: str) -> Change | None:
        return next((change for change in reversed(self._changes) if _is_label_of(change, tile)), None)

    def _next(self) -> Change | RejectionChange | None:
        return next((change for change in self._changes if change.tile not in self._held), None)

    def _begin(self) -> None:
        change = self._next()
        if change is not None:
            future = self._background.run(change.write, lambda outcome: self._answer(change, outcome), self._failed)
            if future is not None:
                self._writing = change, future

    def _answer(self, change: Change | RejectionChange, outcome: Outcome) -> None:
        if self._writing is None or self._writing[0] is not change:
            return  # `finish` was quicker
        self._writing = None
        self._done(change, outcome)
        self._begin()

    def _done(self, change: Change | RejectionChange, outcome: Outcome) -> None:
        try:
            if isinstance(outcome, Exception):
                self._held.add(change.tile)
                self._failed(outcome)
            else:
                self._changes.remove(change)
                if isinstance(change, RejectionChange):
                    self._rejected(change)
                elif outcome is not None:
                    self._saved(change, outcome)
        except Exception as bug:  # of whoever heard of it: the changes that wait are not to wait for ever
            self._bug(bug)


def _is_label_of(change: Change | RejectionChange, tile: str) -> TypeGuard[Change]:
    return isinstance(change, Change) and change.tile == tile


def _is_rejection_of(change: Change | RejectionChange, tile: str) -> TypeGuard[RejectionChange]:
    return isinstance(change, RejectionChange) and change.tile == tile
