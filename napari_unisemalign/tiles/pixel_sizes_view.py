"""The pixel sizes of many files: what each states, what is used, and who set it; they are corrected by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialogButtonBox,
    QHeaderView,
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

NAME, USED, SET_BY, FILE = range(4)


@dataclass(frozen=True)
class SizeRow:
    """A file or slide in words.

    Attributes
    ----------
    warning
        Why it needs a look; empty where it needs none.
    """

    name: str
    used: str
    set_by: str
    file: str
    is_known: bool
    warning: str = ""


class PixelSizesDialog(DeliberateDialog):
    """A table; a field and buttons that change the chosen rows at once."""

    set_clicked = Signal(str)
    """What was typed."""
    restore_clicked = Signal()
    unknown_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Pixel sizes"))
        self._rows: tuple[SizeRow, ...] = ()
        self.table = QTableWidget(0, 4, self)
        self.table.setAccessibleName(tr("Pixel sizes of the files"))
        self.table.setHorizontalHeaderLabels([tr("File"), tr("Used"), tr("Set by"), tr("The file states")])
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setTabKeyNavigation(False)  # Tab goes on to the field
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self.missing_button = QPushButton(tr("Choose all without one"), self)
        self.unusual_button = QPushButton(tr("Choose the unusual ones"), self)
        self.edit = QLineEdit(self)
        self.edit.setPlaceholderText(tr("such as 0.25"))
        self.set_button = QPushButton(tr("Use it for the chosen"), self)
        self.restore_button = QPushButton(tr("Use what the files state"), self)
        self.unknown_button = QPushButton(tr("Not known"), self)
        self.note = Hint(parent=self)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, parent=self)
        for each in self.findChildren(QPushButton):
            each.setAutoDefault(False)  # Enter in the field sets the size, and closes nothing
        self._lay_out()
        self._connect()
        self.resize(720, 480)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(10)
        layout.addWidget(self.table, 1)
        choose = row(self.missing_button, self.unusual_button, stretch=False)
        choose.addStretch(1)
        layout.addLayout(choose)
        words = caption(tr("µm/px"), self, self.edit)
        layout.addLayout(
            row(words, self.edit, self.set_button, self.restore_button, self.unknown_button, stretch=False)
        )
        layout.addWidget(self.note)
        layout.addWidget(self.buttons)

    def _connect(self) -> None:
        self.table.itemSelectionChanged.connect(self._refresh)
        self.edit.textChanged.connect(lambda _text: self._refresh())
        self.edit.returnPressed.connect(self.set_button.click)
        self.set_button.clicked.connect(lambda: self.set_clicked.emit(self.edit.text()))
        self.restore_button.clicked.connect(lambda: self.restore_clicked.emit())
        self.unknown_button.clicked.connect(lambda: self.unknown_clicked.emit())
        self.missing_button.clicked.connect(
            lambda: self.choose([each.name for each in self._rows if not each.is_known])
        )
        self.unusual_button.clicked.connect(lambda: self.choose([each.name for each in self._rows if each.warning]))
        self.buttons.rejected.connect(self.reject)

    def set_rows(self, rows: Sequence[SizeRow]) -> None:
        """Show these; the chosen ones stay chosen."""
        chosen = self.chosen()
        self.table.blockSignals(True)
        self._rows = tuple(rows)
        self.table.setRowCount(len(self._rows))
        for index, each in enumerate(self._rows):
            name = f"\u26a0 {each.name}" if each.warning else each.name
            for column, text in ((NAME, name), (USED, each.used), (SET_BY, each.set_by), (FILE, each.file)):
                item = QTableWidgetItem(text)
                item.setToolTip(each.warning or text)
                self.table.setItem(index, column, item)
        self.table.blockSignals(False)
        self.choose(chosen)

    def chosen(self) -> list[str]:
        """The names of the chosen rows, from above."""
        selected = sorted({index.row() for index in self.table.selectionModel().selectedRows()})
        return [self._rows[number].name for number in selected]

    def choose(self, names: Sequence[str]) -> None:
        """Choose the rows of these names, and no others."""
        wanted = set(names)
        self.table.clearSelection()
        model, selection = self.table.model(), self.table.selectionModel()
        flags = selection.SelectionFlag.Select | selection.SelectionFlag.Rows
        for number, each in enumerate(self._rows):
            if each.name in wanted:
                selection.select(model.index(number, NAME), flags)
        if wanted:
            first = next((number for number, each in enumerate(self._rows) if each.name in wanted), None)
            if first is not None:
                self.table.scrollToItem(self.table.item(first, NAME))
        self._refresh()

    def allow_unknown(self, allowed: bool) -> None:
        """Whether a size may be said to be not known."""
        self.unknown_button.setVisible(allowed)

    def say(self, text: str, *, is_error: bool = False) -> None:
        """What came of a click."""
        self.note.set_text(f"\u26a0 {text}" if is_error else text)

    def _refresh(self) -> None:
        none = "" if self.table.selectionModel().hasSelection() else tr("Choose files in the table first.")
        set_available(self.set_button, none or ("" if self.edit.text().strip() else tr("Type a pixel size first.")))
        for button in (self.restore_button, self.unknown_button):
            set_available(button, none)
        missing = any(not each.is_known for each in self._rows)
        set_available(self.missing_button, "" if missing else tr("Every file has a pixel size."))
        unusual = any(each.warning for each in self._rows)
        tip = tr("More than a factor of 3 from the others")
        set_available(self.unusual_button, "" if unusual else tr("No pixel size is unusual."), tip)
