"""Objects: select one on the image, accept, reject, delete, merge or split it, or go from one to the next."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_unisemalign.widgets.common import Hint, body_layout, row, set_available
from training_core.base.i18n import tr


class ObjectsView(QWidget):
    """Buttons, and a line that says what is selected."""

    select_toggled = Signal(bool)
    next_clicked = Signal()
    accept_clicked = Signal()
    reject_clicked = Signal()
    delete_clicked = Signal()
    merge_clicked = Signal()
    split_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.select_button = self._button(tr("Select"), tr("Select objects by click"), is_mode=True)
        self.next_button = self._button(tr("Next object"), tr("Show the next object to review"))
        self.accept_button = self._button(tr("Accept"), tr("Accept the selected objects"))
        self.reject_button = self._button(tr("Reject"), tr("Reject the selected objects"))
        self.delete_button = self._button(tr("Delete"), tr("Delete the selected objects from the annotations"))
        self.merge_button = self._button(tr("Merge"), tr("Merge the selected objects"))
        self.split_button = self._button(tr("Split"), tr("Split objects along a line"), is_mode=True)
        self.words, self.left = Hint("", self), Hint("", self)
        layout = body_layout(self)
        layout.addLayout(row(self.select_button, self.next_button))
        layout.addWidget(self.left)
        layout.addWidget(self.words)
        layout.addLayout(row(self.accept_button, self.reject_button, self.delete_button))
        layout.addLayout(row(self.merge_button, self.split_button))
        self.select_button.clicked.connect(lambda on: self.select_toggled.emit(on))
        self.next_button.clicked.connect(lambda: self.next_clicked.emit())
        self.accept_button.clicked.connect(lambda: self.accept_clicked.emit())
        self.reject_button.clicked.connect(lambda: self.reject_clicked.emit())
        self.delete_button.clicked.connect(lambda: self.delete_clicked.emit())
        self.merge_button.clicked.connect(lambda: self.merge_clicked.emit())
        self.split_button.clicked.connect(lambda on: self.split_toggled.emit(on))

    def _button(self, text: str, name: str, *, is_mode: bool = False) -> QPushButton:
        button = QPushButton(text, self)
        button.setAccessibleName(name)
        button.setCheckable(is_mode)
        return button

    def set_modes(self, *, selecting: bool, splitting: bool) -> None:
        """Show what the mouse does on the image."""
        self.select_button.setChecked(selecting)
        self.split_button.setChecked(splitting)

    def set_words(self, text: str) -> None:
        """What is selected; takes no room when empty."""
        self.words.set_text(text)

    def set_left(self, text: str) -> None:
        """What is left to review; takes no room when empty."""
        self.left.set_text(text)

    def set_available(self, select_reason: str, review_reason: str, edit_reason: str, split_reason: str) -> None:
        """Enable the buttons, or say why not."""
        tips = {
            self.select_button: (select_reason, tr("Then click an object on the image; Shift and a click adds one")),
            self.next_button: (review_reason, tr("Least certain first, on this tile and then on the next ones")),
            self.accept_button: (edit_reason, tr("Make annotations of what is predicted of them")),
            self.reject_button: (edit_reason, tr("The next training learns nothing from what it guesses there")),
            self.delete_button: (edit_reason, tr("Leave unannotated what is annotated of them")),
            self.merge_button: (edit_reason, tr("What lies between them gets their class")),
            self.split_button: (split_reason, tr("Then draw a line through an object; double-click to end it")),
        }
        for button, (reason, tip) in tips.items():
            set_available(button, reason, tip)
