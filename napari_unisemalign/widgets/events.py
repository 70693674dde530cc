"""What Qt hands an event filter, read as what it is."""

from __future__ import annotations

from typing import TypeVar

import qtpy
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QFocusEvent, QKeyEvent

Kind = TypeVar("Kind", bound=QEvent)

_BY_KEYBOARD = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)


def read_as(event: QEvent, kind: type[Kind]) -> Kind:
    """The same event as an object of its kind, which `event.type()` tells.

    PyQt hands out the Python object of an earlier event of another kind, if somebody still holds that (napari keeps the
    last event of the mouse) and the new event lies at the same address: a focus event without `reason`.
    """
    if isinstance(event, kind):
        return event
    if qtpy.PYSIDE6:
        from qtpy import shiboken

        (address,) = shiboken.getCppPointer(event)
        return shiboken.wrapInstance(address, kind)
    from qtpy import sip

    return sip.wrapinstance(sip.unwrapinstance(event), kind)


def focus_reason(focus_event: QEvent) -> Qt.FocusReason:
    """Why the focus comes or goes."""
    return read_as(focus_event, QFocusEvent).reason()


def is_by_keyboard(focus_event: QEvent) -> bool:
    """Whether somebody comes to the widget by key."""
    return focus_reason(focus_event) in _BY_KEYBOARD


def is_enter(key_event: QEvent) -> bool:
    """Whether the key is one of the two Enters."""
    return read_as(key_event, QKeyEvent).key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
