"""Step 3: train."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QProgressBar, QPushButton, QWidget

from napari_unisemalign.widgets.common import Hint, body_layout, caption, primary, row, set_available
from napari_unisemalign.widgets.curves import CurveView, Points, duration
from napari_unisemalign.widgets.train_controls import TrainControls

DEFAULT_MINUTES = 5.0
LIVE_TIP = (
    "Paint the prediction of the tile on screen anew after every stroke, without training: a quick look at what your "
    "labels say so far, and where a few more strokes help. Training is better, and can run beside it."
)


class TrainView(QWidget):
    """How long, start and stop, the two curves, progress and time left."""

    start_clicked = Signal()
    stop_clicked = Signal()
    live_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.minutes_spin = QDoubleSpinBox(self)
        self.minutes_spin.setRange(0.1, 240.0)
        self.minutes_spin.setDecimals(1)
        self.minutes_spin.setSuffix(" min")
        self.minutes_spin.setValue(DEFAULT_MINUTES)
        self.minutes_spin.setToolTip("How long to train. Longer is better, up to about half an hour.")
        self.labeled_only_check = QCheckBox("Labelled tiles only", self)
        self.labeled_only_check.setToolTip(
            "Ignore the unlabelled tiles. Training on both is better in nearly every case: this is for comparing."
        )
        self.start_button = primary(QPushButton("Start training", self))
        self.stop_button = QPushButton("Stop and keep", self)
        self.live_button = QPushButton("Live", self)
        self.live_button.setCheckable(True)
        self.controls = TrainControls(self)
        self.live_status = Hint("", self)
        self.progress = QProgressBar(self)
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(8)
        self.time_left = caption("", self)
        self.status = Hint("", self)
        self.loss_curve = CurveView("Loss", "#e8963c", parent=self)
        percent = (0.0, 100.0)
        self.dice_curve = CurveView("Validation Dice", "#4c9be8", unit=" %", limits=percent, dots=True, parent=self)
        layout = body_layout(self)
        settings = row(caption("Train for", self), self.minutes_spin, stretch=False)
        settings.addStretch()
        settings.addWidget(self.labeled_only_check)
        layout.addLayout(settings)
        layout.addLayout(row(self.start_button, self.stop_button, self.live_button))
        layout.addWidget(self.controls)
        layout.addWidget(self.live_status)
        layout.addWidget(self.progress)
        layout.addWidget(self.time_left)
        layout.addWidget(self.status)
        layout.addLayout(row(self.loss_curve, self.dice_curve))
        self.start_button.clicked.connect(lambda: self.start_clicked.emit())
        self.stop_button.clicked.connect(lambda: self.stop_clicked.emit())
        self.live_button.clicked.connect(self.live_toggled.emit)  # by the user only
        self.set_progress(0.0, None, active=False)
        self.set_curves((), (), "validation")

    @property
    def minutes(self) -> float:
        """The time to train."""
        return float(self.minutes_spin.value())

    @property
    def labeled_only(self) -> bool:
        """Whether the unlabelled tiles are ignored."""
        return self.labeled_only_check.isChecked()

    def set_available(self, start_reason: str, stop_reason: str) -> None:
        """Enable the buttons, or say why not."""
        set_available(self.start_button, start_reason, "Save the labels and train in the background")
        set_available(self.stop_button, stop_reason, "Stop now, keep what was learned and predict with it")
        self.minutes_spin.setEnabled(bool(stop_reason))
        self.labeled_only_check.setEnabled(bool(stop_reason))

    def set_live(self, on: bool, reason: str) -> None:
        """Whether live painting is on, and why it cannot be switched."""
        set_available(self.live_button, reason, LIVE_TIP)
        self.live_button.setChecked(on)
        if not on:
            self.live_status.set_text("")

    def set_live_status(self, text: str) -> None:
        """What live painting does, or what it lacks."""
        self.live_status.set_text(text)

    def set_status(self, text: str) -> None:
        """The sentence that says what goes on, or what to do."""
        self.status.set_text(text)

    def set_progress(self, progress: float, eta_s: float | None, *, active: bool) -> None:
        """Share of the budget used (0 to 1) and the seconds left."""
        self.progress.setValue(round(1000 * min(max(progress, 0.0), 1.0)))
        self.progress.setVisible(active)
        left = f"{duration(eta_s)} left" if eta_s is not None else ""
        self.time_left.setText(f"{round(100 * progress)} % done" + (f", {left}" if left else ""))
        self.time_left.setVisible(active)

    def set_curves(self, loss: Points, dice: Points, dice_measured_on: str) -> None:
        """Draw the curves; both vanish while there is nothing to draw."""
        span_s = (loss[0][0], max(loss[-1][0], dice[-1][0] if dice else 0.0)) if loss else None
        for curve in (self.loss_curve, self.dice_curve):
            curve.set_span(span_s)
        self.loss_curve.set_points(loss)
        self.dice_curve.set_title("Validation Dice" if dice_measured_on == "validation" else "Dice, labelled tiles")
        self.dice_curve.set_points(dice)
        for curve in (self.loss_curve, self.dice_curve):
            curve.setVisible(bool(loss or dice))
