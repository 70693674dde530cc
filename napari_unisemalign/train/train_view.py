"""Training: the foot of the panel, and the page with the chart behind it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QWidget

from napari_unisemalign.train.chart_view import TrainingChart
from napari_unisemalign.train.footer_view import TrainFooter
from napari_unisemalign.train.run_controls_view import TrainControls
from napari_unisemalign.widgets.common import Hint, body_layout, set_available
from training_core.base.i18n import tr

LIVE_TIP = tr(
    "Update a prediction of the tile on screen after every stroke, from the second class on: a quick look at what your "
    "annotations say so far, and where a few more strokes help. A training is better, and its predictions are never "
    "replaced. The helper process also makes trainings start sooner."
)


class TrainView(QWidget):
    """The page; `footer` is for the foot of the panel."""

    start_clicked = Signal()
    stop_clicked = Signal()
    live_toggled = Signal(bool)
    minutes_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.footer = TrainFooter()
        self.time = self.footer.time
        self.minutes_spin = self.time.minutes_spin
        self.labeled_only_check = QCheckBox(tr("Ignore unannotated tiles"), self)
        self.labeled_only_check.setToolTip(
            tr("Ignore the unannotated tiles. Training on both is better in nearly every case: this is for comparing.")
        )
        self.start_button, self.stop_button = self.footer.start_button, self.footer.stop_button
        self.live_button = QPushButton(tr("Live preview"), self)
        self.live_button.setCheckable(True)
        self.controls = TrainControls(self)
        self.live_status = Hint("", self)
        self.memory, self.plan = Hint("", self), Hint("", self)
        self.chart = TrainingChart(self)
        layout = body_layout(self)
        layout.addWidget(self.labeled_only_check)
        layout.addWidget(self.live_button)
        layout.addWidget(self.controls)
        layout.addWidget(self.live_status)
        layout.addWidget(self.memory)
        layout.addWidget(self.plan)
        layout.addWidget(self.chart)
        self.start_button.clicked.connect(lambda: self.start_clicked.emit())
        self.minutes_spin.valueChanged.connect(lambda _minutes: self.minutes_changed.emit())
        self.stop_button.clicked.connect(lambda: self.stop_clicked.emit())
        self.live_button.clicked.connect(lambda on: self.live_toggled.emit(on))  # by the user only
        self.set_active(False, memory="")

    @property
    def status(self) -> Hint:
        """The one sentence that says what goes on, or what to do: in the foot, on every page."""
        return self.footer.status.text

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
        set_available(self.start_button, start_reason, tr("Save the annotations and train in the background"))
        set_available(self.stop_button, stop_reason, tr("Stop now, keep what was learned and predict with it"))
        self.time.setEnabled(bool(stop_reason))
        self.labeled_only_check.setEnabled(bool(stop_reason))

    def set_live(self, on: bool, reason: str) -> None:
        """Whether the live preview is switched on, and why it cannot be switched."""
        set_available(self.live_button, reason, LIVE_TIP)
        self.live_button.setChecked(on)
        if not on:
            self.live_status.set_text("")

    def set_live_status(self, text: str) -> None:
        """What the live preview does, or what it lacks."""
        self.live_status.set_text(text)

    def set_estimate(self, text: str) -> None:
        """How long a training would take in all; empty where none can start."""
        self.footer.status.set_estimate(text)

    def set_plan(self, text: str) -> None:
        """What a training would learn from, or why none can start; empty while one runs."""
        self.plan.set_text(text)

    def set_active(self, active: bool, *, memory: str) -> None:
        """Whether a training runs, and the most memory that it has used, in words."""
        self.footer.set_active(active)
        self.memory.set_text(memory)
