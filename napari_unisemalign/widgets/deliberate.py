"""Nothing changes unasked: the wheel scrolls, and keys edit a list only where editing was asked for.

One rule for every control of the panel and of the dialogs, also for those that are made later.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, takewhile

from qtpy.compat import isalive
from qtpy.QtCore import QChildEvent, QEvent, QModelIndex, QObject, Qt, QTimer
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QScrollBar,
    QTabBar,
    QWidget,
)

from napari_unisemalign.widgets.events import focus_reason, is_by_keyboard, is_enter, read_as
from napari_unisemalign.widgets.focus_frame import FocusFrame
from napari_unisemalign.widgets.tab_order import order_tabs

_TURNED = (QComboBox, QAbstractSpinBox, QAbstractSlider, QTabBar)
"""What the wheel changes, if nobody prevents it."""
_UNWATCHED = (QLabel, QHeaderView, QScrollBar, FocusFrame)
_STILL_THERE = (
    Qt.FocusReason.PopupFocusReason,
    Qt.FocusReason.ActiveWindowFocusReason,
    Qt.FocusReason.MenuBarFocusReason,
)
"""The focus leaves for these and comes back by itself."""
_WITH_TEXT = (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.KeypadModifier)


class Deliberate(QObject):
    """Guards what is in one widget.

    The wheel turns a control only while that has the focus by a click, and scrolls what lies behind it otherwise. Enter
    presses the button that Tab came to; what Tab came to is framed. In a list or table, only a double click, F2 and
    Enter edit; other keys neither edit nor choose another line. A letter chooses nothing in a drop-down. Tab goes along
    the layouts, also to what is made later.
    """

    def __init__(self, root: QWidget) -> None:
        super().__init__(root)
        self._clicked: QWidget | None = None
        self._tabbed: QAbstractButton | None = None
        self._frame: FocusFrame | None = None
        self._order_soon = QTimer(self)
        self._order_soon.setSingleShot(True)
        self._order_soon.timeout.connect(lambda: order_tabs(root))
        self._watch(root)
        order_tabs(root)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: D102
        if event is None or not isinstance(watched, QWidget):
            return False
        kind = event.type()
        if kind in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self._show_focus(watched, event)
        if kind == QEvent.Type.ChildPolished:
            child = read_as(event, QChildEvent).child()
            if isinstance(child, QWidget) and not isinstance(child, _UNWATCHED):
                self._watch(child)
                self._order_soon.start(0)  # it may stand before what is there already
        elif isinstance(watched, QAbstractButton):
            return self._on_button(watched, event)
        elif isinstance(watched, QAbstractItemView):
            takes_enter = getattr(watched, "takes_enter", False) or _is_editable(watched)
            if kind == QEvent.Type.ShortcutOverride and takes_enter and is_enter(event):
                event.accept()  # it opens the editor, or what the line stands for, and is no key of the window
            return kind == QEvent.Type.KeyPress and _is_stopped(watched, event)
        elif is_turned(watched):
            return self._on_control(watched, event)
        elif isinstance(watched, QLineEdit) and kind == QEvent.Type.MouseButtonPress:
            self._clicked = watched.parentWidget()
        return False

    def _show_focus(self, widget: QWidget, event: QEvent) -> None:
        """Frame what somebody came to by key, until the focus leaves it for good."""
        if focus_reason(event) in _STILL_THERE:
            return
        if self._frame is not None:
            if isalive(self._frame):
                self._frame.end()
            self._frame = None
        is_coming = event.type() == QEvent.Type.FocusIn and is_by_keyboard(event)
        if is_coming and widget.parentWidget() is not None:
            self._frame = FocusFrame(widget)

    def _on_control(self, control: QWidget, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.Wheel and control is not self._clicked:
            event.ignore()  # so that it goes on to what scrolls
            return True
        if kind == QEvent.Type.MouseButtonPress:
            self._clicked = control
        elif kind == QEvent.Type.FocusOut and focus_reason(event) not in _STILL_THERE and control is self._clicked:
            self._clicked = None
        is_list = isinstance(control, QComboBox) and not control.isEditable()
        return is_list and kind == QEvent.Type.KeyPress and _is_text(event)

    def _on_button(self, button: QAbstractButton, event: QEvent) -> bool:
        """Enter presses the button that Tab came to; after a click it is the window's key again."""
        kind, is_tabbed = event.type(), button is self._tabbed
        if kind == QEvent.Type.FocusIn:
            self._tabbed = button if is_by_keyboard(event) else None
        elif kind == QEvent.Type.ShortcutOverride and is_tabbed and is_enter(event):
            event.accept()
        elif kind == QEvent.Type.KeyPress and is_tabbed and is_enter(event):
            button.click()
            return True
        return False

    def _watch(self, widget: QWidget) -> None:
        """Guard this and all that is in it now."""
        if isinstance(widget, _UNWATCHED):
            return
        widget.removeEventFilter(self)  # a widget is polished again when its style changes
        widget.installEventFilter(self)
        if isinstance(widget, QAbstractButton):
            return
        if isinstance(widget, QAbstractItemView):
            _edit_on_purpose(widget)
            return
        if is_turned(widget):
            if widget.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            for line in widget.findChildren(QLineEdit):
                line.installEventFilter(self)
            return
        for child in widget.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            if not child.isWindow():
                self._watch(child)


class DeliberateDialog(QDialog):
    """A dialog in which nothing changes unasked; the base of all of ours."""

    def showEvent(self, event: object) -> None:  # noqa: D102
        if self.findChild(Deliberate, options=Qt.FindChildOption.FindDirectChildrenOnly) is None:
            Deliberate(self)
        super().showEvent(event)


def is_turned(widget: QWidget) -> bool:
    """Whether the wheel would change it."""
    return isinstance(widget, _TURNED) and not isinstance(widget, QScrollBar)


def _edit_on_purpose(view: QAbstractItemView) -> None:
    trigger = QAbstractItemView.EditTrigger
    if view.editTriggers() != trigger.NoEditTriggers:
        view.setEditTriggers(trigger.DoubleClicked | trigger.EditKeyPressed)


def _is_stopped(view: QAbstractItemView, event: QEvent) -> bool:
    """Whether a key press ends here: Enter, which opens the editor, and text, which would choose another line."""
    if not _is_editable(view):
        return False
    if is_enter(event):
        index = view.currentIndex()
        editable = _editable(index)
        view.edit(index if index in editable else editable[0])
        return True
    return _is_text(event)


def _is_editable(view: QAbstractItemView) -> bool:
    """Whether Enter would open an editor in the current line."""
    if view.editTriggers() == QAbstractItemView.EditTrigger.NoEditTriggers or _is_edited(view):
        return False
    return bool(_editable(view.currentIndex()))


def _editable(index: QModelIndex) -> list[QModelIndex]:
    """The cells of its line that can be edited."""
    return [each for each in _line(index) if each.flags() & Qt.ItemFlag.ItemIsEditable]


def _line(index: QModelIndex) -> Iterator[QModelIndex]:
    """The cells of its line; a model of a plain list does not tell their number."""
    return takewhile(QModelIndex.isValid, (index.sibling(index.row(), column) for column in count()))


def _is_edited(view: QAbstractItemView) -> bool:
    """Whether an editor is open, which hands Enter on to the view."""
    viewport = view.viewport()
    lines = viewport.findChildren(QLineEdit) if viewport is not None else []
    return any(line.isVisible() for line in lines)


def _is_text(key_press: QEvent) -> bool:
    event = read_as(key_press, QKeyEvent)
    if event.modifiers() in _WITH_TEXT and event.text().strip() and event.text().isprintable():
        event.ignore()
        return True
    return False
