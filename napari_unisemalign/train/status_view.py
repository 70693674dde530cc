"""The line that says what goes on, or what to do next; in sight whichever page is open."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from napari_unisemalign.widgets.common import FLUSH_STYLE, ElidedLabel, Hint
from training_core.base.i18n import tr

LINES = 2


class StatusLine(QWidget):
    """What happens, on what device, and how long it will take. Always as high, so that no button below it jumps."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = Hint("", self)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.text.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.MinimumExpanding)
        self.text.setMinimumHeight(LINES * self.text.fontMetrics().lineSpacing() + 4)
        self.text.show()
        self.details, self._estimate = ElidedLabel(self), ""
        self.details.setStyleSheet(FLUSH_STYLE)
        self.details.setMinimumHeight(self.details.fontMetrics().lineSpacing() + 4)
        self.progress = QProgressBar(self)
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName(tr("Progress of the training"))
        policy = self.progress.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(policy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.progress)
        layout.addWidget(self.text)
        layout.addWidget(self.details)
        self.setAccessibleName(tr("Status"))
        self.set_status("", "", None)

    def set_status(self, text: str, details: str, progress: float | None) -> None:
        """text: what happens, or what to do. details: device and time left. progress: 0 to 1, None hides the bar."""
        self.text.setText(text)
        self.text.setToolTip(text)
        self._details = details
        self.details.set_text(details or self._estimate)
        self.progress.setVisible(progress is not None)
        if progress is not None:
            self.progress.setValue(round(1000 * min(max(progress, 0.0), 1.0)))

    def set_estimate(self, text: str) -> None:
        """How long a training would take, where the details would be."""
        self._estimate = text
        self.details.set_text(self._details or text)
