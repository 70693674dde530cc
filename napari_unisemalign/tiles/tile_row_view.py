"""How a row in the list of tiles is drawn: thumbnail, name, state and class mix."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QModelIndex, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter, QPalette, QPixmap
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from napari_unisemalign.tiles.tile_list_view import COLOR_ROLE, LINE_ROLE, MIX_ROLE, THUMBNAIL_PX
from napari_unisemalign.widgets.colors import ACCENT, PLACEHOLDER_ALPHA, VEIL

ROW_PX = 46
MIX_PX = 3
NARROWEST = 75
"""To this share of their width, in %, letters are narrowed before a text is cut."""
NARROWER_BY = 5
SMALLER = 0.85
"""The state under the name: the list is narrow."""


def narrowed(font: QFont, words: str, room_px: int) -> QFont:
    """The font with letters as narrow as these words need, and no narrower than `NARROWEST`."""
    result = QFont(font)
    for stretch in range(100, NARROWEST - 1, -NARROWER_BY):  # what is asked for is not what every font gives
        result.setStretch(stretch)
        if QFontMetrics(result).horizontalAdvance(words) <= room_px:
            break
    return result


class TileDelegate(QStyledItemDelegate):
    """A row: thumbnail, name, and a dot with the state in words."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: D102
        return QSize(120, ROW_PX)

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # noqa: D102
        if painter is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect, palette = option.rect, _palette(option)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected or option.state & QStyle.StateFlag.State_MouseOver:
            color = QColor(ACCENT)
            color.setAlpha(150 if selected else 50)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawRoundedRect(rect.adjusted(2, 1, -2, -1), 3, 3)
        self._draw_thumbnail(painter, rect, index.data(Qt.ItemDataRole.DecorationRole))
        self._draw_words(painter, rect, palette.color(QPalette.ColorRole.Text), index)
        painter.restore()

    def _draw_thumbnail(self, painter: QPainter, rect: QRect, pixmap: QPixmap | None) -> None:
        frame = QRect(rect.left() + 3, rect.top() + (ROW_PX - THUMBNAIL_PX) // 2, THUMBNAIL_PX, THUMBNAIL_PX)
        if pixmap is None or pixmap.isNull():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(*VEIL, PLACEHOLDER_ALPHA))
            painter.drawRect(frame)
        else:
            painter.drawPixmap(frame, pixmap)

    def _draw_words(self, painter: QPainter, rect: QRect, color: QColor, index: QModelIndex) -> None:
        left = rect.left() + THUMBNAIL_PX + 9
        line = QRect(left, rect.top() + 5, rect.right() - left - 2, (ROW_PX - 10) // 2)
        metrics = QFontMetrics(painter.font())
        name = metrics.elidedText(str(index.data()), Qt.TextElideMode.ElideMiddle, line.width())
        alignment = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(color)
        painter.drawText(line, alignment, name)
        font = painter.font()
        # napari's style sheet gives sizes in pixels: then the size in points is -1
        if font.pixelSize() > 0:
            font.setPixelSize(round(SMALLER * font.pixelSize()))
        else:
            font.setPointSizeF(SMALLER * font.pointSizeF())
        painter.setFont(font)
        metrics = QFontMetrics(font)
        second = line.translated(0, line.height())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(index.data(COLOR_ROLE)))
        painter.drawEllipse(second.left(), second.center().y() - 3, 8, 8)
        painter.setPen(color)
        second = second.adjusted(12, 0, 0, 0)
        said = str(index.data(LINE_ROLE))
        if metrics.horizontalAdvance(said) > second.width():
            font = narrowed(font, said, second.width())
            painter.setFont(font)
            metrics = QFontMetrics(font)
        words = metrics.elidedText(said, Qt.TextElideMode.ElideRight, second.width())
        painter.drawText(second, alignment, words)
        self._draw_mix(painter, QRect(left, rect.bottom() - MIX_PX - 1, line.width(), MIX_PX), index.data(MIX_ROLE))

    def _draw_mix(self, painter: QPainter, bar: QRect, mix: Sequence[tuple[str, float]]) -> None:
        """The classes of the prediction side by side, each as wide as its share."""
        painter.setPen(Qt.PenStyle.NoPen)
        done = 0.0
        for color, share in mix:
            start, end = bar.left() + bar.width() * done, bar.left() + bar.width() * (done + share)
            painter.fillRect(QRectF(start, bar.top(), end - start, bar.height()), QColor(color))
            done += share


def _palette(option: QStyleOptionViewItem) -> QPalette:
    """The list's own palette: the option's does not know the style sheet's text color on every Qt."""
    widget = option.widget
    return widget.palette() if isinstance(widget, QWidget) else option.palette
