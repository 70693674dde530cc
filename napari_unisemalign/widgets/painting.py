"""Below the classes in step 2: undo and redo, and help with the last stroke."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_unisemalign.i18n import tr
from napari_unisemalign.widgets.common import body_layout, caption, row, set_available


class PaintingView(QWidget):
    """Buttons; what they act on is the last stroke."""

    undo_clicked = Signal()
    redo_clicked = Signal()
    fill_clicked = Signal()
    grow_clicked = Signal()
    snap_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.undo_button = QPushButton(tr("Undo"), self)
        self.redo_button = QPushButton(tr("Redo"), self)
        self.fill_button = QPushButton(tr("Fill"), self)
        self.fill_button.setAccessibleName(tr("Fill what the last stroke closes around"))
        self.grow_button = QPushButton(tr("Grow"), self)
        self.grow_button.setAccessibleName(tr("Grow the last stroke over the predicted area"))
        self.snap_button = QPushButton(tr("Snap"), self)
        self.snap_button.setAccessibleName(tr("Snap the last stroke to the predicted boundary"))
        layout = body_layout(self)
        layout.addLayout(row(self.undo_button, self.redo_button))
        layout.addLayout(row(caption(tr("Last stroke"), self), self.fill_button, self.grow_button, self.snap_button))
        self.undo_button.clicked.connect(lambda: self.undo_clicked.emit())
        self.redo_button.clicked.connect(lambda: self.redo_clicked.emit())
        self.fill_button.clicked.connect(lambda: self.fill_clicked.emit())
        self.grow_button.clicked.connect(lambda: self.grow_clicked.emit())
        self.snap_button.clicked.connect(lambda: self.snap_clicked.emit())

    def set_undo(self, reason: str, tip: str) -> None:
        """Enable the undo button with this tooltip, or say why not."""
        set_available(self.undo_button, reason, tip)

    def set_redo(self, reason: str, tip: str) -> None:
        """Enable the redo button with this tooltip, or say why not."""
        set_available(self.redo_button, reason, tip)

    def set_help(self, no_stroke: str, no_prediction: str) -> None:
        """Enable the help with the last stroke, or say why there is none to help with."""
        set_available(self.fill_button, no_stroke, tr("Draw an outline first: what it closes around gets its class"))
        set_available(
            self.grow_button,
            no_stroke or no_prediction,
            tr("Touch an area first: all of what the model sees as one area there gets the stroke's class"),
        )
        set_available(
            self.snap_button,
            no_stroke or no_prediction,
            tr("The stroke's edge moves to the predicted boundary nearby, by at most half the brush"),
        )
