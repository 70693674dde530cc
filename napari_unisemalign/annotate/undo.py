"""Undo and redo, across strokes, accepts and rejections, and across tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
from psygnal import Signal

from napari_unisemalign.annotate.contracts import PaintingSurface
from napari_unisemalign.app.background import run_while_painting
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.label_model import Patch
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.layer_values import U8
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.undo_stack import AnyStep, ClassStep, LabelStep, RejectionStep
from napari_unisemalign.tiles.tiles import TilesController
from training_core.base.i18n import tr
from training_core.project import UNLABELED
from training_core.project.class_removal import RemovedClass, left_as_they_are
from training_core.project.objects import Groups
from training_core.project.rejections import Rejection

Changed = Callable[[Rejection], Rejection]
"""What is rejected of a tile after a change, of what was rejected before."""


class UndoController:
    """Records every change of the label on screen and takes it back; napari's own undo knows one tile only."""

    undone = Signal()
    """Something was undone or redone: what was said of it may be untrue."""

    def __init__(
        self,
        context: Context,
        view: PaintingSurface,
        labels: LabelsController,
        tiles: TilesController,
    ) -> None:
        self._session, self._layers, self.reporter = context.session, context.layers, context.reporter
        self._label = context.session.label
        self._labels, self._tiles = labels, tiles
        self._view = view
        self._stack = context.session.undo
        self._known: U8 | None = None
        """The label on screen with all that is recorded."""
        self._what = ""
        self._merged: tuple[Groups, Groups] | None = None
        """Groups of numbered objects before and after the change that is recorded next."""
        view.undo_clicked.connect(self.undo)
        view.redo_clicked.connect(self.redo)
        self._label.shown.connect(self._on_shown)
        self._label.stroke_ended.connect(self._record)
        self._label.changed.connect(self._on_changed)
        self._stack.changed.connect(self._refresh)
        self._refresh()

    @contextmanager
    def named(self, what: str, merged: tuple[Groups, Groups] | None = None) -> Iterator[None]:
        """Changes of the label in here are called `what`, in the user's words, and not a stroke.

        merged: which numbered objects counted as one before, and which do now.
        """
        self.catch_up()
        self._what, self._merged = what, merged
        try:
            yield
        finally:
            self.catch_up()
            self._what = ""

    def catch_up(self) -> None:
        """Record what changed and is not recorded yet, a stroke that goes on included."""
        self._layers.settle()
        self._record()

    def _record(self) -> None:
        name, label = self._session.tile, self._label.ids()
        before, self._known = self._known, label
        if name is not None and label is not None and before is not None and before.shape == label.shape:
            merged, self._merged = self._merged, None
            self._stack.record(name, before, label, self._what or tr("a stroke"), merged=merged)

    def change_rejection(self, name: str, change: Changed, what: str) -> None:
        """Reject something else of a tile, or nothing, from now on, until it is undone.

        Raises
        ------
        UserError: what was rejected before cannot be read.
        """
        self.change_rejections([(name, change)], what)

    def change_rejections(self, changes: Iterable[tuple[str, Changed]], what: str) -> int:
        """The same for several tiles, each a step of undo; returns how many. They may be asked for one by one."""
        names = list[str]()

        def recorded() -> Iterator[tuple[str, Rejection, Rejection]]:
            for name, change in changes:
                before = self._labels.rejection(name)
                after = change(before)
                self._stack.record_rejection(name, before, after, what)
                names.append(name)
                yield name, before, after

        self._labels.write_rejections(recorded())
        return len(names)

    def class_removed(self, removed: RemovedClass) -> None:
        """A class is gone from the project and from its labels: show that, and keep it to be taken back."""
        self._stack.record_class(removed, tr("the removal of class {name}").format(name=removed.tissue_class.name))
        self._show_classes_anew()

    def put_back(self, label: U8, accepted: bool, partly: bool, what: str) -> None:
        """Show and save an earlier label (H, W) of the tile on screen; `accepted` and `partly`: what it counted as."""
        with self.named(what):
            self._label.replace(label)
        self._labels.save_undone(accepted, partly)

    @guarded
    def undo(self) -> None:
        """Take back the last change, on whichever tile it was; that tile is shown."""
        self._undo()
        self.undone.emit()

    def _undo(self) -> None:
        self.catch_up()
        step = self._stack.next_undo
        if isinstance(step, ClassStep):
            self._bring_back(step.removed)
        elif step is not None and self._shown(step, tr("Undid {what} on {tile}.")):
            undone = self._stack.undo()
            if isinstance(undone, LabelStep):
                self._write_merged(undone, 0)
                self._write_label(undone.undone, undone.was_accepted, undone.was_partly)
            elif isinstance(undone, RejectionStep):
                self._labels.write_rejections([(undone.tile, undone.after, undone.before)])

    @guarded
    def redo(self) -> None:
        """Make the change again that was taken back last."""
        self._redo()
        self.undone.emit()

    def _redo(self) -> None:
        self.catch_up()
        step = self._stack.next_redo
        if isinstance(step, ClassStep):
            self._remove_again(step.removed)
        elif step is not None and self._shown(step, tr("Redid {what} on {tile}.")):
            self._stack.redo()
            if isinstance(step, LabelStep):
                self._write_merged(step, 1)
                self._write_label(step.redone, step.is_accepted, step.is_partly)
            elif isinstance(step, RejectionStep):
                self._labels.write_rejections([(step.tile, step.before, step.after)])

    def why_not_undo(self) -> str:
        """Why nothing can be taken back; empty when something can."""
        return "" if self._stack.next_undo else tr("There is nothing to undo.")

    def why_not_redo(self) -> str:
        """Why nothing can be made again; empty when something can."""
        return "" if self._stack.next_redo else tr("There is nothing to redo.")

    def _shown(self, step: LabelStep | RejectionStep, words: str) -> bool:
        """Put the step's tile on the screen; False where that is not possible, and an error says why."""
        if step.tile == self._session.tile:
            return True
        self._tiles.show(step.tile)
        if step.tile != self._session.tile:
            return False
        self.reporter.info(words.format(tile=step.tile, what=step.what))
        return True

    def _write_merged(self, step: LabelStep, which: int) -> None:
        """Have the numbered objects count as one that did before the step, 0, or after it, 1."""
        project = self._session.project
        if project is not None and step.merged is not None:
            groups = step.merged[which]
            run_while_painting(lambda: project.set_merged(step.tile, groups))

    def _write_label(self, changed: Callable[[U8], U8], accepted: bool, partly: bool) -> None:
        label = self._label.ids()
        if label is None:
            return
        label = changed(label)
        ids = [each.id for each in self._session.classes()]
        label[~np.isin(label, ids)] = UNLABELED  # a class that was removed since
        self._known = label
        self._label.replace(label)
        self._labels.save_undone(accepted, partly)

    def _bring_back(self, removed: RemovedClass) -> None:
        project = self._session.project
        assert project is not None
        if self._labels.flush():
            damaged = run_while_painting(lambda: project.restore_class(removed))
            self._stack.undo()  # only now: what cannot be brought back stays to be tried again
            self._show_classes_anew()
            self._session.set_class(removed.tissue_class.id)
            if damaged:
                self.reporter.warning(left_as_they_are(damaged))

    def _remove_again(self, removed: RemovedClass) -> None:
        project = self._session.project
        assert project is not None
        if self._labels.flush():
            run_while_painting(lambda: project.remove_class(removed.tissue_class.id, removed.into))
            self._stack.redo()
            self._show_classes_anew()
            self._session.set_class(project.classes[0].id)

    def _show_classes_anew(self) -> None:
        """Classes and labels were changed in the project: the window follows."""
        self._session.model.classes_changed_outside()
        self._labels.read_again()

    def _on_shown(self) -> None:
        self._known = self._label.ids()

    def _on_changed(self, patch: Patch) -> None:
        """What others did is no step of ours."""
        if patch.by_others and self._known is not None:
            where = patch.where
            self._known[patch.box][where] = patch.after[where]

    def _refresh(self) -> None:
        self._view.set_undo(self.why_not_undo(), _tip(tr("Undo"), self._stack.next_undo))
        self._view.set_redo(self.why_not_redo(), _tip(tr("Redo"), self._stack.next_redo))


def _tip(verb: str, step: AnyStep | None) -> str:
    if isinstance(step, ClassStep):
        return tr("{verb}: {what}").format(verb=verb, what=step.what)
    return "" if step is None else tr("{verb}: {what}, on {tile}").format(verb=verb, what=step.what, tile=step.tile)
