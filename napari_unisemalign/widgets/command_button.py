"""A button that copies the command line which does the same as the button beside it."""

from __future__ import annotations

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QPushButton, QWidget
from superqt import QFlowLayout

from napari_unisemalign.widgets.common import set_available
from training_core.base.i18n import tr


def flowing(*buttons: QPushButton) -> QFlowLayout:
    """Buttons beside each other, or below each other where the panel is too narrow for their words."""
    layout = QFlowLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(4)
    layout.setVerticalSpacing(4)
    for button in buttons:
        layout.addWidget(button)
    return layout


class CommandButton(QPushButton):
    """*Copy as command*; `name` says of what, for a screen reader, as there are several on a page."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(tr("Copy as command"), parent)
        self.setAccessibleName(name)
        self.set_reason("")

    def set_reason(self, reason: str) -> None:
        """Allow to copy, or say why not."""
        set_available(self, reason, tr("Copy the command line that does the same in a terminal"))

    def copy(self, text: str) -> None:
        """Put a command line on the clipboard."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(text)
