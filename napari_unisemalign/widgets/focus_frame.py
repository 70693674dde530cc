"""A frame around what has the focus by key: the themes' own style sheets show it on hardly any control."""

from __future__ import annotations

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

from napari_unisemalign.widgets.colors import ACCENT_LIGHT

EDGE_PX = 2


class FocusFrame(QWidget):
    """Lies over one control, in that control's parent, so that it scrolls and is covered with it."""

    def __init__(self, around: QWidget) -> None:
        super().__init__(around.parentWidget())
        self._around = around
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        around.installEventFilter(self)
        self._follow()
        self.show()

    def end(self) -> None:
        """The focus has gone elsewhere."""
        if isalive(self._around):
            self._around.removeEventFilter(self)
        self.hide()
        self.deleteLater()

    def eventFilter(self, _watched: QObject | None, event: QEvent | None) -> bool:  # noqa: D102
        if event is not None and event.type() in (QEvent.Type.Move, QEvent.Type.Resize):
            self._follow()
        return False

    def _follow(self) -> None:
        self.setGeometry(self._around.geometry())
        self.raise_()

    def paintEvent(self, _event: QPaintEvent | None) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setPen(QPen(QColor(ACCENT_LIGHT), EDGE_PX))
        half = EDGE_PX / 2
        painter.drawRect(QRectF(self.rect()).adjusted(half, half, -half, -half))
        painter.end()
