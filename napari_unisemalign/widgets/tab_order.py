"""Tab goes as the eye does: along the layouts, whatever was made first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLayout, QScrollArea, QWidget


def order_tabs(root: QWidget) -> None:
    """Have Tab go through what is in a widget in the order of its layouts."""
    stops = [each for each in _in_order(root) if each.focusPolicy() & Qt.FocusPolicy.TabFocus]
    own = [each for each in stops if each.window() is root.window()]  # the list of a drop-down is a window of its own
    for former, following in pairwise(own):
        QWidget.setTabOrder(former, following)


def _in_order(widget: QWidget) -> Iterator[QWidget]:
    yield widget
    layout = widget.layout()
    if isinstance(widget, QScrollArea):
        if widget.widget() is not None:
            yield from _in_order(widget.widget())
    elif layout is not None:
        yield from _along(layout)


def _along(layout: QLayout) -> Iterator[QWidget]:
    places = list(range(layout.count()))
    if isinstance(layout, QGridLayout):
        places.sort(key=lambda number: layout.getItemPosition(number)[:2])
    for number in places:
        item = layout.itemAt(number)
        widget, inside = item.widget(), item.layout()
        if widget is not None:
            yield from _in_order(widget)
        elif inside is not None:
            yield from _along(inside)
