"""Start, follow and stop the training process."""

from __future__ import annotations

from collections.abc import Callable

from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.process import Ending, TrainerProcess, train_command
from napari_unisemalign.app.session import Phase, Training
from napari_unisemalign.app.training_curves import Curves
from napari_unisemalign.train.train_view import TrainView
from training_core.base.errors import UserError
from training_core.base.i18n import ntr, tr
from training_core.messages.events import Event, RunFinished, Show, Stop, Warned
from training_core.project import TileState


class TrainingController:
    """Between the train section, the session and the process."""

    def __init__(
        self,
        context: Context,
        view: TrainView,
        labels: LabelsController,
        settings_are_fine: Callable[[], bool],
        helper: TrainerProcess,
    ) -> None:
        """Nothing is started yet.

        settings_are_fine: takes over what is typed in the settings; False where something is not allowed. helper: the
        process of the live preview, which becomes the training's where it is there.
        """
        self._helper = helper
        self._context, self._labels = context, labels
        self._session, self.reporter = context.session, context.reporter
        self._view, self._settings_are_fine = view, settings_are_fine
        self._finished: RunFinished | None = None
        self._warned: set[str] = set()
        self.discarding = False
        """The process was killed to forget its run."""
        self._killed = False
        self.process = TrainerProcess(context.owner)
        self.process.event_received.connect(self._on_event)
        self.process.ended.connect(self._on_ended)
        self._view.start_clicked.connect(self.start)
        self._view.stop_clicked.connect(self.stop)
        session = self._session
        session.training_changed.connect(self._refresh)
        session.states_changed.connect(self._refresh_available)
        session.settings_changed.connect(self._refresh_available)
        session.project_changed.connect(self._refresh_available)
        session.tile_changed.connect(self._on_tile)
        self._refresh(session.training)

    @guarded
    def start(self) -> None:
        """Save the labels and train on the open project."""
        project = self._session.project
        if project is None:
            return
        if not self._settings_are_fine():
            words = tr("An advanced setting is not allowed as it is typed: the line under its field says why.")
            self.reporter.warning(words)
            return
        if availability.why_not_train(self._session) or not self._labels.flush():
            return
        command = train_command(
            project.path,
            minutes=self._view.minutes,
            show=self._session.tile,
            supervised_only=self._view.labeled_only,
        )
        self.run(command)

    def run(self, command: list[str], before: Curves | None = None) -> None:
        """Start a process that trains. before: the curves of what it goes on with."""
        self._finished, self.discarding, self._killed = None, False, False
        self._session.begin_training(before)
        if self._helper.running:
            self.process.take_over(self._helper, command)
        else:
            self.process.start(command)

    @guarded
    def stop(self) -> None:
        """Ask the process to save what it learned, predict, and end."""
        if self.process.running and self._session.training.phase is not Phase.STOPPING:
            self._session.begin_stopping()
            self.process.send(Stop())

    def kill(self) -> None:
        """End the process at once."""
        self._killed = True
        self.process.kill()
        self.process.wait(5000)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Warned) and event.message not in self._warned:
            self._warned.add(event.message)  # once a window is enough: round after round it would only annoy
            self.reporter.warning(event.message)
        if isinstance(event, RunFinished):
            self._finished = event
        self._session.apply(event)

    @guarded
    def _on_ended(self, ending: Ending) -> None:
        training = self._session.training
        finished = self._finished
        if self.discarding and not (finished is not None and finished.steps):
            self._session.end_training(tr("The round was discarded. Annotations and earlier rounds are as they were."))
        elif finished is not None and finished.steps and not ending.crashed:
            self._keep(finished)
        elif training.failure:
            self._session.end_training(tr("Training could not go on; the message above says why."))
            self.reporter.error(training.failure)
        elif self._killed:
            self._session.end_training(tr("Training was ended. Annotations and earlier rounds are as they were."))
        elif ending.in_words():
            self._session.end_training(tr("Training ended unexpectedly; the message above says more."))
            self.reporter.error(ending.in_words(), ending.details)
        else:
            self._session.end_training(tr("Training was stopped before it had learned anything."))

    def _keep(self, finished: RunFinished) -> None:
        """The run is complete: it becomes a round, and its predictions wait for review."""
        project = self._session.project
        assert project is not None
        try:
            project.add_round(finished.run_id)
        except (UserError, OSError) as error:
            words = tr("The training is kept, but its round could not be recorded ({error}).")
            self.reporter.warning(words.format(error=error))
        waiting = sum(state is TileState.PREDICTED for state in project.states().values())
        self._session.end_training(_outcome(finished, self._session.curves, waiting))
        self._session.states_changed.emit()
        if self._session.tile is not None:
            self._session.overlays_changed.emit(self._session.tile)

    def _on_tile(self, name: str | None) -> None:
        if name is not None and self.process.running:
            self.process.send(Show(tile=name))

    def _refresh(self, training: Training) -> None:
        if training.active:
            self._view.set_status(training.message)
        self._view.set_progress(
            training.progress,
            training.eta_s,
            active=training.active,
            memory_bytes=training.memory_bytes,
            gpu_memory_bytes=training.gpu_memory_bytes,
        )
        self._refresh_available()

    def _refresh_available(self, _change: object = None) -> None:
        reason = availability.why_not_train(self._session)
        self._view.set_available(reason, availability.why_not_stop(self._session))
        training = self._session.training
        if not training.active:
            self._view.set_status(training.message or reason or self._ready())

    def _ready(self) -> str:
        project = self._session.project
        if project is None:
            return ""
        labeled, unlabeled = len(project.labeled_names()), len(project.unlabeled_names())
        val = len(project.val_names())
        words = tr("Ready to train on {labeled} annotated and {unlabeled} unannotated tiles; {val} for validation.")
        if not val:
            words = tr(
                "Ready to train on {labeled} annotated and {unlabeled} unannotated tiles; none for validation: "
                "right-click annotated tiles to choose some."
            )
        ready = words.format(labeled=labeled, unlabeled=unlabeled, val=val)
        own = len(self._session.settings)
        if not own:
            return ready
        changed = ntr(
            "{count} advanced setting is the project's own.", "{count} advanced settings are the project's own.", own
        )
        return f"{ready} {changed.format(count=own)}"


def _outcome(finished: RunFinished, curves: Curves, waiting: int) -> str:
    stopped = finished.reason == "stopped"
    words = (
        tr("Stopped and kept after {steps} steps{score}.") if stopped else tr("Finished after {steps} steps{score}.")
    )
    score = ""
    if finished.mdice is not None:
        score = {
            "validation": tr(", validation Dice {dice:.1f} %"),
            "held_out": tr(", {dice:.1f} % Dice on held-out annotations"),
            "training": tr(", training Dice {dice:.1f} %"),
        }[curves.dice_measured_on]
    said = words.format(steps=finished.steps, score=score.format(dice=finished.mdice))
    if finished.predictions_by == "pixel_classifier":
        said = f"{said} {tr('The predictions come from the pixel classifier, which is still better.')}"
    elif finished.predictions_by == "previous_run":
        said = f"{said} {tr('The predictions are those of the previous run, which are still better.')}"
    if not waiting:
        return said
    todo = ntr("{count} tile waits for review.", "{count} tiles wait for review.", waiting)
    return f"{said} {todo.format(count=waiting)}"
