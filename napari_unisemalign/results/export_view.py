"""Step 5: export."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QLineEdit, QPushButton, QWidget

from napari_unisemalign.widgets.command_button import CommandButton, flowing
from napari_unisemalign.widgets.common import Hint, body_layout, caption, set_available
from training_core.base.i18n import tr
from training_core.export import FORMATS, Content
from training_core.export.values import Values

CONTENTS: dict[Content, str] = {
    "labels": tr("Annotations (painted and accepted)"),
    "predictions": tr("Predictions (the newest of each tile)"),
    "merged": tr("Annotations, predictions where there are none"),
}
VALUES: dict[Values, str] = {
    "ids": tr("Class ids, 255 unannotated"),
    "imported": tr("Those of the imported masks"),
    "numbers": tr("1, 2, … in the order of the classes, 0 unannotated"),
}


class ExportView(QWidget):
    """What to write, in which format, where."""

    export_clicked = Signal()
    browse_clicked = Signal()
    content_changed = Signal()
    format_changed = Signal()
    copy_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content_combo = QComboBox(self)
        for content, text in CONTENTS.items():
            self.content_combo.addItem(text, content)
        self.format_combo = QComboBox(self)
        for ending, file_format in FORMATS.items():
            self.format_combo.addItem(file_format.title, ending)
        self.values_combo = QComboBox(self)
        for values, text in VALUES.items():
            self.values_combo.addItem(text, values)
        self.content_combo.setToolTip(tr("What the masks hold"))
        self.format_combo.setToolTip(
            tr("The kind of file: masks with one class id per pixel, objects, or overlays to look at")
        )
        for combo in (self.content_combo, self.format_combo, self.values_combo):
            combo.setMinimumContentsLength(12)
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.folder_edit = QLineEdit(self)
        self.folder_edit.setPlaceholderText(tr("Folder for the masks"))
        self.browse_button = QPushButton(tr("Choose…"), self)
        self.browse_button.setToolTip(tr("Choose the folder for the masks"))
        self.browse_button.setAccessibleName(tr("Choose the folder for the masks"))
        self.export_button = QPushButton(tr("Export masks"), self)
        self.copy_button = CommandButton(tr("Copy the export as a command"), self)
        self.hint = Hint("", self)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        grid.addWidget(caption(tr("Masks"), self, self.content_combo), 0, 0)
        grid.addWidget(self.content_combo, 1, 0, 1, 3)
        grid.addWidget(caption(tr("Format"), self, self.format_combo), 2, 0)
        grid.addWidget(self.format_combo, 2, 1, 1, 2)
        grid.addWidget(caption(tr("Values"), self, self.values_combo), 3, 0)
        grid.addWidget(self.values_combo, 3, 1, 1, 2)
        grid.addWidget(caption(tr("Folder"), self, self.folder_edit), 4, 0)
        grid.addWidget(self.folder_edit, 4, 1)
        grid.addWidget(self.browse_button, 4, 2)
        grid.setColumnStretch(1, 1)
        layout = body_layout(self)
        layout.addLayout(grid)
        layout.addLayout(flowing(self.export_button, self.copy_button))
        layout.addWidget(self.hint)
        self.browse_button.clicked.connect(lambda: self.browse_clicked.emit())
        self.export_button.clicked.connect(lambda: self.export_clicked.emit())
        self.copy_button.clicked.connect(lambda: self.copy_clicked.emit())
        self.content_combo.currentIndexChanged.connect(lambda _index: self.content_changed.emit())
        self.format_combo.currentIndexChanged.connect(lambda _index: self.format_changed.emit())

    @property
    def content(self) -> Content:
        """What to write."""
        content: Content = self.content_combo.currentData()
        return content

    @property
    def format(self) -> str:
        """The masks' file ending."""
        return str(self.format_combo.currentData())

    @property
    def values(self) -> Values:
        """What masks hold for each class."""
        values: Values = self.values_combo.currentData()
        return values

    @property
    def folder(self) -> str:
        """Where to, as typed."""
        return self.folder_edit.text().strip()

    def set_folder(self, folder: str) -> None:
        """Propose a folder."""
        self.folder_edit.setText(folder)
        self.folder_edit.setToolTip(folder)

    def set_values_available(self, reason: str) -> None:
        """Allow to choose the values, or say why not."""
        self.values_combo.setEnabled(not reason)
        self.values_combo.setToolTip(reason or tr("What a pixel of a mask holds for each class"))

    def set_available(self, reason: str) -> None:
        """Enable the button, or say why not."""
        set_available(self.export_button, reason, tr("Write what is chosen above, and a list of the classes"))

    def set_hint(self, text: str) -> None:
        """The sentence that says what was written."""
        self.hint.set_text(text)

    def set_command(self, reason: str) -> None:
        """Allow to copy the command line, or say why not."""
        self.copy_button.set_reason(reason)

    def copy(self, text: str) -> None:
        """Put a command line on the clipboard."""
        self.copy_button.copy(text)
