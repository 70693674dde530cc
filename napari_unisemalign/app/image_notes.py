"""Short texts in a corner of the image: that an overlay is a preview, or that a mode is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari import Viewer

FONT_SIZE = 12


class ImageNotes:
    """One line for each owner, in the order in which they came; nothing is shown while nobody has a line."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer, overlay = viewer, viewer.canvas.overlays.text
        self._before = (overlay.text, overlay.visible, overlay.position, overlay.font_size)
        self._lines: dict[str, str] = {}
        self._is_over = False

    def set(self, owner: str, line: str) -> None:
        """Show this line, in the place of the owner's last one; an empty one takes it away."""
        if self._is_over or self._lines.get(owner, "") == line:
            return
        self._lines[owner] = line
        overlay = self._viewer.canvas.overlays.text
        if self.text:  # napari must not draw an empty one
            overlay.position, overlay.font_size = "top_left", FONT_SIZE
            overlay.text = self.text
        overlay.visible = bool(self.text)

    def end(self, _window: object = None) -> None:
        """The window was deleted, and the canvas with it: nothing can be written any more."""
        self._is_over = True

    @property
    def text(self) -> str:
        """What is to be read on the image."""
        return "\n".join(filter(None, self._lines.values()))

    def close(self) -> None:
        """Leave the image as it was found."""
        self._lines.clear()
        overlay = self._viewer.canvas.overlays.text
        text, overlay.visible, overlay.position, overlay.font_size = self._before
        overlay.text = text
