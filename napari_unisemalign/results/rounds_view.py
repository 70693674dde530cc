"""The rounds side by side: a column for each, a line for the score and for each class."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_unisemalign.app.training_curves import Past
from napari_unisemalign.results.areas import Unit, in_words
from napari_unisemalign.results.areas_view import UNITS
from napari_unisemalign.results.hold_out_view import HoldOutView
from napari_unisemalign.results.rounds import NOT_MEASURED, RoundAreas
from napari_unisemalign.widgets.common import Hint, body_layout, row, set_available
from napari_unisemalign.widgets.swatch import SMALL_PX, swatch
from training_core.base.i18n import tr
from training_core.project import TissueClass

ROW_PX = 22
COLUMN_PX = 68
NAMES_PX = 130


class RoundsView(QWidget):
    """What the numbers are, the table and its export; where nothing measures the rounds, why and what to do."""

    wanted = Signal()
    """To measure the areas."""
    save_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rounds: tuple[Past, ...] = ()
        self._areas = NOT_MEASURED
        self._classes: tuple[TissueClass, ...] = ()
        self.hold_out = HoldOutView(self)
        self.unit_combo = QComboBox(self)
        for unit, words in UNITS.items():
            self.unit_combo.addItem(words, unit)
        self.unit_combo.setAccessibleName(tr("What the numbers of the rounds are"))
        self.measure_button = QPushButton(tr("Compare areas"), self)
        self.save_button = QPushButton(tr("Export rounds (CSV)…"), self)
        self.table = _table(self)
        self.hint = Hint("", self)
        layout = body_layout(self)
        layout.addWidget(self.hold_out)
        layout.addWidget(self.table)
        layout.addWidget(self.unit_combo)
        layout.addLayout(row(self.measure_button, self.save_button))
        layout.addWidget(self.hint)
        self.unit_combo.currentIndexChanged.connect(lambda _index: self._fill())
        self.measure_button.clicked.connect(lambda: self.wanted.emit())
        self.save_button.clicked.connect(lambda: self.save_clicked.emit())
        self.set_available("")

    @property
    def unit(self) -> Unit:
        """What the numbers are."""
        return Unit(self.unit_combo.currentData())

    def set_rounds(self, rounds: Sequence[Past], areas: RoundAreas, classes: Sequence[TissueClass], hint: str) -> None:
        """Show these rounds, oldest first, and a sentence about them."""
        self._rounds, self._areas, self._classes = tuple(rounds), areas, tuple(classes)
        self.hint.set_text(hint)
        self._fill()

    def set_available(self, reason: str) -> None:
        """Allow measuring and saving, or say why not."""
        tip = tr("Measures the predictions of every round on the tiles that all of them have predicted")
        set_available(self.measure_button, reason, tip)
        set_available(self.save_button, reason, tr("All units and all rounds as a table"))

    def _fill(self) -> None:
        scored = any(each.curves.score is not None for each in self._rounds)
        lines = [*self._score_lines(scored), *(self._class_lines() if self._areas.tiles else [])]
        self.table.setColumnCount(len(self._rounds))
        self.table.setRowCount(len(lines))
        self.table.setHorizontalHeaderLabels([tr("Round {number}").format(number=each.number) for each in self._rounds])
        for line, (header, cells) in enumerate(lines):
            self.table.setVerticalHeaderItem(line, header)
            for column, (words, tip) in enumerate(cells):
                item = QTableWidgetItem(words)
                item.setToolTip(tip)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, tip)
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(line, column, item)
        height = self.table.horizontalHeader().sizeHint().height() + len(lines) * ROW_PX
        self.table.setFixedHeight(height + self.table.horizontalScrollBar().sizeHint().height() + 4)
        self.table.setVisible(bool(lines and self._rounds))
        self.table.scrollToBottom()
        bar = self.table.horizontalScrollBar()
        bar.setValue(bar.maximum())  # the newest
        for each in (self.measure_button, self.save_button):
            each.setVisible(bool(self._rounds))
        self.unit_combo.setVisible(bool(self._areas.tiles))

    def _score_lines(self, scored: bool) -> list[tuple[QTableWidgetItem, list[tuple[str, str]]]]:
        """The validation Dice, and on how many tiles; nothing where no round has one."""
        if not scored:
            return []
        none = tr("This round had no validation tiles, so it has no Dice.")
        dice, tiles = [], []
        for each in self._rounds:
            score, count = each.curves.score, each.curves.dice_tiles
            tip = each.curves.score_in_words or none
            dice.append((tr("{dice:.1f} %").format(dice=score) if score is not None else "–", tip))
            tiles.append((f"{count:,}" if score is not None and count is not None else "–", tip))
        return [(_header(tr("Validation Dice")), dice), (_header(tr("Validation tiles")), tiles)]

    def _class_lines(self) -> list[tuple[QTableWidgetItem, list[tuple[str, str]]]]:
        unit, words = self.unit, tr("{name} in round {number}: {value}")
        lines = []
        for tissue in self._classes:
            cells = []
            for each in self._rounds:
                value = in_words(self._areas.value(each.run_id, tissue.id, unit), unit)
                cells.append((value, words.format(name=tissue.name, number=each.number, value=value)))
            lines.append((_header(tissue.name, tissue.color), cells))
        return lines


def _table(parent: QWidget) -> QTableWidget:
    table = QTableWidget(0, 0, parent)
    table.setAccessibleName(tr("Rounds side by side: a column for each round"))
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setTabKeyNavigation(False)
    table.setCornerButtonEnabled(False)
    table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    columns, lines = table.horizontalHeader(), table.verticalHeader()
    columns.setDefaultSectionSize(COLUMN_PX)
    columns.setSectionsClickable(False)
    lines.setDefaultSectionSize(ROW_PX)
    lines.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    lines.setSectionsClickable(False)
    lines.setMaximumWidth(NAMES_PX)
    lines.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    lines.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return table


def _header(words: str, color: str | None = None) -> QTableWidgetItem:
    item = QTableWidgetItem(words) if color is None else QTableWidgetItem(swatch(color, SMALL_PX), words)
    item.setToolTip(words)
    return item
