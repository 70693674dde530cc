"""The square that stands for a class, as the class is drawn on the image: filled, or as an outline."""

from __future__ import annotations

from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap

from napari_unisemalign.widgets.colors import INK_EDGE

SWATCH_PX = 14
SMALL_PX = 10
OUTLINE_PX = 3


def swatch(color: str, side_px: int = SWATCH_PX, *, outlined: bool = False) -> QIcon:
    """A square of a class's colour, with an edge that shows on every background."""
    pixmap = QPixmap(side_px, side_px)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    inside = QRectF(0.5, 0.5, side_px - 1, side_px - 1)
    if not outlined:
        painter.fillRect(pixmap.rect(), QColor(color))
    else:
        painter.setPen(QPen(QColor(color), OUTLINE_PX))
        half = OUTLINE_PX / 2
        painter.drawRect(inside.adjusted(half, half, -half, -half))
    painter.setPen(QPen(QColor(*INK_EDGE), 1))
    painter.drawRect(inside)
    painter.end()
    return QIcon(pixmap)
