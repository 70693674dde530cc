"""Why nothing, or too little, measures the rounds, and the button that changes it; on every page that shows scores."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_unisemalign.widgets.common import SPACING, Hint
from training_core.base.i18n import tr


class HoldOutView(QWidget):
    """A sentence and a button; nothing where validation tiles measure every round."""

    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = Hint("", self)
        self.button = QPushButton("", self)
        self.button.setToolTip(
            tr("They no longer train; their annotations say how good each round is. A tile's menu undoes it.")
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.words)
        layout.addWidget(self.button)
        self.button.clicked.connect(lambda: self.clicked.emit())
        self.set_unmeasured("", "")

    def set_unmeasured(self, text: str, offer: str, tip: str = "") -> None:
        """Why nothing, or too little, measures a round, and what the button holds out; empty texts hide them."""
        self.words.set_text(text)
        self.words.setToolTip(tip)
        self.button.setText(offer)
        self.button.setVisible(bool(offer))
        self.setVisible(bool(text))
