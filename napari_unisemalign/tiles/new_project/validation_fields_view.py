"""Which images are for validation, and how names tell what belongs together."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton, QSpinBox, QWidget

from napari_unisemalign.tiles.new_project.typed_paths import typed_path
from napari_unisemalign.widgets.common import caption, row
from training_core.base.i18n import tr

MOST_PERCENT = 50
TABLES = tr("Lists and tables (*.csv *.tsv *.txt)")


class CasesField(QWidget):
    """A pattern of names or a table of patients, in one line."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.edit, self.button = QLineEdit(self), QPushButton(tr("Table …"), self)
        self.edit.setAccessibleName(tr("Patients, by a pattern of the names or a table"))
        self.button.setAccessibleName(tr("Choose a table of images and patients"))
        self.edit.setPlaceholderText(tr("Not needed: such as {case}_*, if names begin with the patient"))
        self.edit.setToolTip(tr("Images of one patient or slide are either for training or for validation, never both"))
        self.setLayout(row(self.edit, self.button, stretch=False))
        self.edit.textChanged.connect(lambda _text: self.changed.emit())
        self.button.clicked.connect(lambda: _choose(self, self.edit, tr("Table of images and patients")))
        self.setFocusProxy(self.edit)


class ValidationField(QWidget):
    """A share of the annotated images, or a list of names."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.share_spin, self.list_edit = QSpinBox(self), QLineEdit(self)
        self.button = QPushButton(tr("List …"), self)
        self.share_spin.setRange(0, MOST_PERCENT)
        self.share_spin.setSingleStep(5)
        self.share_spin.setSuffix(tr(" % of the annotated"))
        self.share_spin.setSpecialValueText(tr("none"))
        self.share_spin.setAccessibleName(tr("Share of the annotated images that is for validation"))
        self.list_edit.setPlaceholderText(tr("a file with names"))
        self.list_edit.setAccessibleName(tr("File with the names of the validation images"))
        self.button.setAccessibleName(tr("Choose a list of validation images"))
        words = caption(tr("or"), self, self.list_edit)
        fields = row(self.share_spin, words, self.list_edit, self.button, stretch=False)
        fields.setStretchFactor(self.list_edit, 1)
        self.setLayout(fields)
        self.list_edit.textChanged.connect(self._on_list)
        self.share_spin.valueChanged.connect(lambda _value: self.changed.emit())
        self.button.clicked.connect(lambda: _choose(self, self.list_edit, tr("List of images for validation")))
        self.setFocusProxy(self.share_spin)

    def percent(self) -> int:
        """The share in percent; 0: none is drawn."""
        return self.share_spin.value()

    def listed(self) -> Path | None:
        """The file of names, if one is named."""
        return typed_path(self.list_edit.text())

    def _on_list(self, text: str) -> None:
        self.share_spin.setEnabled(not text.strip())  # the list says it all
        self.changed.emit()


def _choose(parent: QWidget, edit: QLineEdit, title: str) -> None:
    chosen, _filter = QFileDialog.getOpenFileName(parent, title, edit.text(), TABLES)
    if chosen:
        edit.setText(chosen)
