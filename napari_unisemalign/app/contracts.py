"""What a controller may expect of every view: signals that it can listen to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Told(Protocol):
    """A signal of a view, whichever binding of Qt made it."""

    def connect(self, slot: Callable[..., object]) -> object:
        """Call this whenever it is emitted."""
