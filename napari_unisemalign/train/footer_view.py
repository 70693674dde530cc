"""The foot of the panel, on every page: what goes on, how long to train, and the one button."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_unisemalign.train.status_view import StatusLine
from napari_unisemalign.train.time_view import TrainTime
from napari_unisemalign.widgets.common import TAB_STYLE, primary, row
from training_core.base.i18n import tr


class TrainFooter(QWidget):
    """Status, time, Start training or Finish now, and the way to the chart."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.status = StatusLine(self)
        self.time = TrainTime(self)
        self.start_button = primary(QPushButton(tr("Start training"), self))
        self.stop_button = QPushButton(tr("Finish now"), self)
        self.details_button = QToolButton(self)
        self.details_button.setText(tr("Chart"))
        self.details_button.setStyleSheet(TAB_STYLE)  # its page is one of the panel's: seen while it is open
        self.details_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.details_button.setAccessibleName(tr("Chart and details of the training"))
        self.details_button.setToolTip(tr("The curves of the training, and everything else about it"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 2, 8, 6)
        layout.setSpacing(4)
        layout.addWidget(self.status)
        layout.addLayout(row(self.time, self.details_button, stretch=False))
        layout.addLayout(row(self.start_button, self.stop_button))

    def set_active(self, active: bool) -> None:
        """Offer to finish a training that runs, else to start one."""
        leaving, coming = (self.start_button, self.stop_button) if active else (self.stop_button, self.start_button)
        had_focus = leaving.hasFocus()
        if had_focus:  # else Qt hands it on to a drop-down or a field, where Enter would not accept a tile
            leaving.clearFocus()
        leaving.hide()
        coming.show()
        if had_focus and coming.isEnabled():
            coming.setFocus(Qt.FocusReason.OtherFocusReason)
