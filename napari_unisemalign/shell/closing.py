"""Closing the window or the dock: training is asked about, strokes are saved."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Protocol

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_unisemalign.app.context import Context
from napari_unisemalign.app.dialogs import CloseAnswer
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.training_state import Training
from napari_unisemalign.shell.panel import Panel
from napari_unisemalign.train.training import TrainingController

LAST_WAIT_MS = 20_000


class Helper(Protocol):
    """A controller with a process that has nothing to lose."""

    def stop(self) -> None:
        """End the process."""


class ClosingController(QObject):
    """Stands before napari's own closing, which knows nothing of a training process."""

    def __init__(
        self,
        context: Context,
        panel: Panel,
        labels: LabelsController,
        training: TrainingController,
        helpers: Sequence[Helper],
        put_away: Callable[[], None],
    ) -> None:
        """put_away: closes the project and all that listens in the window, when the panel goes and the window stays."""
        super().__init__(panel)
        self._panel = panel
        self._context, self._labels, self._training, self._helpers = context, labels, training, helpers
        self._put_away = put_away
        self._close_when_done = False
        self._window_ref: weakref.ref[QWidget] | None = None
        panel.docked.connect(lambda: QTimer.singleShot(0, self._watch))
        panel.undocked.connect(self._on_undocked)
        context.session.training_changed.connect(self._on_training)

    def _watch(self) -> None:
        """The dock is in the main window by now; it is the same one after the dock was closed and opened."""
        window = self._panel.window()
        if window is not None and window is not self._window() and window is not self._panel:
            self._window_ref = weakref.ref(window)
            window.installEventFilter(self)

    def _window(self) -> QWidget | None:
        """The main window; held weakly, or napari's canvas would outlive it."""
        return self._window_ref() if self._window_ref is not None else None

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hold back the window's close event while something must be asked or saved."""
        if event is None or event.type() != QEvent.Type.Close or watched is not self._window():
            return False
        if watched is not None and watched._qt_viewer.isHidden():
            # `viewer.close()` in a script: napari has closed its canvas before, so the window cannot stay
            self._finish_without_questions()
            return False
        if self._may_close():
            self._stop_helpers()
            return False
        event.ignore()
        return True

    def _stop_helpers(self) -> None:
        for helper in self._helpers:
            helper.stop()

    def _may_close(self) -> bool:
        if self._context.session.training.active:
            self._close_when_done = self._ask() is not CloseAnswer.CANCEL or self._close_when_done
            return False
        return self._labels.flush() or self._context.dialogs.close_unsaved(self._labels.unsaved_names())

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
        if self._panel.parent() is None:
            self._leave()
        else:
            self._close_window()

    def _close_window(self) -> None:
        window = self._window()
        if window is not None:
            window.close()

    def _on_undocked(self) -> None:
        """napari has let go of the panel; ask, and dock it again if it is still needed."""
        QTimer.singleShot(0, self._after_undocking)

    def _after_undocking(self) -> None:
        panel = self._panel
        window = self._window()
        if panel.parent() is not None or window is None or window.isHidden():
            return
        if self._context.session.training.active:
            if self._ask() is CloseAnswer.CANCEL:
                self._dock_again()
            else:
                self._close_when_done = True
            return
        self._leave()

    def _leave(self) -> None:
        """Put the project away with the panel; not where strokes would be lost that somebody wants to keep."""
        if self._labels.flush() or self._context.dialogs.close_unsaved(self._labels.unsaved_names()):
            self._stop_helpers()
            window = self._window()
            if window is not None:
                window.removeEventFilter(self)
            self._put_away()
            self._panel.deleteLater()
        else:
            self._dock_again()

    def _dock_again(self) -> None:
        """As it was: a dock that is new would be as narrow as it can be."""
        panel, width_px = self._panel, self._panel.width()
        self._context.viewer.window.add_dock_widget(panel, name=panel.dock_name, area="right")
        panel.show()
        window, dock = self._window(), panel.parentWidget()
        if isinstance(window, QMainWindow) and isinstance(dock, QDockWidget):
            window.resizeDocks([dock], [width_px], Qt.Orientation.Horizontal)
