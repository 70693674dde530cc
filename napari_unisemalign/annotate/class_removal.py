"""Removing a class: first its labels are counted and the user says what they become."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from napari_unisemalign.annotate.contracts import ClassesSurface
from napari_unisemalign.annotate.undo import UndoController
from napari_unisemalign.app import availability
from napari_unisemalign.app.background import run_while_painting
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.dialogs import ClassUse
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.notify import guarded
from training_core.base.i18n import tr
from training_core.project import UNLABELED, Project, TissueClass
from training_core.project.class_removal import left_as_they_are

Answer = TypeVar("Answer")
_Progress = Callable[[int, int, str], None]


class ClassRemovalController:
    """Answers the button below the classes."""

    def __init__(self, context: Context, view: ClassesSurface, labels: LabelsController, undo: UndoController) -> None:
        self._context, self._labels, self._undo = context, labels, undo
        self._session, self.reporter = context.session, context.reporter
        self._view = view
        view.remove_clicked.connect(self.remove)

    @guarded
    def remove(self) -> None:
        """Remove the chosen class, after a question."""
        project, class_id = self._session.project, self._session.class_id
        if project is None or class_id is None or availability.why_not_remove_class(self._session):
            return
        self._undo.catch_up()
        if not self._labels.flush():
            return  # strokes that are not in the project yet may use it
        removed = next(each for each in project.classes if each.id == class_id)
        into = self._ask(project, removed)
        if into is None:
            return
        gone = self._while_painting(
            tr("Changing annotations"), lambda progress: project.remove_class(class_id, into, progress)
        )
        self._undo.class_removed(gone)
        self._session.set_class(project.classes[0].id if into == UNLABELED else into)
        if gone.damaged:
            self.reporter.warning(left_as_they_are(gone.damaged))

    def _ask(self, project: Project, removed: TissueClass) -> int | None:
        """What the class's pixels become; None where it is to stay."""
        pixels = self._while_painting(
            tr("Counting its pixels"), lambda progress: project.class_pixels(removed.id, progress)
        )
        dialogs = self._context.dialogs
        if pixels:
            others = [each for each in project.classes if each.id != removed.id]
            return dialogs.fate_of_class(ClassUse(removed, len(pixels), sum(pixels.values()), others))
        words = tr("Remove the class {name}? No annotation uses it. The other classes stay as they are.")
        sure = dialogs.confirm(tr("Remove class"), words.format(name=removed.name), tr("Remove"))
        return UNLABELED if sure else None

    def _while_painting(self, what: str, work: Callable[[_Progress], Answer]) -> Answer:
        """Do it in a thread; the panel says how far it is and takes no clicks, so that no stroke comes between."""
        view, background = self._view, self._context.background

        def tell(done: int, total: int, name: str) -> None:
            background.post(lambda: view.set_busy(f"{what}: {done} / {total} ({name}) …"))

        try:
            answer: Answer = run_while_painting(lambda: work(tell))
            return answer
        finally:
            background.post(lambda: view.set_busy(""))
