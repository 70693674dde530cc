"""Events of a process that come together are announced once."""

from __future__ import annotations

from collections.abc import Callable, Hashable


class Merged:
    """Announcements, of which several about one thing are made once at the end of a turn.

    A process may write more events than the window can redraw for. Each is taken in; what depends on them is told of
    the newest state only.
    """

    def __init__(self) -> None:
        self._holds = False
        self._waiting: dict[Hashable, Callable[[], object]] = {}

    def tell(self, what: Hashable, announce: Callable[[], object]) -> None:
        """Announce it now, or at the end of the turn in the place of an earlier announcement of the same thing."""
        if self._holds:
            self._waiting[what] = announce
        else:
            announce()

    def hold(self) -> None:
        """A turn begins."""
        self._holds = True

    def release(self) -> None:
        """The turn is over."""
        self._holds = False
        waiting, self._waiting = self._waiting, {}
        for announce in waiting.values():
            announce()

    def forget(self) -> None:
        """What waits is of no interest any more."""
        self._waiting.clear()
