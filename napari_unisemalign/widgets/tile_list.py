"""The list of tiles: a model that holds names only, and a delegate that draws thumbnail, name and state.

Rows ask for their state and thumbnail when they come into view, so a project of ten thousand tiles opens as fast as
one of ten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFontMetrics, QImage, QPainter, QPalette, QPixmap
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from napari_unisemalign.widgets.common import ACCENT

THUMBNAIL_PX = 40
ROW_PX = 46
STATE_ROLE = Qt.ItemDataRole.UserRole + 1
VALIDATION_SUFFIX = ", for validation"
STATE_COLORS = {
    "unlabelled": "#8a8f98",
    "labelled": "#4c9be8",
    "predicted": "#e8963c",
    "accepted": "#3fae6b",
}


class TileModel(QAbstractListModel):
    """Tile names, with states and thumbnails fetched when a row is drawn."""

    thumbnail_wanted = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._state_of: Callable[[str], str] = lambda name: ""
        self._states: dict[str, str] = {}
        self._thumbnails: dict[str, QPixmap] = {}
        self._asked: set[str] = set()

    def set_tiles(self, names: Sequence[str], state_of: Callable[[str], str]) -> None:
        """Show these tiles; `state_of` is called for the rows that are drawn."""
        self.beginResetModel()
        self._names, self._state_of = tuple(names), state_of
        self._states, self._thumbnails, self._asked = {}, {}, set()
        self.endResetModel()

    def refresh_states(self) -> None:
        """Ask for the states again."""
        self._states.clear()
        if self._names:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._names) - 1, 0))

    def set_thumbnail(self, name: str, pixels: npt.NDArray[np.uint8]) -> None:
        """Show a tile's thumbnail, (h, w, 3)."""
        if name in self._names:
            self._thumbnails[name] = _pixmap(pixels)
            index = self.index(self._names.index(name), 0)
            self.dataChanged.emit(index, index)

    def row_of(self, name: str | None) -> int:
        """The row of a tile, -1 for none."""
        return self._names.index(name) if name in self._names else -1

    def name_at(self, row: int) -> str:
        """The tile in this row."""
        return self._names[row]

    def is_labeled(self, name: str) -> bool:
        """Whether the tile has labels."""
        return self._state(name).startswith(("labelled", "accepted"))

    def is_validation(self, name: str) -> bool:
        """Whether the tile's state says that it is used for validation."""
        return self._state(name).endswith(VALIDATION_SUFFIX)

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:  # noqa: D102
        if not index.isValid():
            return None
        name = self._names[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role == STATE_ROLE:
            return self._state(name)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._thumbnail(name)
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{name}: {self._state(name)}. Right-click a labelled tile to use it for validation."
        return None

    def _state(self, name: str) -> str:
        if name not in self._states:
            self._states[name] = self._state_of(name)
        return self._states[name]

    def _thumbnail(self, name: str) -> QPixmap | None:
        if name not in self._thumbnails and name not in self._asked:
            self._asked.add(name)
            self.thumbnail_wanted.emit(name)
        return self._thumbnails.get(name)


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
        frame = QRect(rect.left() + 6, rect.top() + (ROW_PX - THUMBNAIL_PX) // 2, THUMBNAIL_PX, THUMBNAIL_PX)
        if pixmap is None or pixmap.isNull():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(128, 128, 128, 70))
            painter.drawRect(frame)
        else:
            painter.drawPixmap(frame, pixmap)

    def _draw_words(self, painter: QPainter, rect: QRect, color: QColor, index: QModelIndex) -> None:
        left = rect.left() + THUMBNAIL_PX + 16
        line = QRect(left, rect.top() + 5, rect.right() - left - 6, (ROW_PX - 10) // 2)
        metrics = QFontMetrics(painter.font())
        name = metrics.elidedText(str(index.data()), Qt.TextElideMode.ElideMiddle, line.width())
        alignment = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(color)
        painter.drawText(line, alignment, name)
        state = str(index.data(STATE_ROLE))
        second = line.translated(0, line.height())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(STATE_COLORS.get(state.partition(",")[0], STATE_COLORS["unlabelled"])))
        painter.drawEllipse(second.left() + 1, second.center().y() - 3, 8, 8)
        painter.setPen(color)
        painter.drawText(second.adjusted(15, 0, 0, 0), alignment, state)


def _palette(option: QStyleOptionViewItem) -> QPalette:
    """The list's own palette: the option's does not know the style sheet's text color on every Qt."""
    widget = option.widget
    return widget.palette() if isinstance(widget, QWidget) else option.palette


def _pixmap(pixels: npt.NDArray[np.uint8]) -> QPixmap:
    """A centered square of an (h, w, 3) image."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    image = QImage(square.tobytes(), side, side, 3 * side, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image).scaled(
        2 * THUMBNAIL_PX,
        2 * THUMBNAIL_PX,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
