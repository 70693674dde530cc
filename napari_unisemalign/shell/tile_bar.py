"""The tile on screen with its neighbours, in sight whichever page is open."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QToolButton, QWidget

from napari_unisemalign.widgets.common import FLUSH_STYLE, ElidedLabel, row
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

    def set_tile(self, text: str, all_of_it: str = "") -> None:
        """Name the tile and its place; the tooltip says all of it. An empty text hides the bar."""
        self.name.set_text(text)
        self.name.setToolTip(all_of_it)
        self.name.setAccessibleName(all_of_it)
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
