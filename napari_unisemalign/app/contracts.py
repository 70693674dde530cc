"""What a controller may expect of every view: signals that it can listen to; and of a notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from napari_unisemalign.widgets.notice import Way


class Told(Protocol):
    """A signal of a view, whichever binding of Qt made it."""

    def connect(self, slot: Callable[..., object]) -> object:
        """Call this whenever it is emitted."""


class NoticeSurface(Protocol):
    """Something that needs a decision."""

    def show_notice(self, words: str, ways: Sequence[Way] = ()) -> None:
        """Say this and offer these ways out; no words: there is nothing to say."""
