"""Start, follow and stop the training process."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QTimer

from napari_unisemalign.app import availability, preferences
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.process import Ending, TrainerProcess, train_command
from napari_unisemalign.app.training_curves import Curves
from napari_unisemalign.app.training_state import Phase, Training, tiles_in_words
from napari_unisemalign.app.training_time import megapixels, whole_time
from napari_unisemalign.train.contracts import TrainSurface
from training_core.base.errors import UserError
from training_core.base.i18n import ntr, tr
from training_core.messages.events import Event, Leave, RunFinished, Show, Stop, Warned
from training_core.project import Project

LAST_WAIT_MS = 20_000
"""So long a training that is to be interrupted may take to be saved."""


class TrainingController:
    """Between the train section, the session and the process."""

    def __init__(
        self,
        context: Context,
        view: TrainSurface,
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
        self._suspending = False
        self._give_up_saving = QTimer(context.owner)
        self._give_up_saving.setSingleShot(True)
        self._give_up_saving.timeout.connect(self.kill)
        self.predicts = False
        """The process only predicts what a finished run has not predicted."""
        self.process = TrainerProcess(context.owner)
        self.process.event_received.connect(self._on_event)
        self.process.turn_began.connect(self._session.merged.hold)
        self.process.turn_ended.connect(self._session.merged.release)
        self.process.ended.connect(self._on_ended)
        self._view.start_clicked.connect(self.start)
        self._view.stop_clicked.connect(self.stop)
        self._view.minutes_changed.connect(self._estimate)
        self._seconds_per_mpx = preferences.number(preferences.SECONDS_PER_MPX)
        session = self._session
        session.training_changed.connect(self._refresh)
        session.states_changed.connect(self._refresh_available)
        session.settings_changed.connect(self._refresh_available)
        session.pace_changed.connect(self._on_pace)
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

    def run(self, command: list[str], before: Curves | None = None, *, predicts: bool = False) -> None:
        """Start a process that trains.

        Parameters
        ----------
        before
            The curves of what it goes on with.
        predicts
            It only predicts what a finished run has not predicted.
        """
        self._finished, self.discarding, self._killed, self.predicts = None, False, False, predicts
        self._suspending = False
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

    def suspend(self) -> None:
        """End the process as soon as what it learned is saved, so that it can be resumed later."""
        if self.process.running and not self._suspending:
            self._suspending = True
            self._give_up_saving.start(LAST_WAIT_MS)
            self.process.send(Leave())
            self._session.begin_stopping()

    @guarded
    def give_up(self) -> None:
        """End the process that does not answer; its run can be resumed from the last checkpoint."""
        self._suspending = True
        self.kill()

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
        self._give_up_saving.stop()
        training = self._session.training
        finished = self._finished
        if self.discarding and not (finished is not None and finished.steps):
            self._session.end_training(tr("The round was discarded. Annotations and earlier rounds are as they were."))
        elif finished is not None and finished.steps and not ending.crashed:
            self._keep(finished)
        elif training.failure:
            self._session.end_training(tr("Training could not go on; the message above says why."))
            self.reporter.error(training.failure)
        elif self._suspending:
            self._session.end_training(tr("Training is interrupted. It can be resumed when the project is opened."))
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
        self._session.end_training(self._outcome_of(finished, project))
        self._session.model.runs_changed_outside(self._session.tile)

    def _outcome_of(self, finished: RunFinished, project: Project) -> str:
        """How it went; what is left to do is counted beside it, and changes."""
        if not self.predicts:
            return _outcome(finished, self._session.curves)
        return "" if project.unpredicted_names() else tr("The predictions are complete.")

    def _on_tile(self, name: str | None) -> None:
        if name is not None and self.process.running:
            self.process.send(Show(tile=name))

    def _refresh(self, training: Training) -> None:
        self._view.set_active(training.active, memory=_memory(training) if training.active else "")
        self._refresh_available()

    def _refresh_available(self, _change: object = None) -> None:
        reason = availability.why_not_train(self._session)
        self._view.set_available(reason, availability.why_not_stop(self._session))
        self._view.set_plan("" if self._session.training.active else reason or self._ready())
        self._estimate()

    def _on_pace(self) -> None:
        """Projects without a training go by the latest of another."""
        project, pace = self._session.project, self._session.seconds_per_tile
        if project is not None and pace is not None:
            self._seconds_per_mpx = pace * len(project.tiles) / megapixels(project)
            preferences.keep_number(preferences.SECONDS_PER_MPX, self._seconds_per_mpx)
        self._refresh_available()

    def _estimate(self) -> None:
        """Say how long a training would take, where one can start."""
        project = self._session.project
        if project is None or availability.why_not_train(self._session):
            self._view.set_estimate("")
            return
        time = whole_time(project, self._view.minutes, self._session.seconds_per_tile, self._seconds_per_mpx)
        self._view.set_estimate(time.words)

    def _ready(self) -> str:
        project = self._session.project
        if project is None:
            return ""
        labeled, unlabeled, val = project.labeled_names(), project.unlabeled_names(), project.val_names()
        partly = len(set(labeled) & set(unlabeled))
        tiles = tiles_in_words(len(labeled), len(unlabeled), partly, len(val))
        ready = tr("Ready to train on {tiles}.").format(tiles=tiles)
        own = len(self._session.settings)
        if not own:
            return ready
        changed = ntr(
            "{count} advanced setting is the project's own.", "{count} advanced settings are the project's own.", own
        )
        return f"{ready} {changed.format(count=own)}"


def _outcome(finished: RunFinished, curves: Curves) -> str:
    stopped = finished.reason == "stopped"
    steps = finished.steps
    words = (
        ntr("Stopped and kept after {steps} step{score}.", "Stopped and kept after {steps} steps{score}.", steps)
        if stopped
        else ntr("Finished after {steps} step{score}.", "Finished after {steps} steps{score}.", steps)
    )
    score = ""
    if curves.score_in_words:
        score = tr(", {dice}").format(dice=curves.score_in_words)
    said = words.format(steps=steps, score=score)
    if finished.predictions_by == "pixel_classifier":
        said = f"{said} {tr('The predictions come from the pixel classifier, which is still better.')}"
    elif finished.predictions_by == "previous_run":
        said = f"{said} {tr('The predictions are those of the previous run, which are still better.')}"
    return said


def _memory(training: Training) -> str:
    words = []
    if training.memory_bytes is not None:
        words.append(tr("{gigabytes} GB of memory").format(gigabytes=f"{training.memory_bytes / 1e9:.1f}"))
    if training.gpu_memory_bytes is not None:
        on_card = tr("{gigabytes} GB on the graphics card")
        words.append(on_card.format(gigabytes=f"{training.gpu_memory_bytes / 1e9:.1f}"))
    return ", ".join(words)
