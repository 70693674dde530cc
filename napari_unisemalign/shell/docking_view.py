"""The dock that the panel is in: napari makes it, and lets go of the panel when it is closed."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

LEAST_WIDTH_PX = 320
"""Of the panel."""


class Docking(QObject):
    """Tells when the panel is put into a dock, and when it is out of it for good."""

    docked = Signal()
    """napari has put the panel into a dock, which is in no window yet."""
    undocked = Signal()
    """The dock was closed for good; napari has let go of the panel."""

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._panel = panel
        self.name = "UniSemAlign"
        """Of the dock that the panel is in, or was in last."""

    def look(self) -> None:
        """The panel has another parent."""
        parent = self._panel.parentWidget()
        if parent is None:
            self.undocked.emit()
        elif parent.windowTitle():
            self.name = parent.windowTitle()
            self.docked.emit()
