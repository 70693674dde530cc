"""napari's own keys: those of its menus, which ours must not share, and those of its canvas, which ours replace.

Of two shortcuts with one key Qt runs neither, so that a key that a menu has would be dead.
"""

from __future__ import annotations

from collections.abc import Iterator

from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QMainWindow, QMenu, QMenuBar, QWidget

from napari_unisemalign.actions.shortcuts import canonical

REPLACED = {
    **dict.fromkeys("1234567", "napari's modes of a layer; 1 to 9 paint with a class"),
    "Ctrl+Z": "napari's undo knows one tile and one layer only",
    "Ctrl+Shift+Z": "the same of redo",
    "Enter": "finishes a shape or a polygon: ours does that first, and accepts only where nothing is being drawn",
    "Escape": "finishes a shape or a polygon: ours does that first, and then leaves the mode",
    "Y": "turns a plane in 3D, of which there is none here",
    "Alt+T": "napari's performance trace, which is there for programmers only",
}
"""Keys of napari's canvas that ours knowingly replace while the panel is open, and why."""


def menu_keys(window: QWidget) -> dict[str, str]:
    """The keys of the main window's menus, mnemonics included: in our notation, with what they do."""
    found: dict[str, str] = {}
    bar = window.menuBar() if isinstance(window, QMainWindow) else None
    if bar is None:
        return found
    for action in bar.actions():
        mnemonic = QKeySequence.mnemonic(action.text()).toString()
        if mnemonic:
            found[canonical(mnemonic)] = action.text().replace("&", "")
    for key, title in _menu_shortcuts(bar):
        found[canonical(key)] = title
    return found


def canvas_keys() -> dict[str, str]:
    """The keys of napari's canvas as its preferences have them: in our notation, with what they do."""
    found: dict[str, str] = {}
    for name, keys in get_settings().shortcuts.shortcuts.items():
        action = action_manager._actions.get(name)
        for key in keys:
            found[canonical(str(key))] = action.description if action is not None else name
    return found


def _menu_shortcuts(menu: QMenuBar | QMenu) -> Iterator[tuple[str, str]]:
    for action in menu.actions():
        for each in action.shortcuts():
            yield each.toString(), action.text().replace("&", "")
        inner = action.menu()
        if inner is not None:
            yield from _menu_shortcuts(inner)
