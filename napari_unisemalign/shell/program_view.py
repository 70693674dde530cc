"""What belongs to the program and not to a project: its keys, and what to do when it does not work."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from training_core.base.i18n import tr


class ProgramView(QWidget):
    """Two buttons, for what is else in a menu that nobody opens."""

    keys_clicked = Signal()
    report_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.keys_button = QPushButton(tr("Keyboard shortcuts"), self)
        self.keys_button.setToolTip(tr("All commands with their keys, and change them"))
        self.report_button = QPushButton(tr("Report a problem …"), self)
        self.report_button.setToolTip(tr("Pack versions, settings and events into a file, without names and paths"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.keys_button)  # side by side they are wider than the narrow panel
        layout.addWidget(self.report_button)
        self.keys_button.clicked.connect(lambda: self.keys_clicked.emit())
        self.report_button.clicked.connect(lambda: self.report_clicked.emit())
