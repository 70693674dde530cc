"""What files would become, before anything is made: short sentences, each with its files below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QPushButton, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from napari_unisemalign.widgets.common import row, verbatim
from training_core.base.i18n import ntr, tr

_LINES = 7
_FIRST = 20
"""So many files stand below a sentence; the rest comes with "Show all"."""


@dataclass(frozen=True)
class OverviewLine:
    """A sentence, the files it is about, and whether it needs a look."""

    words: str
    files: tuple[str, ...] = ()
    is_warning: bool = False


class ImportOverview(QWidget):
    """The sentences as a tree. A pattern that would match more masks is offered as a button."""

    pattern_taken = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[OverviewLine, ...] = ()
        self._all = False
        self.tree = QTreeWidget(self)
        self.tree.setHeaderHidden(True)
        self.tree.setAccessibleName(tr("What the files become"))
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setIndentation(14)
        self.tree.setUniformRowHeights(True)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.tree.setMinimumHeight(_LINES * (self.fontMetrics().height() + 6))
        self.pattern_button = QPushButton(self)
        self.all_button = QPushButton(tr("Show all"), self)
        self.all_button.setCheckable(True)
        self.all_button.setToolTip(tr("Unfold every sentence, with all of its files"))
        self.all_button.toggled.connect(self._show_all)
        self.pattern_button.clicked.connect(self.pattern_taken)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.tree, 1)
        buttons = row(self.pattern_button, self.all_button, stretch=False)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        self.set_lines(())
        self.offer_pattern("", 0)

    def set_lines(self, lines: Sequence[OverviewLine]) -> None:
        """Show these sentences; none hides the tree."""
        if tuple(lines) == self._lines and lines:
            return
        self._lines = tuple(lines)
        self.setVisible(bool(lines))
        self.all_button.setVisible(any(line.files for line in lines))
        self._fill()

    def offer_pattern(self, pattern: str, count: int) -> None:
        """Offer to read the names of masks by this pattern; an empty one offers nothing."""
        words = ntr("Match {count} more mask named {pattern}", "Match {count} more masks named {pattern}", count)
        self.pattern_button.setText(words.format(count=count, pattern=verbatim(pattern)))
        self.pattern_button.setVisible(bool(pattern))

    def texts(self) -> list[str]:
        """Every sentence and every file that is listed, from above."""
        items = [self.tree.topLevelItem(number) for number in range(self.tree.topLevelItemCount())]
        return [each.text(0) for item in items for each in (item, *(item.child(n) for n in range(item.childCount())))]

    def _show_all(self, on: bool) -> None:
        self._all = on
        self._fill()

    def _fill(self) -> None:
        self.tree.clear()
        for line in self._lines:
            item = QTreeWidgetItem([f"\u26a0 {line.words}" if line.is_warning else line.words])
            item.setToolTip(0, line.words)
            shown = line.files if self._all else line.files[:_FIRST]
            for name in (*shown, *self._rest(len(line.files) - len(shown))):
                child = QTreeWidgetItem([name])
                child.setToolTip(0, name)
                item.addChild(child)
            self.tree.addTopLevelItem(item)
            item.setExpanded(self._all)

    @staticmethod
    def _rest(count: int) -> tuple[str, ...]:
        return (tr("… and {count} more").format(count=count),) if count else ()
