"""The pages of the panel: one is in sight at a time; buttons, which stand in several places, choose it."""

from __future__ import annotations

from enum import StrEnum

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QAbstractButton,
    QFrame,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_unisemalign.widgets.common import SPACING
from napari_unisemalign.widgets.fold import Fold
from napari_unisemalign.widgets.shrinking import ShrinkingArea
from training_core.base.i18n import tr


class Place(StrEnum):
    """What the panel can show."""

    PROJECT = "project"
    ANNOTATE = "annotate"
    RESULTS = "results"
    SETTINGS = "settings"
    TRAINING = "training"


LEAST_HEIGHT_PX, LEAST_HEAD_PX = 30, 90
"""On a screen that is too low for more: a row of what scrolls, and the classes and *Accept* of the head."""


class Page(QWidget):
    """What scrolls, and above it a head that does not, unless the screen is too low for all of it."""

    def __init__(
        self, place: Place, *parts: QWidget, head: QWidget | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.place, self.head = place, head
        self.body = QWidget(self)
        inside = QVBoxLayout(self.body)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(SPACING)
        for part in parts:
            inside.addWidget(part)
        inside.addStretch(1)
        self.scroll_area = QScrollArea(self)
        self.scroll_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it takes the focus, and is scrolled to
        self.scroll_area.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll_area.setWidgetResizable(True)
        self.scroll_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll_area.setWidget(self.body)
        self.scroll_area.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self.scroll_area.setMinimumHeight(LEAST_HEIGHT_PX)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(SPACING)
        if head is not None:
            area = ShrinkingArea(head, least_px=LEAST_HEAD_PX, parent=self)
            area.setAccessibleName(tr("Classes and review"))
            layout.addWidget(area)
        layout.addWidget(self.scroll_area, 1)

    @property
    def folds(self) -> tuple[Fold, ...]:
        """The groups of tools that can be folded away."""
        return tuple(self.body.findChildren(Fold))


class Pages(QStackedWidget):
    """One page in sight, chosen by buttons that are checked while theirs is."""

    shown = Signal(object)
    """Place."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pages: dict[Place, Page] = {}
        self._buttons: dict[Place, QAbstractButton] = {}
        self._revealed: QWidget | None = None
        self._reveal_timer = QTimer(self)
        self._reveal_timer.setSingleShot(True)
        self._reveal_timer.timeout.connect(self._scroll)

    def add(self, page: Page) -> None:
        """One more page; the first is in sight."""
        self._pages[page.place] = page
        self.addWidget(page)

    def add_button(self, place: Place, button: QAbstractButton) -> None:
        """A button that shows this page; pressed once more, it stays."""
        button.setCheckable(True)
        self._buttons[place] = button
        button.clicked.connect(lambda: self.show_place(place))
        button.setChecked(place is self.place)

    @property
    def place(self) -> Place:
        """What is in sight."""
        page = self.currentWidget()
        return page.place if isinstance(page, Page) else Place.PROJECT

    def button(self, place: Place) -> QAbstractButton:
        """The button that shows a page."""
        return self._buttons[place]

    def page(self, place: Place) -> Page:
        """One of the pages."""
        return self._pages[place]

    def all(self) -> tuple[Page, ...]:
        """Every page, in the order in which it was added."""
        return tuple(self._pages.values())

    def page_of(self, part: QWidget) -> Page | None:
        """The page that holds a widget."""
        return next((page for page in self._pages.values() if page.isAncestorOf(part)), None)

    def show_place(self, place: Place) -> None:
        """Put a page in sight."""
        changed = place is not self.place
        self.setCurrentWidget(self._pages[place])
        for each, button in self._buttons.items():
            button.setChecked(each is place)
        if changed:
            self.shown.emit(place)

    def reveal(self, part: QWidget) -> None:
        """Show the page that holds this widget, unfold what it is in, and scroll to it."""
        page = self.page_of(part)
        if page is None:
            return
        self.show_place(page.place)
        for fold in page.folds:
            if fold.body.isAncestorOf(part) or fold.body is part:
                fold.set_open(True)
        self._revealed = part
        self._reveal_timer.start(0)  # the layout must know the places of what came to light

    def _scroll(self) -> None:
        page = None if self._revealed is None else self.page_of(self._revealed)
        if page is not None and self._revealed is not None and page.body.isAncestorOf(self._revealed):
            page.scroll_area.ensureWidgetVisible(self._revealed, 0, 8)
