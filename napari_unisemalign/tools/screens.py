"""Screens that the window is made for: their size, their scaling, and what does not fit on one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from qtpy.QtCore import QPoint, QRect, QSize
from qtpy.QtWidgets import QWidget

from napari_unisemalign.shell.panel import Panel

SCALE_VARIABLE = "QT_SCALE_FACTOR"
"""Read by Qt when it starts: another scale takes another process."""


@dataclass(frozen=True)
class Screen:
    """A screen in its own pixels, and its scaling in percent."""

    width_px: int
    height_px: int
    percent: int = 100

    def __str__(self) -> str:
        """Such as "1366x768", or with a scaling "3840x2160-200"."""
        size = f"{self.width_px}x{self.height_px}"
        return size if self.percent == 100 else f"{size}-{self.percent}"

    @classmethod
    def read(cls, text: str) -> Screen:
        """Of what `str` writes.

        Raises
        ------
        ValueError
            It is something else.
        """
        size, _, percent = text.partition("-")
        width, height = size.split("x")
        return cls(int(width), int(height), int(percent or 100))

    @property
    def size(self) -> QSize:
        """In Qt's pixels, which scaling makes larger."""
        return QSize(100 * self.width_px // self.percent, 100 * self.height_px // self.percent)


SCREENS = (Screen(1366, 768), Screen(1920, 1080), Screen(1920, 1080, 150), Screen(3840, 2160, 200))
"""The smallest that is common and the commonest, and what is common with scaling: the image is large on all of them."""
TIGHT = (Screen(1366, 768, 150), Screen(1920, 1080, 200))
"""As little room as there can be: nothing may lie off the screen."""


def current_percent() -> int:
    """The scaling of this process."""
    return round(100 * float(os.environ.get(SCALE_VARIABLE, "1")))


def off_screen(panel: Panel, screen: Screen) -> tuple[str, ...]:
    """What of the window lies outside the screen, or outside the part of the panel that does not scroll."""
    window = panel.window()
    wrong = []
    if not QRect(QPoint(0, 0), screen.size).contains(QRect(QPoint(0, 0), window.size())):
        wrong.append(f"window {window.width()} x {window.height()}")
    for widget in _never_scrolled(panel):
        place = QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())
        if widget.isVisible() and not window.rect().contains(place):
            wrong.append(f"{widget.accessibleName() or getattr(widget, 'text', str)()}: {place.getRect()}")
    return tuple(wrong)


def _never_scrolled(panel: Panel) -> Iterator[QWidget]:
    """What has to be in sight whatever is unfolded: the tabs, the head of the page, the foot, the list of tiles."""
    yield from (panel.head.project_button, panel.head.tile_bar, *panel.head.tabs.values())
    head = panel.pages.page(panel.pages.place).head
    if head is not None:
        yield from (each for each in head.findChildren(QWidget) if each.isVisibleTo(head))
    footer = panel.train.footer
    yield from (footer.status, footer.time, footer.details_button, footer.start_button, footer.stop_button)
    yield panel.tiles
