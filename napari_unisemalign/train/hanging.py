"""A training that says nothing for a minute: that is told, and it can be ended with its last checkpoint kept."""

from __future__ import annotations

import time

from qtpy.QtCore import QTimer

from napari_unisemalign.app.context import Context
from napari_unisemalign.app.contracts import NoticeSurface
from napari_unisemalign.app.training_state import Phase
from napari_unisemalign.train.training import TrainingController
from training_core.base.i18n import tr

QUIET_S = 50.0
"""A step, a validation tile or a predicted tile is told when it is done, so that silence means something."""
EVERY_MS = 2000


class HangingController:
    """Listens to a training's silence."""

    def __init__(self, context: Context, view: NoticeSurface, training: TrainingController) -> None:
        self._session, self._view, self._training = context.session, view, training
        self._patient_until = 0.0
        self._timer = QTimer(context.owner)
        self._timer.timeout.connect(self.look)
        context.session.training_changed.connect(self._on_training)

    def look(self) -> None:
        """Say how long the training has been silent, where that is long."""
        quiet_s = self._training.process.quiet_s()
        is_late = quiet_s > QUIET_S and time.monotonic() > self._patient_until
        if not is_late or self._session.training.phase in (Phase.IDLE, Phase.PAUSED):
            self._view.show_notice("")
            return
        words = tr(
            "The training has reported nothing for {seconds:.0f} s. It may be slow, or it hangs. Ended now, it can be "
            "resumed from its last checkpoint; annotations and earlier rounds are not affected."
        )
        ways = ((tr("End the training"), self._end), (tr("Keep waiting"), self._wait))
        self._view.show_notice(words.format(seconds=quiet_s), ways)

    def _on_training(self, _training: object) -> None:
        if self._session.training.active != self._timer.isActive():
            self._patient_until = 0.0
            if self._session.training.active:
                self._timer.start(EVERY_MS)
            else:
                self._timer.stop()
                self._view.show_notice("")

    def _end(self) -> None:
        self._view.show_notice("")
        self._training.give_up()

    def _wait(self) -> None:
        """Ask again when it has been silent for as long once more."""
        self._patient_until = time.monotonic() + max(QUIET_S, self._training.process.quiet_s())
        self._view.show_notice("")
