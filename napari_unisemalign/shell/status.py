"""What is in sight whichever step is open: the tile with its neighbours, and the line that says what goes on."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QProgressBar, QToolButton, QVBoxLayout, QWidget

from napari_unisemalign.widgets.common import FLUSH_STYLE, ElidedLabel, Hint, row
from training_core.base.i18n import tr


class TileBar(QWidget):
    """The tile on screen, with a way to the one before and the one after."""

    previous_clicked = Signal()
    next_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.previous_button = self._button(Qt.ArrowType.LeftArrow, tr("Previous tile"))
        self.next_button = self._button(Qt.ArrowType.RightArrow, tr("Next tile"))
        self.name = ElidedLabel(self)
        self.name.setStyleSheet(f"{FLUSH_STYLE} font-weight: 600;")
        self.name.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = row(self.previous_button, self.name, self.next_button, stretch=False)
        layout.setContentsMargins(4, 2, 4, 0)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.previous_button.clicked.connect(lambda: self.previous_clicked.emit())
        self.next_button.clicked.connect(lambda: self.next_clicked.emit())
        self.set_tile("")

    def set_tile(self, text: str) -> None:
        """Name the tile and its state; an empty text hides the bar."""
        self.name.set_text(text)
        self.setVisible(bool(text))

    def set_neighbors(self, has_previous: bool, has_next: bool) -> None:
        """Enable the arrows where there is a tile to go to."""
        self.previous_button.setEnabled(has_previous)
        self.next_button.setEnabled(has_next)

    def _button(self, arrow: Qt.ArrowType, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setArrowType(arrow)
        button.setToolTip(name)
        button.setAccessibleName(name)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return button


class StatusLine(QWidget):
    """What happens, on what device, and how long it will take."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = Hint("", self)
        self.details = QLabel("", self)
        self.details.setStyleSheet(FLUSH_STYLE)
        self.details.setTextFormat(Qt.TextFormat.PlainText)
        self.progress = QProgressBar(self)
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName(tr("Progress of the training"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 6)
        layout.setSpacing(3)
        layout.addWidget(self.progress)
        layout.addWidget(self.text)
        layout.addWidget(self.details)
        self.setAccessibleName(tr("Status"))
        self.set_status("", "", None)

    def set_status(self, text: str, details: str, progress: float | None) -> None:
        """text: what happens, or what to do. details: device and time left. progress: 0 to 1, None hides the bar."""
        self.text.set_text(text)
        self.details.setText(details)
        self.details.setVisible(bool(details))
        self.progress.setVisible(progress is not None)
        if progress is not None:
            self.progress.setValue(round(1000 * min(max(progress, 0.0), 1.0)))
