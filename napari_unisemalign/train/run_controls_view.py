"""What can be done with a training that runs, and with one that was cut off."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_unisemalign.results.hold_out_view import HoldOutView
from napari_unisemalign.widgets.common import SPACING, Hint, row, set_available
from training_core.base.i18n import tr

PAUSE_TIP = tr("Frees the processor for other work; the training is saved and goes on from the same step.")
DISCARD_TIP = tr("For a training that went wrong: it is forgotten, and the round before stays the current one.")


class TrainControls(QWidget):
    """Pause and discard; below them, an offer to go on with a training that was cut off."""

    pause_clicked = Signal()
    discard_clicked = Signal()
    resume_run_clicked = Signal()
    keep_run_clicked = Signal()
    discard_run_clicked = Signal()
    predict_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pause_button = QPushButton(tr("Pause"), self)
        self.discard_button = QPushButton(tr("Discard this round"), self)
        self.offer = QWidget(self)
        self.offer_text = Hint("", self.offer)
        self.resume_run_button = QPushButton(tr("Resume"), self.offer)
        self.resume_run_button.setToolTip(tr("Goes on from the last save, with the annotations as they are now."))
        self.keep_run_button = QPushButton(tr("Keep what it has"), self.offer)
        self.keep_run_button.setToolTip(tr("Trains no further: predicts every tile with the best so far, for review."))
        self.discard_run_button = QPushButton(tr("Discard"), self.offer)
        self.discard_run_button.setToolTip(DISCARD_TIP)
        inside = QVBoxLayout(self.offer)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACING)
        inside.addWidget(self.offer_text)
        inside.addLayout(row(self.resume_run_button, self.keep_run_button, self.discard_run_button))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addLayout(row(self.pause_button, self.discard_button))
        layout.addWidget(self.offer)
        self.missing_text = Hint("", self)
        self.predict_button = QPushButton(tr("Predict them"), self)
        self.predict_button.setToolTip(tr("With the latest training, which learns nothing more by it."))
        layout.addWidget(self.missing_text)
        layout.addWidget(self.predict_button)
        self.hold_out = HoldOutView(self)
        layout.addWidget(self.hold_out)
        for button, signal in (
            (self.pause_button, self.pause_clicked),
            (self.discard_button, self.discard_clicked),
            (self.resume_run_button, self.resume_run_clicked),
            (self.keep_run_button, self.keep_run_clicked),
            (self.discard_run_button, self.discard_run_clicked),
            (self.predict_button, self.predict_clicked),
        ):
            button.clicked.connect(lambda _checked=False, signal=signal: signal.emit())
        self.set_offer("")
        self.set_missing("")

    def set_running(self, pause_reason: str, discard_reason: str, *, active: bool, paused: bool) -> None:
        """Show the buttons of a training that runs, or hide them."""
        self.pause_button.setText(tr("Resume") if paused else tr("Pause"))
        set_available(self.pause_button, pause_reason, PAUSE_TIP)
        set_available(self.discard_button, discard_reason, DISCARD_TIP)
        self.pause_button.setVisible(active)
        self.discard_button.setVisible(active)

    def set_offer(self, text: str) -> None:
        """The sentence about a training that was cut off; an empty one hides the offer."""
        self.offer_text.set_text(text)
        self.offer.setVisible(bool(text))

    def set_missing(self, text: str) -> None:
        """The sentence about tiles that have no prediction; an empty one hides it with its button."""
        self.missing_text.set_text(text)
        self.predict_button.setVisible(bool(text))
