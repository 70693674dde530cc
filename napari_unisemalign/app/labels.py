"""Strokes and rejections are saved by themselves, and none is lost when the disk is full."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from typing import Any

from qtpy.QtCore import QTimer

from napari_unisemalign.app.background import Background, run_while_painting
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.label_saving import Change, Edit, LabelQueue, Region, RejectionChange
from napari_unisemalign.app.layer_values import U8
from training_core.base.errors import UserError
from training_core.base.i18n import ntr, tr
from training_core.project import LabelSource
from training_core.project.merging import WrittenLabel
from training_core.project.rejections import Rejection

SAVE_DELAY_MS = 1000
RETRY_MS = 3000
ACCEPT_WAIT_S = 0.1
"""So long an accept or a rejection waits for the thread that writes it, which is nearly always quicker."""


class LabelsController:
    """Watches the label on screen and sees that what changed is written to the project."""

    def __init__(self, context: Context, say: Callable[[str], None]) -> None:
        self._session, self._layers, self.reporter = context.session, context.layers, context.reporter
        self._label = context.session.label
        self._say, self._doubt = say, ""
        self._tile: str | None = None
        self._taken: U8 | None = None
        """The label as it was read, or given to be written; never changed in place."""
        self._queue = LabelQueue(
            Background(context.owner), self._on_saved, self._on_rejected, self._on_failed, self.reporter.bug
        )
        self._rejected: list[str] = []
        """Tiles whose rejection was written and not told yet."""
        self._told = False
        """The user knows that saving fails."""
        self._session.waiting_acceptance = self._queue.acceptance
        self._session.waiting_rejection = self._queue.rejection
        self._timer = QTimer(context.owner)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.save_soon)
        self._label.changed.connect(self._on_change)
        self._label.touched.connect(self._on_change)

    def doubt(self, words: str) -> None:
        """Say this in the place of whether all strokes are saved: somebody paints elsewhere; empty: no longer."""
        self._doubt = words
        self._refresh_words()

    def load(self, name: str) -> U8:
        """The tile's label, (H, W); strokes that are not on the disk yet included.

        Raises
        ------
        UserError: the label cannot be read.
        """
        assert self._session.project is not None
        waiting = self.waiting(name)
        return self._session.project.label(name) if waiting is None else waiting

    def waiting(self, name: str) -> U8 | None:
        """The tile's label, (H, W), with strokes that are not on the disk yet; None: all are."""
        return self._queue.latest(name)

    def watch(self, name: str) -> None:
        """From now on the label is that of the tile `name`, just loaded."""
        self._tile = name
        self._taken = self._label.ids()
        self._refresh_words()

    def read_again(self) -> None:
        """The project's labels were changed outside: show the tile's as it is now. Call `flush` first."""
        if self._tile is not None:
            assert self._session.project is not None
            self._layers.show_label(self._session.project.label(self._tile))
            self._taken = self._label.ids()
            self._timer.stop()
            self._refresh_words()
        self._session.model.labels_changed_outside(self._tile)

    def release(self) -> None:
        """Another project comes: forget this one. Call `flush` first."""
        self._tile, self._taken, self._told = None, None, False
        self._rejected.clear()
        self._queue.forget()
        self._timer.stop()

    def save_soon(self) -> None:
        """Have written what is not, in another thread; `session.label_saved` says when."""
        self._timer.stop()
        self._take(None)
        self._queue.start()
        self._refresh_words()

    def flush(self) -> bool:
        """Save now what is not saved. False when something could not be saved; it is kept and tried again."""
        self._timer.stop()
        taken = self._take(None)
        saved = self._queue.finish() and taken
        self._refresh_words()
        return saved

    def leave(self) -> None:
        """The tile goes off the screen: what is not saved is being saved, or kept in memory until that is possible."""
        self.save_soon()

    def save_accepted(self, source: LabelSource, run_id: str, region: Region) -> None:
        """Save the label on screen as accepted from a run."""
        self._take(Edit(source, run_id, region))
        self._hand_over()

    def save_undone(self, accepted: bool, partly: bool) -> None:
        """Save the label on screen as brought back by undo or redo, which counted as accepted, or as partly so."""
        self._take(Edit(LabelSource.UNDONE, accepted=accepted, partly=partly))
        self._hand_over()

    def save_strokes(self) -> None:
        """What was painted before an accept is saved as painted, before it."""
        self._take(None)
        self._hand_over()

    def rejection(self, name: str) -> Rejection:
        """What is rejected of a tile, written or not; read in a thread.

        Raises
        ------
        UserError: it cannot be read.
        """
        project, waiting = self._session.project, self._queue.rejection(name)
        assert project is not None
        read: Rejection = run_while_painting(lambda: project.rejection(name)) if waiting is None else waiting
        return read

    def write_rejections(self, rejections: Iterable[tuple[str, Rejection, Rejection]]) -> None:
        """Change what is rejected of tiles, from what it was. They count at once, and are written like labels."""
        project, names = self._session.project, list[str]()
        assert project is not None
        for name, before, after in rejections:
            self._queue.reject(RejectionChange(project, name, after, before))
            names.append(name)
        self._session.model.rejections_changed_outside(names)
        self._hand_over()

    def _hand_over(self) -> None:
        """Have the thread write, and go on when it has, or when the disk is slow: then it is said later."""
        self._timer.stop()
        self._queue.wait(ACCEPT_WAIT_S)
        self._refresh_words()

    def unsaved_names(self) -> tuple[str, ...]:
        """The tiles with strokes that are only in memory."""
        changed = (self._tile,) if self._tile is not None and self._is_changed() else ()
        return tuple(dict.fromkeys((*self._queue.names, *changed)))

    def _on_change(self, _event: Any = None) -> None:
        if not self._timer.isActive() and self._tile is not None:
            self._timer.start(RETRY_MS if self._told else SAVE_DELAY_MS)
            self._refresh_words()

    def _is_changed(self) -> bool:
        try:
            self._layers.settle()
        except MemoryError:
            return True  # rather asked once too often than a stroke lost
        taken = self._taken
        return taken is not None and self._label.shape == taken.shape and not self._label.equals(taken)

    def _take(self, edit: Edit | None) -> bool:
        """Put the label on screen among those to be written: where it was painted on, or as `edit` says.

        False: memory ran out, so the strokes are on the screen only; it is tried again.
        """
        project = self._session.project
        if project is None or self._tile is None:
            return True
        is_changed = self._is_changed()
        self._timer.stop()
        if edit is None and not is_changed:
            return True
        try:
            self._layers.settle()
            label = self._label.ids()
        except MemoryError as error:
            self._on_failed(error)
            return False
        if label is not None:
            self._queue.add(Change(project, self._tile, label, label if self._taken is None else self._taken, edit))
            self._taken = label
        return True

    def _on_saved(self, change: Change, written: WrittenLabel) -> None:
        if written.others_pixels:
            self._add_what_others_did(change, written)
        if written.damaged_history is not None:
            words = tr(
                "The history of tile {name} was damaged: it is kept as {path}, and starts again. No stroke is lost."
            )
            path = written.damaged_history.relative_to(change.project.path).as_posix()
            self.reporter.warning(words.format(name=change.tile, path=path))
        self._told = self._told and bool(self._queue.names)
        self._session.model.label_changed_outside(change.tile)
        self._refresh_words()

    def _on_rejected(self, change: RejectionChange) -> None:
        self._told = self._told and bool(self._queue.names)
        self._rejected.append(change.tile)
        if not self._queue.is_rejecting:  # many are told together: each telling has every list refreshed
            names, self._rejected = self._rejected, []
            self._session.model.rejections_changed_outside(names)
        self._refresh_words()

    def _add_what_others_did(self, change: Change, written: WrittenLabel) -> None:
        """Show what another window or a command did to the tile meanwhile, but where it was painted on since."""
        if change.tile == self._tile and self._taken is not None:
            self._layers.settle()
            theirs = written.label != change.label
            label, taken = self._label.ids(), self._taken.copy()
            if label is not None:
                for each in (label, taken):
                    untouched = theirs & (each == change.label)
                    each[untouched] = written.label[untouched]
                self._label.replace(label, by_others=True)
                self._taken = taken
        if written.other_version is None:
            words = tr("Tile {name} was changed elsewhere too, in other places: both are kept.")
            self.reporter.info(words.format(name=change.tile))
            return
        words = ntr(
            "Tile {name} was changed elsewhere too, {count} pixel of it differently: it is as you painted it. "
            "The other version is kept as {path}.",
            "Tile {name} was changed elsewhere too, {count} pixels of it differently: they are as you painted them. "
            "The other version is kept as {path}.",
            written.disputed_pixels,
        )
        path = written.other_version.relative_to(change.project.path).as_posix()
        self.reporter.warning(words.format(name=change.tile, count=written.disputed_pixels, path=path))

    def _on_failed(self, error: Exception) -> None:
        self._timer.start(RETRY_MS)
        if not self._told:
            self._told = True
            words, details = str(error), ""
            if not isinstance(error, UserError):
                words, details = _unsaved_in_words(error), "".join(traceback.format_exception(error))
            promise = tr("Nothing is lost: what you did stays here, and saving is tried again.")
            self.reporter.error(f"{words}\n{promise}", details)
        self._refresh_words()

    def _refresh_words(self) -> None:
        if self._doubt:
            self._say(self._doubt)
        elif self._tile is None or self._session.project is None:
            self._say("")
        elif self._session.project.read_only:
            self._say(tr("This window can only look at the project."))
        elif self._told:
            self._say(tr("Not saved yet: it is tried again every few seconds."))
        else:
            is_saved = not self._timer.isActive() and not self._queue.names
            self._say(tr("All strokes are saved.") if is_saved else tr("Saving …"))


def _unsaved_in_words(error: Exception) -> str:
    reason = tr("memory ran out") if isinstance(error, MemoryError) else str(error) or type(error).__name__
    return tr("What you did could not be saved ({error}).").format(error=reason)
