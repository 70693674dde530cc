"""What a programmer needs to know of an error: behind a button, and ready to be copied."""

from __future__ import annotations

import platform
from importlib.metadata import version

from qtpy import API_NAME, QT_VERSION
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

import training_core
from napari_unisemalign.widgets.common import Hint, row
from napari_unisemalign.widgets.deliberate import DeliberateDialog
from training_core.base.i18n import tr


class DetailsDialog(DeliberateDialog):
    """The details of an error, with the versions they belong to."""

    def __init__(self, details: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Details"))
        what_for = tr("For anyone who looks for the cause: copy this into a report. It may name files of your project.")
        self.text = QPlainTextEdit(f"{versions()}\n\n{details}", self)
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(tr("Details of the error"))
        self.copy_button = QPushButton(tr("Copy"), self)
        self.close_button = QPushButton(tr("Close"), self)
        layout = QVBoxLayout(self)
        layout.addWidget(Hint(what_for, self))
        layout.addWidget(self.text, 1)
        layout.addLayout(row(self.copy_button, self.close_button))
        self.copy_button.clicked.connect(self._copy)
        self.close_button.clicked.connect(self.accept)
        self.close_button.setDefault(True)
        self.resize(700, 420)

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.text.toPlainText())
        self.copy_button.setText(tr("Copied"))


def versions() -> str:
    """This program and what it stands on, in one line."""
    return (
        f"napari-unisemalign {training_core.__version__}, napari {version('napari')}, {API_NAME} {QT_VERSION}, "
        f"Python {platform.python_version()}, {platform.platform()}"
    )
