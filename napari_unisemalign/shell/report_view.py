"""A picture of the panel without what must not be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qtpy.QtCore import QBuffer, QIODevice, QPoint, QRect
from qtpy.QtGui import QColor, QPainter, QPixmap
from qtpy.QtWidgets import QAbstractButton, QAbstractItemView, QComboBox, QLabel, QLineEdit, QPlainTextEdit, QWidget

from napari_unisemalign.widgets.colors import NEUTRAL
from napari_unisemalign.widgets.common import MessageBar


class ReportView:
    """What of the panel goes into a report."""

    def __init__(self, panel: QWidget, messages: MessageBar) -> None:
        self._panel, self._messages = panel, messages

    @property
    def said(self) -> tuple[str, str]:
        """The message that is shown, and its details."""
        return self._messages.text, self._messages.details

    def picture(self, tells: Callable[[str], bool]) -> bytes:
        """The panel as PNG. tells: whether a text must not be seen, so that it is painted over."""
        return _picture(self._panel, tells)


def _picture(panel: QWidget, tells: Callable[[str], bool]) -> bytes:
    pixmap: QPixmap = panel.grab()
    painter = QPainter(pixmap)
    for widget in panel.findChildren(QWidget):
        if widget.isVisible() and any(tells(text) for text in _texts(widget)):
            place = QRect(widget.mapTo(panel, QPoint(0, 0)), widget.size())
            painter.fillRect(place, QColor(NEUTRAL))
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    pixmap.save(buffer, "PNG")
    return bytes(buffer.data())


def _texts(widget: QWidget) -> Iterable[str]:
    """What can be read in it."""
    if isinstance(widget, QAbstractItemView):
        model = widget.model()
        if model is not None:
            for row in range(model.rowCount()):
                index = model.index(row, 0)
                while index.isValid():
                    yield str(index.data() or "")
                    index = index.sibling(row, index.column() + 1)
    elif isinstance(widget, QComboBox):
        yield widget.currentText()
    elif isinstance(widget, QPlainTextEdit):
        yield widget.toPlainText()
    elif isinstance(widget, (QAbstractButton, QLabel, QLineEdit)):
        yield widget.text()
