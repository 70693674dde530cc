"""Clicks on the image that mean an area, while the mouse shows which; drags move the camera as always."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari import Viewer

CLICK_TOLERANCE_PX = 4
Pixel = tuple[int, int]


class Pointer:
    """Listens to the canvas between `start` and `stop`. Points are (row, column) of the tile."""

    def __init__(
        self,
        viewer: Viewer,
        pixel_at: Callable[[Sequence[float]], Pixel],
        clicked: Callable[[Pixel], None],
        moved: Callable[[Pixel], None],
    ) -> None:
        """pixel_at: the pixel of the tile at a place of napari's world, which may be in µm."""
        self._viewer, self._pixel_at, self._clicked, self._moved = viewer, pixel_at, clicked, moved
        self.active = False
        self.adds = False
        """Shift was held at the last click."""

    def start(self) -> None:
        """Listen from now on."""
        if not self.active:
            self.active = True
            self._viewer.mouse_drag_callbacks.append(self._on_drag)
            self._viewer.mouse_move_callbacks.append(self._on_move)

    def stop(self) -> None:
        """Leave the canvas alone."""
        if self.active:
            self.active = False
            self._viewer.mouse_drag_callbacks.remove(self._on_drag)
            self._viewer.mouse_move_callbacks.remove(self._on_move)

    def _on_drag(self, _viewer: Any, event: Any) -> Generator[None, None, None]:
        """A press and release in one place is a click; anything else moves the camera."""
        pressed, position = np.asarray(event.pos), event.position
        yield
        while event.type == "mouse_move":
            yield
        if np.abs(np.asarray(event.pos) - pressed).max() <= CLICK_TOLERANCE_PX:
            self.adds = "Shift" in event.modifiers
            self._clicked(self._pixel_at(position))

    def _on_move(self, _viewer: Any, event: Any) -> None:
        self._moved(self._pixel_at(event.position))
