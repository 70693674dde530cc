"""The question before a class that labels use is removed: what do its pixels become?"""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QDialogButtonBox, QHBoxLayout, QRadioButton, QVBoxLayout, QWidget

from napari_unisemalign.app.dialogs import ClassUse
from napari_unisemalign.widgets.common import Hint
from napari_unisemalign.widgets.deliberate import DeliberateDialog
from napari_unisemalign.widgets.swatch import swatch
from training_core.base.i18n import tr
from training_core.project import UNLABELED


class RemoveClassDialog(DeliberateDialog):
    """Not labelled, another class, or leave everything as it is."""

    def __init__(self, use: ClassUse, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Remove class"))
        self.setMinimumWidth(460)
        self.words = Hint(use.in_words() + " " + tr("What should they become?"), self)
        self.unlabel_choice = QRadioButton(tr("Unannotated"), self)
        self.merge_choice = QRadioButton(tr("Another class:"), self)
        self.into_combo = QComboBox(self)
        self.into_combo.setAccessibleName(tr("The class that they become"))
        for each in use.others:
            self.into_combo.addItem(swatch(each.color), each.name, each.id)
        for choice in (self.unlabel_choice, self.merge_choice):
            choice.setAccessibleDescription(self.words.text())  # they are its answers
        self.unlabel_choice.setChecked(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, parent=self)
        self.remove_button = self.buttons.addButton(tr("Remove class"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.cancel_button = self.buttons.button(QDialogButtonBox.StandardButton.Cancel)
        self.cancel_button.setText(tr("Cancel"))
        self.cancel_button.setDefault(True)
        self.remove_button.setAutoDefault(False)
        merge = QHBoxLayout()
        merge.addWidget(self.merge_choice)
        merge.addWidget(self.into_combo, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(10)
        layout.addWidget(self.words)
        layout.addWidget(self.unlabel_choice)
        layout.addLayout(merge)
        promise = tr(
            "Undo brings the class and its annotations back as long as this project is open. The other classes keep "
            "their numbers; predictions of this class show nothing from now on."
        )
        self.remove_button.setAccessibleDescription(promise)
        layout.addWidget(Hint(promise, self))
        layout.addWidget(self.buttons)
        self.into_combo.activated.connect(lambda _index: self.merge_choice.setChecked(True))
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

    def value(self) -> int:
        """What the pixels become: a class id, or 255 for not labelled."""
        return UNLABELED if self.unlabel_choice.isChecked() else int(self.into_combo.currentData())
