"""The sheet of keys: every action with its key, and a field to change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QKeySequenceEdit,
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


class KeysDialog(DeliberateDialog):
    """Not modal: it may stay open beside the work. It shows and asks; it knows nothing of actions."""

    key_wanted = Signal(str, str)
    """Action id and key ("Ctrl+Shift+Z", empty for none)."""
    reset_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Keys"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._rows: tuple[KeyRow, ...] = ()
        self.table = self._make_table()
        self.edit = QKeySequenceEdit(self)
        self.edit.setAccessibleName(tr("New key"))
        self.none_button = QPushButton(tr("No key"), self)
        self.none_button.setToolTip(tr("The action stays in the menu and in the command palette."))
        self.reset_button = QPushButton(tr("All as at first"), self)
        self.reset_button.setToolTip(tr("Gives every action of this list the key that it was installed with."))
        self.close_button = QPushButton(tr("Close"), self)
        self.hint = Hint(CHOOSE, self)
        layout = QVBoxLayout(self)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.hint)
        layout.addLayout(row(caption(tr("New key:"), self), self.edit, self.none_button, stretch=False))
        layout.addLayout(row(self.reset_button, self.close_button))
        self.edit.editingFinished.connect(self._on_edited)
        self.none_button.clicked.connect(lambda: self._ask_for(""))
        self.reset_button.clicked.connect(lambda: self.reset_wanted.emit())
        self.close_button.clicked.connect(self.close)
        self.table.currentCellChanged.connect(lambda *_cells: self._on_row())
        self.resize(520, 620)

    def set_rows(self, rows: Sequence[KeyRow]) -> None:
        """Show these lines; the chosen one stays chosen."""
        chosen = max(self.table.currentRow(), 0)
        self._rows = tuple(rows)
        self.table.setRowCount(len(rows))
        for index, each in enumerate(rows):
            for column, text in enumerate((each.title, each.key)):
                item = QTableWidgetItem(text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                self.table.setItem(index, column, item)
        self.table.setCurrentCell(min(chosen, len(rows) - 1), 0)
        self._on_row()

    def say(self, text: str) -> None:
        """A sentence under the list."""
        self.hint.set_text(text)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, 2, self)
        table.setAccessibleName(tr("Actions and their keys"))
        table.setHorizontalHeaderLabels([tr("What"), tr("Key")])
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
        set_available(self.none_button, reason, tr("The action stays in the menu and in the command palette."))
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
