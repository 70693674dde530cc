"""Step 2: the tissue classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import QEvent, QModelIndex, QObject, QRect, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QPainter, QPalette
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_unisemalign.widgets.common import Hint, body_layout, row, set_available
from napari_unisemalign.widgets.events import read_as
from training_core.base.i18n import tr

KEY, COLOR, NAME, PROMPT = range(4)
ROW_PX = 26
ROWS_SHOWN = 6
SWATCH_PX = 18
COLOR_ROLE = Qt.ItemDataRole.UserRole + 1
SUGGESTION_ROLE = Qt.ItemDataRole.UserRole + 2


@dataclass(frozen=True)
class ClassRow:
    """A class as the table shows it."""

    id: int
    name: str
    color: str
    prompt: str
    key: str
    suggestion: str = ""
    """A prompt that could be taken over; empty where there is none to offer."""
    made_of_objects: bool = False


class SwatchDelegate(QStyledItemDelegate):
    """A square of the class's color, the same in a chosen row."""

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # noqa: D102
        super().paint(painter, option, index)
        if painter is not None:
            square = QRect(0, 0, SWATCH_PX, SWATCH_PX)
            square.moveCenter(option.rect.center())
            painter.fillRect(square, QColor(index.data(COLOR_ROLE)))


class PromptDelegate(QStyledItemDelegate):
    """An empty prompt shows the suggested one greyed; Tab in the empty editor takes it over."""

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # noqa: D102
        super().paint(painter, option, index)
        suggestion = index.data(SUGGESTION_ROLE)
        if painter is not None and suggestion and not index.data():
            painter.save()
            painter.setPen(option.palette.color(QPalette.ColorRole.PlaceholderText))
            font = painter.font()
            font.setItalic(True)
            painter.setFont(font)
            room = option.rect.adjusted(4, 0, -4, 0)
            words = painter.fontMetrics().elidedText(suggestion, Qt.TextElideMode.ElideMiddle, room.width())
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)
            painter.restore()

    def createEditor(  # noqa: D102
        self, parent: QWidget | None, _option: QStyleOptionViewItem, index: QModelIndex
    ) -> QWidget:
        editor = QLineEdit(parent)
        editor.setPlaceholderText(index.data(SUGGESTION_ROLE) or "")
        return editor

    def eventFilter(self, editor: QObject | None, event: QEvent | None) -> bool:  # noqa: D102
        is_key = event is not None and event.type() == QEvent.Type.KeyPress
        is_tab = is_key and read_as(event, QKeyEvent).key() == Qt.Key.Key_Tab
        if is_tab and isinstance(editor, QLineEdit) and not editor.text():
            editor.setText(editor.placeholderText())
        return super().eventFilter(editor, event)


class ClassesView(QWidget):
    """A table of classes. A click chooses the class to paint with, a double click edits name or prompt."""

    class_chosen = Signal(int)
    name_edited = Signal(int, str)
    prompt_edited = Signal(int, str)
    color_clicked = Signal(int)
    objects_toggled = Signal(int, bool)
    add_clicked = Signal()
    remove_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[ClassRow, ...] = ()
        self._filling = False
        self._offered: ClassRow | None = None
        self.table = QTableWidget(0, 4, self)
        self.table.setHorizontalHeaderLabels([tr("Key"), "", tr("Name"), tr("Description\n(text prompt)")])
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)  # Tab leaves, the arrow keys move
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setWordWrap(False)
        self.table.setItemDelegateForColumn(COLOR, SwatchDelegate(self.table))
        self.table.setItemDelegateForColumn(PROMPT, PromptDelegate(self.table))
        self.table.setAccessibleName(tr("Classes"))
        self.table.setAccessibleDescription(
            tr("Choose the class to paint with; Enter or F2 changes its name or prompt")
        )
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setStyleSheet("QHeaderView::section { background: transparent; border: none; padding: 2px; }")
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setMinimumSectionSize(24)
        for column, width in ((KEY, 38), (COLOR, 34), (NAME, 118)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.table.setColumnWidth(column, width)
        header.setSectionResizeMode(PROMPT, QHeaderView.ResizeMode.Stretch)
        self.objects_check = QCheckBox(tr("Made of separate objects"), self)
        self.objects_check.setToolTip(
            tr("Its areas are counted one by one, such as glands; touching ones are separated")
        )
        self.add_button = QPushButton(tr("Add class"), self)
        self.remove_button = QPushButton(tr("Remove class"), self)
        self.suggestion = Hint("", self)
        self.suggestion_button = QPushButton(tr("Use it"), self)
        self.suggestion_button.setToolTip(
            tr("Take the suggested text prompt over; Tab in the empty prompt does it, too")
        )
        self.busy = Hint("", self)
        self.hint = Hint("", self)
        layout = body_layout(self)
        layout.addWidget(self.table)
        offer = row(self.suggestion, stretch=False)
        offer.setStretch(0, 1)
        offer.addWidget(self.suggestion_button)
        layout.addLayout(offer)
        layout.addWidget(self.objects_check)
        layout.addLayout(row(self.add_button, self.remove_button))
        layout.addWidget(self.busy)
        layout.addWidget(self.hint)
        self.table.itemChanged.connect(self._on_edited)
        self.table.currentCellChanged.connect(self._on_current)
        self.table.cellClicked.connect(self._on_clicked)
        self.add_button.clicked.connect(lambda: self.add_clicked.emit())
        self.remove_button.clicked.connect(lambda: self.remove_clicked.emit())
        self.suggestion_button.clicked.connect(self._on_suggestion)
        self.objects_check.clicked.connect(self._on_objects)
        self.set_classes(())

    def set_classes(self, rows: Sequence[ClassRow]) -> None:
        """Fill the table."""
        self._filling = True
        self._rows = tuple(rows)
        self.table.setRowCount(len(self._rows))
        for index, each in enumerate(self._rows):
            self._fill(index, each)
        shown = max(2, min(len(self._rows), ROWS_SHOWN))
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + shown * ROW_PX + 6)
        self.table.setVisible(bool(self._rows))
        self._filling = False
        self._offer(None)

    def set_current(self, class_id: int | None) -> None:
        """Mark the class that is painted with, without telling anybody."""
        self._filling = True
        index = next((i for i, each in enumerate(self._rows) if each.id == class_id), -1)
        if index < 0:
            self.table.clearSelection()
            self.table.setCurrentCell(-1, -1)
        elif index != self.table.currentRow():
            self.table.setCurrentCell(index, NAME)
        self._filling = False
        self._offer(self._rows[index] if index >= 0 else None)

    def set_available(self, add_reason: str, remove_reason: str, hint: str) -> None:
        """Enable the buttons, or say why not."""
        set_available(self.add_button, add_reason, tr("Add a class of tissue; give it a name and a colour"))
        set_available(
            self.remove_button, remove_reason, tr("Remove the chosen class; no other class changes its number")
        )
        self.hint.set_text(hint)

    def set_busy(self, text: str) -> None:
        """Say what takes a while; an empty text when it is over."""
        self.busy.set_text(text)

    def edit_name(self, class_id: int) -> None:
        """Open the editor on a class's name."""
        for index, each in enumerate(self._rows):
            if each.id == class_id:
                self.table.setCurrentCell(index, NAME)
                self.table.editItem(self.table.item(index, NAME))

    def _offer(self, row: ClassRow | None) -> None:
        """Offer the suggested prompt of the class that is painted with, and say whether it is made of objects."""
        suggestion = row.suggestion if row is not None else ""
        words = tr("Suggested prompt: “{prompt}”").format(prompt=suggestion) if suggestion else ""
        self.suggestion.set_text(words)
        self.suggestion_button.setVisible(bool(suggestion))
        self._offered = row
        self.objects_check.setVisible(row is not None)
        self.objects_check.setChecked(row is not None and row.made_of_objects)

    def _on_objects(self, checked: bool) -> None:
        if self._offered is not None:
            self.objects_toggled.emit(self._offered.id, checked)

    def _on_suggestion(self) -> None:
        if self._offered is not None:
            self.prompt_edited.emit(self._offered.id, self._offered.suggestion)

    def _fill(self, index: int, each: ClassRow) -> None:
        fixed = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        key = QTableWidgetItem(each.key)
        key.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
        key.setFlags(fixed)
        key_tip = (
            tr("Press {key} to paint with {name}")
            if each.key
            else tr("No key: only the first nine classes have one, and F1 lists and changes them")
        )
        key.setToolTip(key_tip.format(key=each.key, name=each.name))
        color = QTableWidgetItem()
        color.setData(COLOR_ROLE, each.color)
        color.setFlags(fixed)
        color.setToolTip(tr("{color}: click to choose another colour").format(color=each.color))
        name = QTableWidgetItem(each.name)
        name_tip = tr("{name} (class {number}): click to paint with it, double-click to rename")
        name.setToolTip(name_tip.format(name=each.name, number=each.id))
        prompt = QTableWidgetItem(each.prompt)
        prompt.setData(SUGGESTION_ROLE, each.suggestion)
        prompt_tip = tr("{prompt}: what the class looks like, for text encoders; double-click to change it")
        prompt.setToolTip(prompt_tip.format(prompt=each.prompt or tr("No prompt")))
        for column, item in ((KEY, key), (COLOR, color), (NAME, name), (PROMPT, prompt)):
            self.table.setItem(index, column, item)

    def _on_edited(self, item: QTableWidgetItem) -> None:
        if self._filling or not 0 <= item.row() < len(self._rows):
            return
        each = self._rows[item.row()]
        if item.column() == NAME and item.text() != each.name:
            self.name_edited.emit(each.id, item.text())
        elif item.column() == PROMPT and item.text() != each.prompt:
            self.prompt_edited.emit(each.id, item.text())

    def _on_current(self, current_row: int, _column: int, previous_row: int, _previous_column: int) -> None:
        if not self._filling and current_row != previous_row and 0 <= current_row < len(self._rows):
            self.class_chosen.emit(self._rows[current_row].id)

    def _on_clicked(self, clicked_row: int, column: int) -> None:
        if not 0 <= clicked_row < len(self._rows):
            return
        if column == COLOR:
            self.color_clicked.emit(self._rows[clicked_row].id)
        else:
            self.class_chosen.emit(self._rows[clicked_row].id)  # also when it is the current one: back to painting
