"""One key takes the overlays off the image and puts them back."""

from __future__ import annotations

from psygnal import Signal

from napari_unisemalign.annotate.review_contracts import OverlaysSurface
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.layer_values import OVERLAY_ROLES


class Flicker:
    """Remembers which overlays it has hidden. Whoever shows one by hand ends it."""

    changed = Signal()
    """Overlays were hidden or put back."""

    def __init__(self, context: Context, view: OverlaysSurface) -> None:
        self._layers, self._view = context.layers, view
        self._hidden: tuple[str, ...] = ()
        self._busy = False
        self._view.flicker_clicked.connect(self.toggle)

    @property
    def is_hiding(self) -> bool:
        """Whether overlays are off the image for a moment."""
        return bool(self._hidden)

    def show(self) -> None:
        """Put the overlays back that were taken off."""
        if self._hidden:
            self.toggle()

    def toggle(self) -> None:
        """Hide the overlays that are to be seen, or show again those that were hidden so."""
        roles = self._hidden or tuple(role for role in OVERLAY_ROLES if self._is_visible(role))
        hide = not self._hidden
        self._busy = True
        for role in roles:
            layer = self._layers.get(role)
            if layer is not None:
                layer.visible = not hide
        self._busy = False
        self._hidden = roles if hide else ()
        self._view.set_flickered(bool(self._hidden))
        self.changed.emit()

    def follow(self) -> None:
        """A layer was shown or hidden by somebody else."""
        if self._hidden and not self._busy and any(self._is_visible(role) for role in OVERLAY_ROLES):
            self._hidden = ()
            self._view.set_flickered(False)
            self.changed.emit()

    def _is_visible(self, role: str) -> bool:
        layer = self._layers.get(role)
        return layer is not None and bool(layer.visible)
