"""Says when a stroke makes one object of several: gland by gland they are counted, and the join may be an accident."""

from __future__ import annotations

import numpy as np

from napari_unisemalign.annotate.accept import CorrectionController
from napari_unisemalign.annotate.object_edits import MERGE
from napari_unisemalign.annotate.object_map import numbered
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.latest import Latest
from napari_unisemalign.app.undo_stack import AnyStep, LabelStep
from training_core.base.i18n import ntr
from training_core.class_maps.object_edits import joined
from training_core.export.object_numbers import known_objects
from training_core.project import UNLABELED
from training_core.project.classes import object_class_ids


class JoinWatch:
    """Compares the objects before and after every new step of undo, in a thread; a merge is asked for, and not told."""

    def __init__(self, context: Context, correction: CorrectionController) -> None:
        self._session, self.reporter, self._correction = context.session, context.reporter, correction
        self._latest = Latest(context.owner, context.reporter.error)
        self._seen: AnyStep | None = None
        self._session.undo.changed.connect(self._on_step)

    @property
    def busy(self) -> bool:
        """The last stroke is not looked at yet."""
        return self._latest.busy

    def _on_step(self) -> None:
        stack, label = self._session.undo, self._session.label.ids()
        step, former = stack.next_undo, self._seen
        self._seen = step
        if step is former or stack.next_redo is not None or not isinstance(step, LabelStep) or label is None:
            return  # nothing is new: something was undone or redone
        painted = np.unique(label[step.where()]) if step.tile == self._session.tile else ()
        classes = [each for each in object_class_ids(self._session.classes()) if each in painted]
        if step.what != MERGE and classes:
            self._look(step, classes)

    def _look(self, step: LabelStep, classes: list[int]) -> None:
        project, label = self._session.project, self._session.label.ids()
        assert project is not None
        assert label is not None
        ids, waiting = self._correction.shown_ids(), self._session.waiting_rejection(step.tile)
        predicted = np.full_like(label, UNLABELED) if ids is None else ids

        def work() -> int:
            """How many objects are one now."""
            known = known_objects(project, step.tile)
            rejected = (project.rejection(step.tile) if waiting is None else waiting).where
            before, after = (
                numbered(predicted, rejected, each, classes, known)[1] for each in (step.undone(label), label)
            )
            return sum(len(former) for _now, former in joined(before, after))

        self._latest.ask(work, self._tell)

    def _tell(self, count: int) -> None:
        if count:
            words = ntr(
                "This joins {count} object that was separate. Undo it, or split it.",
                "This joins {count} objects that were separate. Undo it, or split them.",
                count,
            )
            self.reporter.info(words.format(count=f"{count:,}"))
