"""Step 3: the confusion matrix, and the tiles that hold what was clicked in it."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QModelIndex, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QPainter, QPalette, QPen, QResizeEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_unisemalign.results.confusion_matrix import Cell, Matrix
from napari_unisemalign.widgets.colors import ACCENT, CONFUSED, DIAGONAL_ALPHA, VEIL
from napari_unisemalign.widgets.common import SPACING, Hint, caption
from training_core.base.i18n import tr

ROW_PX = 24
NAMES_PX = (70, 150)
"""Least and most width of the rows' names."""
CELL_PX = 30
"""Width that a number needs."""
STYLE = """
QTableView { background: transparent; selection-background-color: transparent; }
QTableView::item, QTableView::item:selected { background: transparent; border: none; }
QTableCornerButton::section, QHeaderView { background: transparent; border: none; }
"""
SWATCH_PX = 10
NAMED_COLUMN_PX = 60
"""A narrower column shows the colour of its class alone."""
TILES_SHOWN = 4
STRONGEST = 150
"""Opacity, of 255, of the shade of 100 %: the number stays readable on it in both themes."""
DIAGONAL = QColor(*VEIL, DIAGONAL_ALPHA)
CELL_ROLE = Qt.ItemDataRole.UserRole + 1
COLOR_ROLE = Qt.ItemDataRole.UserRole + 2
KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


class ClassHeader(QHeaderView):
    """Classes with their colours; of a narrow section the colour alone."""

    def paintSection(self, painter: QPainter | None, rect: QRect, section: int) -> None:  # noqa: D102
        model = self.model()
        if painter is None or model is None:
            return
        color = model.headerData(section, self.orientation(), COLOR_ROLE)
        name = str(model.headerData(section, self.orientation(), Qt.ItemDataRole.DisplayRole) or "")
        swatch = QRect(0, 0, SWATCH_PX, SWATCH_PX)
        swatch.moveCenter(rect.center())
        has_name = rect.width() >= NAMED_COLUMN_PX
        painter.save()
        if has_name:
            swatch.moveLeft(rect.left() + 4)
            room = rect.adjusted(SWATCH_PX + 9, 0, -3, 0)
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            words = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
        painter.fillRect(swatch, QColor(color))
        painter.restore()


class CellDelegate(QStyledItemDelegate):
    """A number on a shade, which no theme's style sheet may paint over."""

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # noqa: D102
        cell = index.data(CELL_ROLE)
        if painter is None or cell is None:
            return
        room = option.rect.adjusted(1, 1, -1, -1)
        painter.save()
        painter.fillRect(room, _shade(cell))
        text = QColor(option.palette.color(QPalette.ColorRole.WindowText))
        if not cell.pixels:
            text.setAlpha(120)
        painter.setPen(text)
        painter.drawText(room.adjusted(-4, 0, 4, 0), Qt.AlignmentFlag.AlignCenter, str(index.data()))
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        if chosen or focused:
            painter.setPen(QPen(QColor(ACCENT), 2 if focused else 1))
            painter.drawRect(room.adjusted(1, 1, -1, -1))
        painter.restore()


class MatrixTable(QTableWidget):
    """The matrix. A click, Enter or Space chooses a cell; the arrow keys move, and Tab leaves."""

    chosen = Signal(object)
    """Cell."""
    takes_enter = True
    """Enter is not the window's key here."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        for header in (ClassHeader(Qt.Orientation.Horizontal, self), ClassHeader(Qt.Orientation.Vertical, self)):
            header.setSectionsClickable(False)
            header.setMinimumSectionSize(16)
            header.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            if header.orientation() == Qt.Orientation.Horizontal:
                self.setHorizontalHeader(header)
                header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
                header.setFixedHeight(ROW_PX)
            else:
                self.setVerticalHeader(header)
                header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
                header.setDefaultSectionSize(ROW_PX)
                header.setFixedWidth(NAMES_PX[0])
        self.setItemDelegate(CellDelegate(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setStyleSheet(STYLE)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setAccessibleName(tr("Confusion matrix: a row for each annotated class, a column for each predicted one"))
        self.cellClicked.connect(self._choose)

    def set_matrix(self, shown: Matrix) -> None:
        """Show this; the current cell stays where it is."""
        size, place = len(shown.classes), (self.currentRow(), self.currentColumn())
        self.setRowCount(size)
        self.setColumnCount(size)
        for number, each in enumerate(shown.classes):
            self.setVerticalHeaderItem(number, _header(each.name, each.color, tr("Annotated as {name}")))
            self.setHorizontalHeaderItem(number, _header(each.name, each.color, tr("Predicted as {name}")))
            for column, cell in enumerate(shown.cells[number]):
                self.setItem(number, column, _item(cell))
        if 0 <= place[0] < size and 0 <= place[1] < size:
            self.setCurrentCell(*place)
        self.setFixedHeight(ROW_PX * (size + 1) + 2)
        self._fit_names()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: D102
        super().resizeEvent(event)
        self._fit_names()

    def _fit_names(self) -> None:
        """The names get what the numbers leave, as far as they need it."""
        items = (self.verticalHeaderItem(row) for row in range(self.rowCount()))
        longest = max((self.fontMetrics().horizontalAdvance(item.text()) for item in items if item), default=0)
        room = self.width() - CELL_PX * self.columnCount()
        least, most = NAMES_PX
        width = max(least, min(longest + SWATCH_PX + 14, room, most))
        if width != self.verticalHeader().width():
            self.verticalHeader().setFixedWidth(width)
            self.updateGeometries()

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(NAMES_PX[0] + 8 * 20, self.height())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: D102
        if event is not None and event.key() in KEYS:
            event.accept()
            self._choose(self.currentRow(), self.currentColumn())
        else:
            super().keyPressEvent(event)

    def _choose(self, row: int, column: int) -> None:
        item = self.item(row, column)
        if item is not None:
            self.chosen.emit(item.data(CELL_ROLE))


class ConfusionView(QWidget):
    """A caption, the matrix, and below it the tiles of the cell that was chosen; or a sentence why there is none."""

    cell_chosen = Signal(object)
    """Cell."""
    tile_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = caption(tr("Confusion matrix, % of the annotated pixels of each class"), self)
        self.title.setWordWrap(True)
        self.caption = Hint("", self)
        self.table = MatrixTable(self)
        self.words = Hint("", self)
        self.tiles = QListWidget(self)
        self.tiles.takes_enter = True
        self.tiles.setAccessibleName(tr("Tiles with this confusion"))
        self.tiles.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.marked = Hint("", self)
        self.empty = Hint("", self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, SPACING, 4, 0)  # as every other fold's
        layout.setSpacing(4)
        for each in (self.title, self.caption, self.table, self.words, self.tiles, self.marked, self.empty):
            layout.addWidget(each)
        self.table.chosen.connect(lambda cell: self.cell_chosen.emit(cell))
        self.tiles.itemClicked.connect(self._on_tile)
        self.tiles.itemActivated.connect(self._on_tile)
        self.set_matrix(None, "")

    def set_matrix(self, shown: Matrix | None, why_none: str) -> None:
        """Show the matrix, or a sentence why there is none."""
        for each in (self.title, self.table):
            each.setVisible(shown is not None)
        self.caption.set_text(
            f"{shown.caption} " + tr("Rows: annotated. Columns: predicted. Choose a cell to see its tiles.")
            if shown is not None
            else ""
        )
        self.empty.set_text(why_none)
        if shown is None:
            self.set_chosen("", ())
        else:
            self.table.set_matrix(shown)

    def set_chosen(self, words: str, tiles: Sequence[tuple[str, str]]) -> None:
        """What the chosen cell means, and its tiles: (name, what is said of it)."""
        self.words.set_text(words)
        self.tiles.clear()
        for name, said in tiles:
            item = QListWidgetItem(said)
            item.setToolTip(said)
            item.setData(CELL_ROLE, name)
            self.tiles.addItem(item)
        self.tiles.setVisible(bool(tiles))
        if tiles:
            rows = min(len(tiles), TILES_SHOWN)
            self.tiles.setFixedHeight(rows * max(self.tiles.sizeHintForRow(0), 18) + 2 * self.tiles.frameWidth() + 2)
        else:
            self.set_marked("")

    def set_current(self, tile: str | None) -> None:
        """Mark the tile on screen in the list, without telling anybody."""
        names = [self.tiles.item(row).data(CELL_ROLE) for row in range(self.tiles.count())]
        self.tiles.setCurrentRow(names.index(tile) if tile in names else -1)

    def set_marked(self, words: str) -> None:
        """What is marked on the image."""
        self.marked.set_text(words)

    def _on_tile(self, item: QListWidgetItem) -> None:
        self.tile_chosen.emit(item.data(CELL_ROLE))


def _header(name: str, color: str, words: str) -> QTableWidgetItem:
    item = QTableWidgetItem(name)
    item.setData(COLOR_ROLE, color)
    item.setToolTip(words.format(name=name))
    item.setData(Qt.ItemDataRole.AccessibleTextRole, words.format(name=name))
    return item


def _item(cell: Cell) -> QTableWidgetItem:
    item = QTableWidgetItem(cell.text)
    item.setData(CELL_ROLE, cell)
    item.setToolTip(cell.words)
    item.setData(Qt.ItemDataRole.AccessibleTextRole, cell.words)
    return item


def _shade(cell: Cell) -> QColor:
    """Grey on the diagonal; elsewhere the stronger, the larger the share."""
    if not cell.is_confusion:
        return DIAGONAL
    shade = QColor(CONFUSED)
    shade.setAlpha(round(STRONGEST * (cell.share or 0) ** 0.5))  # confusions are small, and have to be told apart
    return shade
