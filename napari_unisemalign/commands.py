"""The actions as functions without arguments, which the manifest names: `commands:next_tile` for "next-tile".

Napari calls them from its menus and its command palette, with or without our panel docked; it is docked when needed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from napari.viewer import current_viewer

from napari_unisemalign.actions.catalogue import BY_ID, function_name


def run(action_id: str) -> None:
    """Do this in the window that is in front; nothing where there is none."""
    from napari_unisemalign.plugin import panel_in

    viewer = current_viewer()
    if viewer is not None:
        panel_in(viewer).perform(action_id)


_functions: dict[str, Callable[[], None]] = {function_name(each): partial(run, each) for each in BY_ID}


def __getattr__(name: str) -> Callable[[], None]:
    if name in _functions:
        return _functions[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
