"""The table of areas: a line for each tile, a column for each class."""

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
from superqt import QFlowLayout

from napari_unisemalign.results.areas import TileAreas, Unit, in_words, total
from napari_unisemalign.widgets.common import Hint, body_layout, set_available
from napari_unisemalign.widgets.swatch import SMALL_PX, swatch
from training_core.base.i18n import tr
from training_core.project import TissueClass

UNITS = {
    Unit.PERCENT: tr("Share of the tile (%)"),
    Unit.MM2: tr("Area (mm²)"),
    Unit.UM2: tr("Area (µm²)"),
    Unit.OBJECTS: tr("Number of regions"),
}
ROW_PX, ROWS_SHOWN = 22, 9


class AreasView(QWidget):
    """What the numbers are, the table, and its export."""

    wanted = Signal()
    """To count, or to count again."""
    save_clicked = Signal()
    objects_clicked = Signal()
    tile_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._areas: tuple[TileAreas, ...] = ()
        self._classes: tuple[TissueClass, ...] = ()
        self.unit_combo = QComboBox(self)
        for unit, words in UNITS.items():
            self.unit_combo.addItem(words, unit)
        self.unit_combo.setAccessibleName(tr("What the numbers are"))
        self.count_button = QPushButton(tr("Measure"), self)
        self.count_button.setToolTip(tr("Annotations, and predictions where there are none, of every tile"))
        self.save_button = QPushButton(tr("Export (CSV)…"), self)
        self.objects_button = QPushButton(tr("Export objects…"), self)
        self.table = QTableWidget(0, 0, self)
        self.table.setAccessibleName(tr("Areas per tile and class"))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.table.horizontalHeader().setMinimumSectionSize(50)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.hide()
        self.hint = Hint("", self)
        layout = body_layout(self)
        layout.addWidget(self.unit_combo)
        buttons = QFlowLayout()  # three do not fit side by side in the narrowest panel
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setHorizontalSpacing(4)
        buttons.setVerticalSpacing(4)
        for button in (self.count_button, self.save_button, self.objects_button):
            buttons.addWidget(button)
        layout.addLayout(buttons)
        layout.addWidget(self.table)
        layout.addWidget(self.hint)
        self.unit_combo.currentIndexChanged.connect(lambda _index: self._fill())
        self.count_button.clicked.connect(lambda: self.wanted.emit())
        self.save_button.clicked.connect(lambda: self.save_clicked.emit())
        self.objects_button.clicked.connect(lambda: self.objects_clicked.emit())
        self.table.cellDoubleClicked.connect(lambda line, _column: self._choose(line))
        self.set_available("")

    @property
    def unit(self) -> Unit:
        """What the numbers are."""
        return Unit(self.unit_combo.currentData())

    def set_areas(self, areas: Sequence[TileAreas], classes: Sequence[TissueClass], hint: str) -> None:
        """Show these numbers, and a sentence about them."""
        self._areas, self._classes = tuple(areas), tuple(classes)
        self.hint.set_text(hint)
        self._fill()
        self.set_available("")

    def set_outdated(self) -> None:
        """The numbers are of annotations or predictions that have changed since."""
        self.hint.set_text(tr("Annotations or predictions have changed since: measure again."))

    def set_available(self, reason: str) -> None:
        """Allow measuring, or say why not."""
        set_available(self.count_button, reason, self.count_button.toolTip())
        nothing = "" if self._areas else tr("Measure first.")
        set_available(self.save_button, reason or nothing, tr("All units and all tiles as a table"))
        about = tr("Number the objects of every tile, measure each one, and plot numbers and areas")
        set_available(self.objects_button, reason, about)

    def _fill(self) -> None:
        unit = self.unit
        self.table.setColumnCount(1 + len(self._classes))
        self.table.setRowCount(len(self._areas) + 1 if self._areas else 0)
        self.table.setHorizontalHeaderItem(0, QTableWidgetItem(tr("Tile")))
        for column, each in enumerate(self._classes, 1):
            item = QTableWidgetItem(swatch(each.color, SMALL_PX), each.name)
            item.setToolTip(each.name)
            self.table.setHorizontalHeaderItem(column, item)
        for line, areas in enumerate(self._areas):
            self._set(line, 0, areas.name)
            for column, each in enumerate(self._classes, 1):
                self._set(line, column, in_words(areas.value(each.id, unit), unit))
        if self._areas:
            self._set(len(self._areas), 0, tr("All"))
            for column, each in enumerate(self._classes, 1):
                self._set(len(self._areas), column, in_words(total(self._areas, each.id, unit), unit))
        shown = min(self.table.rowCount(), ROWS_SHOWN)
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + shown * ROW_PX + 18)
        self.table.setVisible(bool(self._areas))

    def _set(self, line: int, column: int, words: str) -> None:
        item = QTableWidgetItem(words)
        item.setToolTip(words)
        if column:
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.table.setItem(line, column, item)

    def _choose(self, line: int) -> None:
        if line < len(self._areas):
            self.tile_chosen.emit(self._areas[line].name)
