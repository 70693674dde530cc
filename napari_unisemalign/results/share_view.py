"""Sharing the trained model: where to, and what for."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QPushButton, QWidget

from napari_unisemalign.widgets.command_button import CommandButton, flowing
from napari_unisemalign.widgets.common import Hint, body_layout, caption, set_available
from training_core.base.i18n import tr


class ShareView(QWidget):
    """The folder, the ONNX graph, the button."""

    share_clicked = Signal()
    browse_clicked = Signal()
    copy_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.folder_edit = QLineEdit(self)
        self.folder_edit.setPlaceholderText(tr("New folder for the model"))
        self.folder_edit.setAccessibleName(tr("New folder for the model"))
        self.browse_button = QPushButton(tr("Choose…"), self)
        self.browse_button.setToolTip(tr("Choose where the folder of the model is made"))
        self.browse_button.setAccessibleName(tr("Choose where the folder of the model is made"))
        self.graph_box = QCheckBox(tr("ONNX graph for other programs"), self)
        self.graph_box.setToolTip(tr("Write the network as an ONNX graph too, and compare it with the original"))
        self.share_button = QPushButton(tr("Share model"), self)
        self.copy_button = CommandButton(tr("Copy the sharing as a command"), self)
        self.hint = Hint("", self)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        grid.addWidget(caption(tr("Folder"), self, self.folder_edit), 0, 0)
        grid.addWidget(self.folder_edit, 0, 1)
        grid.addWidget(self.browse_button, 0, 2)
        grid.setColumnStretch(1, 1)
        layout = body_layout(self)
        layout.addLayout(grid)
        layout.addWidget(self.graph_box)
        layout.addLayout(flowing(self.share_button, self.copy_button))
        layout.addWidget(self.hint)
        self.browse_button.clicked.connect(lambda: self.browse_clicked.emit())
        self.share_button.clicked.connect(lambda: self.share_clicked.emit())
        self.copy_button.clicked.connect(lambda: self.copy_clicked.emit())

    @property
    def folder(self) -> str:
        """Where to, as typed."""
        return self.folder_edit.text().strip()

    @property
    def with_graph(self) -> bool:
        """Whether an ONNX graph is wanted too."""
        return self.graph_box.isChecked()

    def set_folder(self, folder: str) -> None:
        """Propose a folder."""
        self.folder_edit.setText(folder)
        self.folder_edit.setToolTip(folder)

    def set_available(self, reason: str) -> None:
        """Enable the buttons, or say why not."""
        about = tr("Write the best weights of the last round, with all that they need to predict, for other people")
        set_available(self.share_button, reason, about)
        self.copy_button.set_reason(reason)

    def set_hint(self, text: str) -> None:
        """The sentences that say what is written, and what is left out."""
        self.hint.set_text(text)

    def copy(self, text: str) -> None:
        """Put a command line on the clipboard."""
        self.copy_button.copy(text)
