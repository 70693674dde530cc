"""What the controller of the keys needs of its sheet and of the window, and all that it may touch: no widget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from napari_unisemalign.actions.keys_view import KeyRow
from napari_unisemalign.app.contracts import Told


class KeysSheetSurface(Protocol):
    """The sheet that lists the keys, and asks for others."""

    @property
    def key_wanted(self) -> Told:
        """With the id of an action, and the key that it is to have; an empty one for none."""

    @property
    def reset_wanted(self) -> Told:
        """All actions are to have their first keys."""

    @property
    def destroyed(self) -> Told:
        """The sheet is gone."""

    def set_rows(self, rows: Sequence[KeyRow]) -> None:
        """Show these lines; the chosen one stays chosen."""

    def say(self, text: str) -> None:
        """A sentence under the list."""

    def present(self) -> None:
        """Bring the sheet into sight."""

    def close(self) -> object:
        """Take it away."""


class WindowKeysSurface(Protocol):
    """The keys that the window listens to."""

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """The key of each action by its id; empty for none."""

    def bind(self) -> None:
        """Listen in the window that the panel is in now."""

    def menu_keys(self) -> dict[str, str]:
        """The keys that the window's menus have, with what they do; none while there is no window."""

    def close(self) -> None:
        """Listen to nothing for good."""
