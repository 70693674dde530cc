"""Closing the window or the dock: training is asked about, strokes are saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from qtpy.QtCore import QTimer

from napari_unisemalign.app.context import Context
from napari_unisemalign.app.dialogs import CloseAnswer
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.training_state import Training
from napari_unisemalign.shell.contracts import ClosingSurface
from napari_unisemalign.train.training import TrainingController

LAST_WAIT_MS = 20_000


class Helper(Protocol):
    """A controller with a process that has nothing to lose."""

    def stop(self) -> None:
        """End the process."""


class ClosingController:
    """Stands before napari's own closing, which knows nothing of a training process."""

    def __init__(
        self,
        context: Context,
        view: ClosingSurface,
        labels: LabelsController,
        training: TrainingController,
        helpers: Sequence[Helper],
        put_away: Callable[[], None],
    ) -> None:
        """put_away: closes the project and all that listens in the window, when the panel goes and the window stays."""
        self._view = view
        self._context, self._labels, self._training, self._helpers = context, labels, training, helpers
        self._put_away = put_away
        self._close_when_done = False
        view.ask_first(self._may_close, self._finish_without_questions)
        view.left.connect(self._on_left)
        context.session.training_changed.connect(self._on_training)

    def _may_close(self) -> bool:
        if self._context.session.training.active:
            self._close_when_done = self._ask() is not CloseAnswer.CANCEL or self._close_when_done
            return False
        if self._may_lose_strokes():
            self._stop_helpers()
            return True
        return False

    def _may_lose_strokes(self) -> bool:
        """Whether all strokes are saved, or somebody has said that they may be lost."""
        return self._labels.flush() or self._context.dialogs.close_unsaved(self._labels.unsaved_names())

    def _stop_helpers(self) -> None:
        for helper in self._helpers:
            helper.stop()

    def _ask(self) -> CloseAnswer:
        """Ask what becomes of the training, and begin it."""
        answer = self._context.dialogs.close_while_training()
        if answer is CloseAnswer.FINISH:
            self._training.stop()
        elif answer is CloseAnswer.LATER:
            self._training.suspend()
        return answer

    def _finish_without_questions(self) -> None:
        self._stop_helpers()
        self._labels.flush()
        if self._context.session.training.active:
            self._training.suspend()
            if not self._training.process.wait(LAST_WAIT_MS):
                self._training.kill()

    def _on_training(self, training: Training) -> None:
        if self._close_when_done and not training.active:
            self._close_when_done = False
            QTimer.singleShot(0, self._close)

    def _close(self) -> None:
        if self._view.is_left:
            self._leave()
        else:
            self._view.close_window()

    def _on_left(self) -> None:
        """napari has let go of the panel; ask, and dock it again if it is still needed."""
        if self._context.session.training.active:
            if self._ask() is CloseAnswer.CANCEL:
                self._view.dock_again()
            else:
                self._close_when_done = True
            return
        self._leave()

    def _leave(self) -> None:
        """Put the project away with the panel; not where strokes would be lost that somebody wants to keep."""
        if self._may_lose_strokes():
            self._stop_helpers()
            self._view.let_go()
            self._put_away()
            self._view.delete()
        else:
            self._view.dock_again()
