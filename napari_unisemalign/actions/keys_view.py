"""The sheet of keys: every action with its key, in groups, with a search, and a field to change the key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QPalette
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QKeySequenceEdit,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_unisemalign.widgets.common import Hint, caption, row, set_available
from napari_unisemalign.widgets.deliberate import DeliberateDialog
from training_core.base.i18n import tr

CHOOSE = tr("Choose a line, click into the field and press the new key.")
FIXED = tr("This key is napari's own: change it in napari's preferences, under Shortcuts.")


@dataclass(frozen=True)
class KeyRow:
    """One line. id: of the action, empty where the key cannot be changed here. key: as this system writes it."""

    id: str
    title: str
    key: str
    group: str = ""
    """Under which heading it stands; those of a group follow each other."""


class KeysDialog(DeliberateDialog):
    """Not modal: it may stay open beside the work. It shows and asks; it knows nothing of actions."""

    key_wanted = Signal(str, str)
    """Action id and key ("Ctrl+Shift+Z", empty for none)."""
    reset_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Keyboard shortcuts"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._rows: tuple[KeyRow | None, ...] = ()
        """None for a heading."""
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(tr("Search commands and keys"))
        self.search.setAccessibleName(tr("Search commands and keys"))
        self.search.setClearButtonEnabled(True)
        self.table = self._make_table()
        self.edit = QKeySequenceEdit(self)
        for each in (self.edit, *self.edit.findChildren(QLineEdit)):  # what takes the focus is inside
            each.setAccessibleName(tr("New key"))
            each.setAccessibleDescription(CHOOSE)
        self.none_button = QPushButton(tr("Clear"), self)
        self.none_button.setAccessibleName(tr("No key for this command"))
        self.none_button.setToolTip(tr("No key: the command stays in the menu and in the command palette."))
        self.reset_button = QPushButton(tr("Restore defaults"), self)
        self.reset_button.setToolTip(tr("Gives every command of this list the key that it was installed with."))
        self.close_button = QPushButton(tr("Close"), self)
        self.hint = Hint(CHOOSE, self)
        layout = QVBoxLayout(self)
        layout.addWidget(self.search)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.hint)
        layout.addLayout(row(caption(tr("New key:"), self), self.edit, self.none_button, stretch=False))
        layout.addLayout(row(self.reset_button, self.close_button))
        self.search.textChanged.connect(lambda _text: self._filter())
        self.edit.editingFinished.connect(self._on_edited)
        self.none_button.clicked.connect(lambda: self._ask_for(""))
        self.reset_button.clicked.connect(lambda: self.reset_wanted.emit())
        self.close_button.clicked.connect(self.close)
        self.table.currentCellChanged.connect(lambda *_cells: self._on_row())
        self.resize(520, 620)

    def set_rows(self, rows: Sequence[KeyRow]) -> None:
        """Show these lines under the headings of their groups; the chosen one stays chosen."""
        chosen = self._chosen()
        self.table.clearSpans()
        shown: list[KeyRow | None] = []
        self.table.setRowCount(len(rows) + len({each.group for each in rows}))
        for before, each in zip((None, *rows), rows, strict=False):
            if before is None or before.group != each.group:
                self._add_heading(len(shown), each.group)
                shown.append(None)
            for column, text in enumerate((each.title, each.key)):
                item = QTableWidgetItem(text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                self.table.setItem(len(shown), column, item)
            shown.append(each)
        self._rows = tuple(shown)
        again = (row for row, each in enumerate(shown) if each and chosen and each.title == chosen.title)
        self.table.setCurrentCell(next(again, 1), 0)
        self._filter()
        self._on_row()

    def _add_heading(self, index: int, words: str) -> None:
        for column, text in enumerate((words, "")):
            item = QTableWidgetItem(text)
            font = item.font()
            font.setBold(True)
            item.setFont(font)
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            item.setForeground(self.palette().color(QPalette.ColorRole.WindowText))  # though it cannot be chosen
            self.table.setItem(index, column, item)
        self.table.setSpan(index, 0, 1, 2)

    def _filter(self) -> None:
        """Show what has every word that is searched for in its title, its key or its heading."""
        words, heading, is_empty = self.search.text().casefold().split(), 0, True
        for index, each in enumerate(self._rows):
            if each is None:
                heading, is_empty = index, True
                self.table.setRowHidden(index, True)
                continue
            text = f"{each.title} {each.key} {each.group}".casefold()
            fits = all(word in text for word in words)
            self.table.setRowHidden(index, not fits)
            if fits and is_empty:
                self.table.setRowHidden(heading, False)
                is_empty = False
        visible = [index for index, each in enumerate(self._rows) if each and not self.table.isRowHidden(index)]
        if visible and self.table.currentRow() not in visible:
            self.table.setCurrentCell(visible[0], 0)

    def say(self, text: str) -> None:
        """A sentence under the list."""
        self.hint.set_text(text)

    def present(self) -> None:
        """Bring the sheet into sight."""
        self.show()
        self.raise_()
        self.activateWindow()

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, 2, self)
        table.setAccessibleName(tr("Commands and their keys"))
        table.setHorizontalHeaderLabels([tr("Command"), tr("Key")])
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        for header in (table.verticalHeader(), table.horizontalHeader()):
            assert header is not None
        table.verticalHeader().hide()
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        return table

    def _chosen(self) -> KeyRow | None:
        index = self.table.currentRow()
        return self._rows[index] if 0 <= index < len(self._rows) else None

    def _on_row(self) -> None:
        chosen = self._chosen()
        reason = FIXED if chosen is not None and not chosen.id else ""
        self.edit.clear()
        self.edit.setEnabled(not reason)
        set_available(self.none_button, reason, tr("No key: the command stays in the menu and in the command palette."))
        self.say(reason or CHOOSE)

    def _on_edited(self) -> None:
        sequence = self.edit.keySequence()
        if not sequence.isEmpty():
            # of several strokes only the first: napari's canvas knows no chords
            self._ask_for(QKeySequence(sequence[0]).toString(QKeySequence.SequenceFormat.PortableText))

    def _ask_for(self, key: str) -> None:
        chosen = self._chosen()
        if chosen is not None and chosen.id:
            self.key_wanted.emit(chosen.id, key)
