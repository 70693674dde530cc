"""Section 5: accept and correct."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QPushButton, QWidget

from napari_unisemalign.session import OverlaySource
from napari_unisemalign.widgets.common import Hint, body_layout, caption, primary, row, set_available


class CorrectView(QWidget):
    """What to accept, how much of it, undo, reject, and on to the next tile."""

    source_changed = Signal(object)
    """OverlaySource."""
    accept_tile_clicked = Signal()
    draw_area_toggled = Signal(bool)
    accept_area_clicked = Signal()
    click_mode_toggled = Signal(bool)
    undo_clicked = Signal()
    reject_clicked = Signal()
    next_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.source_combo = QComboBox(self)
        self.source_combo.addItem("prediction (every pixel)", OverlaySource.PREDICTION)
        self.source_combo.addItem("pseudo-label (only where sure)", OverlaySource.PSEUDO_LABEL)
        self.accept_tile_button = primary(QPushButton("Accept whole tile", self))
        self.reject_button = QPushButton("Reject", self)
        self.draw_area_button = QPushButton("Draw area", self)
        self.accept_area_button = QPushButton("Accept drawn area", self)
        self.click_button = QPushButton("Accept by click", self)
        self.undo_button = QPushButton("Undo", self)
        self.next_button = QPushButton("Next tile to review", self)
        self.replace_check = QCheckBox("Also replace what is labelled already", self)
        self.draw_area_button.setCheckable(True)
        self.click_button.setCheckable(True)
        self.hint = Hint("", self)
        self.saved = Hint("", self)
        layout = body_layout(self)
        source = row(caption("Accept the", self), stretch=False)
        source.addWidget(self.source_combo, 1)
        layout.addLayout(source)
        layout.addLayout(row(self.accept_tile_button, self.reject_button))
        layout.addLayout(row(self.draw_area_button, self.accept_area_button))
        layout.addLayout(row(self.click_button, self.undo_button))
        layout.addWidget(self.replace_check)
        layout.addWidget(self.next_button)
        layout.addWidget(self.hint)
        layout.addWidget(self.saved)
        self._connect()

    def _connect(self) -> None:
        self.source_combo.currentIndexChanged.connect(lambda _index: self.source_changed.emit(self.source))
        self.accept_tile_button.clicked.connect(lambda: self.accept_tile_clicked.emit())
        self.draw_area_button.clicked.connect(lambda on: self.draw_area_toggled.emit(on))
        self.accept_area_button.clicked.connect(lambda: self.accept_area_clicked.emit())
        self.click_button.clicked.connect(lambda on: self.click_mode_toggled.emit(on))
        self.undo_button.clicked.connect(lambda: self.undo_clicked.emit())
        self.reject_button.clicked.connect(lambda: self.reject_clicked.emit())
        self.next_button.clicked.connect(lambda: self.next_clicked.emit())
        self.replace_check.setToolTip(
            "Off: accepting only fills pixels that carry no label. On: it replaces labels too, and asks first."
        )

    @property
    def source(self) -> OverlaySource:
        """What is accepted."""
        return OverlaySource(self.source_combo.currentData())

    @property
    def overwrite(self) -> bool:
        """Whether accepting may replace labels."""
        return self.replace_check.isChecked()

    def set_available(self, accept_reason: str, area_reason: str, reject_reason: str, next_reason: str) -> None:
        """Enable the buttons, or say why not."""
        set_available(self.accept_tile_button, accept_reason, "Make labels of it wherever nothing is labelled yet")
        set_available(self.draw_area_button, accept_reason, "Outline the part to accept, on the image")
        set_available(self.accept_area_button, area_reason, "Accept only what lies inside the drawn outline")
        set_available(self.click_button, accept_reason, "Then click on the image: the connected area there is accepted")
        set_available(self.reject_button, reject_reason, "Put this prediction aside; labels stay as they are")
        set_available(self.next_button, next_reason, "Go to the next tile with a prediction that waits for review")
        self.source_combo.setEnabled(not accept_reason)
        self.source_combo.setToolTip(accept_reason)
        self.replace_check.setEnabled(not accept_reason)

    def set_undo(self, reason: str) -> None:
        """Enable the undo button, or say why not."""
        set_available(self.undo_button, reason, "Take back the last stroke or accept (Ctrl+Z)")

    def set_modes(self, *, drawing: bool, clicking: bool) -> None:
        """Show which way of accepting is under way."""
        self.draw_area_button.setChecked(drawing)
        self.click_button.setChecked(clicking)

    def set_hint(self, text: str) -> None:
        """The sentence that says what to do or what was done."""
        self.hint.set_text(text)

    def set_saved(self, text: str) -> None:
        """Whether the strokes are on the disk."""
        self.saved.set_text(text)
