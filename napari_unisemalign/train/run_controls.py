"""Pause, resume and discard a training; go on with one that was cut off."""

from __future__ import annotations

from qtpy.QtCore import QTimer

from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.open_tiles import unpredicted_in_words
from napari_unisemalign.app.process import resume_command
from napari_unisemalign.app.training_curves import Curves, read_run
from napari_unisemalign.app.training_state import Phase, Training
from napari_unisemalign.train.contracts import RunSurface
from napari_unisemalign.train.training import TrainingController
from napari_unisemalign.widgets.chart import duration
from training_core.base.i18n import tr
from training_core.messages.events import Pause, Resume
from training_core.project import Project
from training_core.project.interrupted_runs import UnfinishedRun

AGAIN_MS = 2000
LOOKS = 10
"""The system may hold the lock of a process that was killed a while longer."""


class RunControls:
    """Between the controls of a training, the session and the training's process."""

    def __init__(
        self, context: Context, view: RunSurface, labels: LabelsController, training: TrainingController
    ) -> None:
        self._context, self._labels, self._training = context, labels, training
        self._session, self.reporter = context.session, context.reporter
        self._view = view
        self._found: UnfinishedRun | None = None
        self._was_active = False
        self._looks_left = 0
        self._again = QTimer(context.owner)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._look)
        self._view.pause_clicked.connect(self.pause_or_resume)
        self._view.discard_clicked.connect(self.discard)
        self._view.resume_run_clicked.connect(lambda: self.go_on(keep=False))
        self._view.keep_run_clicked.connect(lambda: self.go_on(keep=True))
        self._view.discard_run_clicked.connect(self.discard_found)
        self._view.predict_clicked.connect(self.predict_missing)
        self._session.states_changed.connect(self._count_missing)
        self._session.training_changed.connect(self._refresh)
        self._session.project_changed.connect(self._look)
        self._refresh(self._session.training)

    @guarded
    def pause_or_resume(self) -> None:
        """Pause the training that runs, or let it go on."""
        phase = self._session.training.phase
        if phase is Phase.RUNNING:
            self._training.process.send(Pause())
            self._session.begin_pausing()
        elif phase is Phase.PAUSED:
            self._training.process.send(Resume())
            self._session.begin_resuming()

    @guarded
    def discard(self) -> None:
        """Forget the training that runs, after a question; of a finished run that only predicts there is nothing."""
        if self._training.predicts:
            self._training.stop()
            return
        if self._training.process.running and self._confirmed():
            self._training.discarding = True
            self._training.process.kill()

    @guarded
    def go_on(self, *, keep: bool) -> None:
        """Train on where the run was cut off, or keep what it has."""
        project, found = self._session.project, self._found
        if project is not None:
            project.refuse_if_read_only()
        if project is not None and found is not None and not self._session.training.active and self._labels.flush():
            command = resume_command(project.path, found.run_id, show=self._session.tile, keep=keep)
            self._offer(None)  # a second click finds nothing more to go on with
            self._context.background.run(
                lambda: read_run(project, found.run_id),
                lambda before: self._start(project, command, before),
                self.reporter.error,
            )

    @guarded
    def predict_missing(self) -> None:
        """Have the latest finished run predict the tiles that no run has predicted."""
        project = self._session.project
        run_id = project.latest_run_id() if project is not None else None
        if project is None or run_id is None or self._session.training.active or not self._labels.flush():
            return
        project.refuse_if_read_only()
        command = resume_command(project.path, run_id, show=self._session.tile, keep=True)
        self._view.set_missing("")  # a second click finds nothing more to predict
        self._context.background.run(
            lambda: read_run(project, run_id),
            lambda before: self._start(project, command, before, predicts=True),
            self.reporter.error,
        )

    def _start(self, project: Project, command: list[str], before: Curves | None, *, predicts: bool = False) -> None:
        if project is self._session.project and not self._session.training.active:
            self._training.run(command, before, predicts=predicts)

    @guarded
    def discard_found(self) -> None:
        """Forget the run that was cut off, after a question."""
        project, found = self._session.project, self._found
        if project is not None and found is not None and self._confirmed():
            self._forget(project, found.run_id)

    def _confirmed(self) -> bool:
        question = tr("Discard this training? What it has learned is lost. Annotations and earlier rounds stay.")
        return self._context.dialogs.confirm(tr("Discard the training"), question, tr("Discard"))

    def _forget(self, project: Project, run_id: str) -> None:
        self._context.background.run(
            lambda: project.discard_run(run_id), lambda _nothing: self._after_forgetting(), self.reporter.error
        )

    def _after_forgetting(self) -> None:
        self._session.model.runs_changed_outside(self._session.tile)
        self._look()

    def _refresh(self, training: Training) -> None:
        self._view.set_running(
            availability.why_not_pause(self._session),
            "" if training.active else availability.why_not_stop(self._session),
            active=training.active,
            paused=training.phase is Phase.PAUSED,
        )
        if training.active == self._was_active:
            return
        self._was_active = training.active
        self._count_missing()
        project = self._session.project
        if training.active:
            self._offer(None)
        elif self._training.discarding and project is not None and training.run_id and not training.finished:
            self._forget(project, training.run_id)
        else:
            self._looks_left = LOOKS if training.run_id and not training.finished else 0
            self._look()

    def _look(self, _change: object = None) -> None:
        """For a run that was cut off, in the background."""
        project = self._session.project
        self._offer(None)
        self._count_missing()
        if project is not None:
            self._context.background.run(
                project.unfinished_run, lambda found: self._take(project, found), self.reporter.error
            )

    def _count_missing(self) -> None:
        """Say how many tiles no run has predicted, once there was one."""
        project = None if self._session.training.active else self._session.project
        self._view.set_missing(unpredicted_in_words(project))

    def _take(self, project: Project, found: UnfinishedRun | None) -> None:
        if project is self._session.project and not self._session.training.active:
            self._offer(found)
            if found is None and self._looks_left:
                self._looks_left -= 1
                self._again.start(AGAIN_MS)

    def _offer(self, found: UnfinishedRun | None) -> None:
        self._found = found
        self._view.set_offer(_sentence(found) if found is not None else "")


def _sentence(found: UnfinishedRun) -> str:
    when = found.started_at.astimezone().strftime("%Y-%m-%d, %H:%M")
    if found.total_steps is not None:
        text = tr("A training from {when} stopped at step {step} of {total}.")
        return text.format(when=when, step=found.step, total=found.total_steps)
    if found.minutes is not None:
        text = tr("A training from {when} stopped after {time} of {total}.")
        return text.format(when=when, time=duration(found.elapsed_s), total=duration(60 * found.minutes))
    return tr("A training from {when} stopped at step {step}.").format(when=when, step=found.step)
