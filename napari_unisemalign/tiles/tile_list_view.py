"""The list of tiles: a model that holds names only, and a delegate that draws thumbnail, name, state and class mix.

Rows ask for their state and thumbnail when they come into view, so a project of ten thousand tiles opens as fast as
one of ten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPalette, QPixmap
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from napari_unisemalign.widgets.colors import (
    ACCENT,
    ACCEPTED,
    ANNOTATED,
    PARTLY_ACCEPTED,
    PLACEHOLDER_ALPHA,
    PREDICTED,
    UNANNOTATED,
    VEIL,
)
from training_core.base.i18n import tr
from training_core.project import TileState

THUMBNAIL_PX = 40
ROW_PX = 46
MIX_PX = 3
NARROWEST = 75
"""To this share of their width, in %, letters are narrowed before a text is cut."""
NARROWER_BY = 5
SMALLER = 0.85
"""The state under the name: the list is narrow."""
STATE_ROLE = Qt.ItemDataRole.UserRole + 1
LINE_ROLE = Qt.ItemDataRole.UserRole + 2
MIX_ROLE = Qt.ItemDataRole.UserRole + 3
COLOR_ROLE = Qt.ItemDataRole.UserRole + 4
STATE_COLORS = {
    TileState.UNLABELED: UNANNOTATED,
    TileState.LABELED: ANNOTATED,
    TileState.PREDICTED: PREDICTED,
    TileState.PARTLY_ACCEPTED: PARTLY_ACCEPTED,
    TileState.ACCEPTED: ACCEPTED,
}
STATE_WORDS = {
    TileState.UNLABELED: tr("unannotated"),
    TileState.LABELED: tr("annotated"),
    TileState.PREDICTED: tr("predicted"),
    TileState.PARTLY_ACCEPTED: tr("partly accepted"),
    TileState.ACCEPTED: tr("accepted"),
}


@dataclass(frozen=True)
class Standing:
    """How far a tile has come, and whether its label serves for validation."""

    state: TileState = TileState.UNLABELED
    validates: bool = False

    @property
    def words(self) -> str:
        """Such as "annotated, for validation"."""
        words = STATE_WORDS[self.state]
        return tr("{state}, for validation").format(state=words) if self.validates else words

    @property
    def short(self) -> str:
        """What a narrow list has room for; the tooltip has `words`."""
        return tr("validation") if self.validates else STATE_WORDS[self.state]


@dataclass(frozen=True)
class TileDetails:
    """What a row says of a tile besides its state.

    words: such as "confidence 92 %". short: the most telling of them, such as "92 %", for a narrow list. mix: the
    prediction's classes, (colour, share 0..1). suggestion: why an annotation would help here, a sentence; empty where
    it is not among the suggested ones.
    """

    words: tuple[str, ...] = ()
    short: str = ""
    mix: tuple[tuple[str, float], ...] = ()
    suggestion: str = ""


NO_DETAILS = TileDetails()


def narrowed(font: QFont, words: str, room_px: int) -> QFont:
    """The font with letters as narrow as these words need, and no narrower than `NARROWEST`."""
    result = QFont(font)
    for stretch in range(100, NARROWEST - 1, -NARROWER_BY):  # what is asked for is not what every font gives
        result.setStretch(stretch)
        if QFontMetrics(result).horizontalAdvance(words) <= room_px:
            break
    return result


class TileModel(QAbstractListModel):
    """Tile names, with states and thumbnails fetched when a row is drawn."""

    thumbnail_wanted = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._standing_of: Callable[[str], Standing] = lambda name: Standing()
        self._standings: dict[str, Standing] = {}
        self._thumbnails: dict[str, QPixmap] = {}
        self._asked: set[str] = set()
        self._rows: dict[str, int] = {}
        self._details: Mapping[str, TileDetails] = {}
        self._suggesting = False

    def set_tiles(self, names: Sequence[str], standing_of: Callable[[str], Standing]) -> None:
        """Show these tiles; `standing_of` is called for the rows that are drawn."""
        self.beginResetModel()
        self._names, self._standing_of = tuple(names), standing_of
        self._standings, self._thumbnails, self._asked, self._details = {}, {}, set(), {}
        self._rows = {name: row for row, name in enumerate(self._names)}
        self.endResetModel()

    def set_order(self, names: Sequence[str], *, suggesting: bool = False) -> None:
        """Show these of the tiles, in this order; what is known of them stays.

        suggesting: the rows say why a label would help there, and not the state.
        """
        self.beginResetModel()
        self._suggesting = suggesting
        self._names = tuple(names)
        self._rows = {name: row for row, name in enumerate(self._names)}
        self.endResetModel()

    def set_details(self, details: Mapping[str, TileDetails]) -> None:
        """What the rows say besides the state, by name."""
        self._details = details
        if self._names:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._names) - 1, 0))

    def refresh_states(self) -> None:
        """Ask for the states again."""
        self._standings.clear()
        if self._names:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._names) - 1, 0))

    def set_thumbnail(self, name: str, pixels: npt.NDArray[np.uint8]) -> None:
        """Show a tile's thumbnail, (h, w, 3)."""
        self._thumbnails[name] = _pixmap(pixels)
        if name in self._rows:
            index = self.index(self._rows[name], 0)
            self.dataChanged.emit(index, index)

    def refresh_thumbnails(self, names: Sequence[str] | None = None) -> None:
        """Ask for these thumbnails again when they are drawn next, None for all; the former ones stay until then."""
        known = self._asked if names is None else self._asked.intersection(names)
        self._asked = self._asked - known
        for name in known & self._rows.keys():
            index = self.index(self._rows[name], 0)
            self.dataChanged.emit(index, index)

    def row_of(self, name: str | None) -> int:
        """The row of a tile, -1 for none."""
        return self._rows.get(name, -1) if name is not None else -1

    def name_at(self, row: int) -> str:
        """The tile in this row."""
        return self._names[row]

    def is_labeled(self, name: str) -> bool:
        """Whether the tile has labels."""
        return self._standing(name).state.is_labeled

    def is_validation(self, name: str) -> bool:
        """Whether the tile is used for validation."""
        return self._standing(name).validates

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:  # noqa: D102
        if not index.isValid():
            return None
        name = self._names[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role == STATE_ROLE:
            return self._standing(name).words
        if role == COLOR_ROLE:
            return STATE_COLORS[self._standing(name).state]
        if role == Qt.ItemDataRole.DecorationRole:
            return self._thumbnail(name)
        if role == LINE_ROLE:
            return self._line(name)
        if role == MIX_ROLE:
            return self._details.get(name, NO_DETAILS).mix
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._in_words(name)
        return None

    def _line(self, name: str) -> str:
        details = self._details.get(name, NO_DETAILS)
        if self._suggesting and details.suggestion:
            return details.suggestion
        return " ".join(filter(None, (self._standing(name).short, details.short)))

    def _in_words(self, name: str) -> str:
        details = self._details.get(name, NO_DETAILS)
        words = f"{name}: {', '.join((self._standing(name).words, *details.words))}."
        if details.suggestion:
            words += "\n" + tr("Suggested: {reason}").format(reason=details.suggestion)
        return words + "\n" + tr("Right-click for more.")

    def _standing(self, name: str) -> Standing:
        if name not in self._standings:
            self._standings[name] = self._standing_of(name)
        return self._standings[name]

    def _thumbnail(self, name: str) -> QPixmap | None:
        if name not in self._asked:
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
