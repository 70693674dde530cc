"""The actions' keys wherever the focus is in the window, unless text is typed there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QKeySequenceEdit,
    QLineEdit,
    QPlainTextEdit,
    QShortcut,
    QTableView,
    QTextEdit,
    QWidget,
)

from napari_unisemalign.actions.napari_keys import menu_keys
from napari_unisemalign.actions.shortcuts import sequence

_TYPED_IN = (QAbstractSpinBox, QKeySequenceEdit, QLineEdit, QPlainTextEdit, QTextEdit)
_NEVER_TEXT = {"Esc", *(f"F{number}" for number in range(1, 36))}
"""Keys that write nothing anywhere."""
_ENTER = {"Return", "Enter"}
_TAKES_ENTER = (QAbstractSlider, QComboBox, QTableView)
"""What Enter unfolds or edits itself. A button that Tab came to takes it by itself (`Deliberate`); one that was clicked
has had its turn."""


class WindowKeys(QObject):
    """Qt's shortcuts of the main window: they come before what a list, a drop-down or napari's canvas does."""

    def __init__(self, owner: QWidget, perform: Callable[[str], object], *, repeats: bool = False) -> None:
        """perform: does the action of this id, or says why it is not possible now. repeats: while a key is held."""
        super().__init__(owner)
        self._owner, self._perform, self._repeats = owner, perform, repeats
        self._keys: Mapping[str, str] = {}
        self._shortcuts: list[QShortcut] = []
        QApplication.instance().focusChanged.connect(self._on_focus)

    @property
    def window(self) -> QWidget | None:
        """The main window; None while the owner is in none."""
        top = self._owner.window()
        while top.parentWidget() is not None:  # a dock that floats is a window of its own
            top = top.parentWidget().window()
        return None if top is self._owner else top

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """The key of each action by its id, in napari's notation; empty for none."""
        self._keys = keys
        self.bind()

    def bind(self) -> None:
        """Listen in the window that the owner is in now."""
        self.clear()
        window = self.window
        if window is None:
            return
        for action_id, key in self._keys.items():
            for each in _sequences(key):
                shortcut = QShortcut(each, window)
                shortcut.setAutoRepeat(self._repeats)
                shortcut.activated.connect(lambda action_id=action_id: self._perform(action_id))
                self._shortcuts.append(shortcut)
        self._on_focus(None, QApplication.focusWidget())

    def menu_keys(self) -> dict[str, str]:
        """The keys that the window's menus have, with what they do; none while the owner is in no window."""
        window = self.window
        return {} if window is None else menu_keys(window)

    def clear(self) -> None:
        """Listen to nothing."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts = []

    def close(self) -> None:
        """Listen to nothing for good."""
        self.clear()
        QApplication.instance().focusChanged.disconnect(self._on_focus)

    def _on_focus(self, _former: QWidget | None, now: QWidget | None) -> None:
        typed = now is not None and is_typed_in(now)
        for shortcut in self._shortcuts:
            key = shortcut.key().toString()
            is_taken = key in _ENTER and isinstance(now, _TAKES_ENTER)
            shortcut.setEnabled((not typed or key in _NEVER_TEXT) and not is_taken)


def _sequences(key: str) -> list[QKeySequence]:
    """Of a key in napari's notation; Enter is two keys, of which one is among the numbers."""
    if not key:
        return []
    asked = sequence(key)
    return [asked, QKeySequence(Qt.Key.Key_Enter)] if asked == QKeySequence(Qt.Key.Key_Return) else [asked]


def is_typed_in(widget: QWidget) -> bool:
    """Whether keys that come to this widget are text."""
    return isinstance(widget, _TYPED_IN) or (isinstance(widget, QComboBox) and widget.isEditable())
