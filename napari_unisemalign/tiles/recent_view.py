"""The projects that were opened last: a menu under a button, and a short list where no project is open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QMenu, QPushButton, QVBoxLayout, QWidget

from napari_unisemalign.widgets.common import Hint, set_available, verbatim
from training_core.base.i18n import tr

SHOWN = 4


class RecentList(QWidget):
    """A line for each of the latest projects; and what became of those that are gone."""

    chosen = Signal(str)
    """The folder of a project."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: list[QPushButton] = []
        self.menu = QMenu(self)
        self.menu_button = QPushButton(tr("Recent"), self)
        self.menu_button.setMenu(self.menu)
        self._words = Hint(tr("Recent projects"), self)
        self.missing = Hint("", self)
        self._lines = QVBoxLayout()
        self._lines.setSpacing(2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._words)
        layout.addLayout(self._lines)
        layout.addWidget(self.missing)
        self.set_projects((), ())

    def set_projects(self, folders: Sequence[Path], missing: Sequence[Path]) -> None:
        """Fill the menu and the list, and say which projects are not where they were."""
        self.menu.clear()
        for button in self.buttons:
            self._lines.removeWidget(button)
            button.deleteLater()
        self.buttons = []
        for number, folder in enumerate(folders):
            action = QAction(verbatim(_in_a_line(folder)), self.menu)
            action.triggered.connect(lambda _checked=False, path=str(folder): self.chosen.emit(path))
            self.menu.addAction(action)
            if number < SHOWN:
                self.buttons.append(self._button(folder))
                self._lines.addWidget(self.buttons[-1])
        set_available(self.menu_button, "" if folders else tr("No project was opened yet."), tr("Projects opened last"))
        self._words.setVisible(bool(folders))
        if missing:
            names = ", ".join(str(folder) for folder in missing)
            self.missing.set_text(tr("No longer there, and so not listed any more: {names}.").format(names=names))

    def _button(self, folder: Path) -> QPushButton:
        words = _in_a_line(folder)
        button = QPushButton(self)
        button.setText(verbatim(button.fontMetrics().elidedText(words, Qt.TextElideMode.ElideMiddle, 250)))
        button.setAccessibleName(words)
        button.setToolTip(str(folder))
        button.setFlat(True)
        button.setStyleSheet("text-align: left; padding: 3px;")
        button.clicked.connect(lambda: self.chosen.emit(str(folder)))
        return button


def _in_a_line(folder: Path) -> str:
    return f"{folder.name}  ({folder.parent})"
