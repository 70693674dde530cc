"""The head of the panel: which project and tile are on screen, and the ways to the pages."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_unisemalign.shell.docking_view import LEAST_WIDTH_PX
from napari_unisemalign.shell.pages import Pages, Place
from napari_unisemalign.shell.tile_bar import TileBar
from napari_unisemalign.widgets.common import TAB_STYLE, verbatim
from training_core.base.i18n import tr


class Head(QWidget):
    """The project and the tile in one line, and below them a tab for each page of work."""

    def __init__(self, pages: Pages, details_button: QAbstractButton, parent: QWidget | None = None) -> None:
        """details_button: shows the page of the training, and stands elsewhere."""
        super().__init__(parent)
        self._pages, self._details_button = pages, details_button
        self.tile_bar = TileBar(self)
        self.project_button = _tab(tr("Project"), tr("Open or create a project; what is in this one"))
        self.project_button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.tabs = {
            Place.ANNOTATE: _tab(tr("Annotate && review"), tr("Paint, look at predictions, accept or reject them")),
            Place.RESULTS: _tab(tr("Results"), tr("What the rounds found, and the export of masks")),
            Place.SETTINGS: _tab(tr("Settings"), tr("What the project's trainings do otherwise than by default")),
        }
        buttons = {Place.PROJECT: self.project_button, **self.tabs, Place.TRAINING: details_button}
        for place, button in buttons.items():
            pages.add_button(place, button)
        self._lay_out()
        self.set_project("")

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        for line in (first, second):
            line.setContentsMargins(4, 0, 4, 0)
            line.setSpacing(2)
        first.addWidget(self.project_button)
        first.addWidget(self.tile_bar, 1)
        for button in self.tabs.values():
            second.addWidget(button)
        second.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(first)
        layout.addLayout(second)

    def set_project(self, name: str) -> None:
        """Name the open project on its button; an empty text for none, where only it can be chosen."""
        words = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, LEAST_WIDTH_PX // 3)
        self.project_button.setText(f"{verbatim(words) or tr('Project')} ▾")
        self.project_button.setAccessibleName(tr("Project {name}").format(name=name) if name else tr("Project"))
        for button in (*self.tabs.values(), self._details_button):
            button.setEnabled(bool(name))
        self._pages.show_place(Place.ANNOTATE if name else Place.PROJECT)


def _tab(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setAccessibleName(text.replace("&&", "&"))
    button.setToolTip(tip)
    button.setStyleSheet(TAB_STYLE)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button
