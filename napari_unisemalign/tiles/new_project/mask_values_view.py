"""What the values of masks mean: a line each, with the class to be typed."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QAbstractItemModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from training_core.base.i18n import tr
from training_core.project.classes import MaskValue

VALUE, SHARE, CLASS = range(3)
ROWS_SHOWN = 5


class ClassDelegate(QStyledItemDelegate):
    """The classes of a project to choose from, where no further class can come."""

    def __init__(self, names: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self._names = names

    def createEditor(  # noqa: D102
        self, parent: QWidget | None, _option: QStyleOptionViewItem, _index: QModelIndex
    ) -> QWidget | None:
        combo = QComboBox(parent)
        combo.setAccessibleName(tr("Class"))
        combo.addItem(tr("(unannotated)"), "")
        for name in self._names:
            combo.addItem(name, name)
        combo.activated.connect(lambda _index: self.commitData.emit(combo))
        return combo

    def setEditorData(self, editor: QWidget | None, index: QModelIndex) -> None:  # noqa: D102
        assert isinstance(editor, QComboBox)
        editor.setCurrentIndex(editor.findData(index.data()))  # -1, nothing, where no class is known yet

    def setModelData(  # noqa: D102
        self, editor: QWidget | None, model: QAbstractItemModel | None, index: QModelIndex
    ) -> None:
        assert isinstance(editor, QComboBox)
        assert model is not None
        if editor.currentIndex() >= 0:
            model.setData(index, editor.currentData())


class MaskValuesTable(QTableWidget):
    """Values, how much of the masks has them, and the class. An empty class: not labelled."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 3, parent)
        self._rows: tuple[MaskValue, ...] = ()
        self.setAccessibleName(tr("What the values of the masks mean"))
        self.setHorizontalHeaderLabels([tr("Mask value"), tr("Share"), tr("Class (empty: unannotated)")])
        self.verticalHeader().hide()
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)  # Tab goes on to the next field; arrows go from cell to cell
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(VALUE, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(SHARE, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(CLASS, QHeaderView.ResizeMode.Stretch)
        self.itemChanged.connect(lambda _item: self.changed.emit())

    def set_values(self, rows: Sequence[MaskValue]) -> None:
        """Fill the table with what is suggested."""
        self.blockSignals(True)
        self._rows = tuple(rows)
        self.setRowCount(len(self._rows))
        total = max(1, sum(each.pixels for each in self._rows))
        fixed = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        for index, each in enumerate(self._rows):
            for column, text in ((VALUE, each.range), (SHARE, f"{100 * each.pixels / total:.1f} %")):
                item = QTableWidgetItem(text)
                item.setFlags(fixed)
                self.setItem(index, column, item)
            self.setItem(index, CLASS, QTableWidgetItem(each.name))
        shown = min(max(2, len(self._rows)), ROWS_SHOWN)
        height = self.verticalHeader().defaultSectionSize()
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + shown * height + 6)
        self.blockSignals(False)

    def offer(self, names: Sequence[str]) -> None:
        """Let the class be chosen among these, in place of typing it."""
        self.setItemDelegateForColumn(CLASS, ClassDelegate(names, self))
        self.itemClicked.connect(lambda item: self.editItem(item) if item.column() == CLASS else None)

    def values(self) -> tuple[MaskValue, ...]:
        """The rows as they are named now."""
        names = [self.item(index, CLASS).text().strip() for index in range(self.rowCount())]
        return tuple(each.named(name) for each, name in zip(self._rows, names, strict=True))
