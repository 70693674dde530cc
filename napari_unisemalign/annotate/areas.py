"""Ways to say which area is meant: an outline drawn on the image, or clicks on connected areas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers.base import ActionType
from napari.utils.action_manager import action_manager
from psygnal import Signal

from napari_unisemalign.annotate.accept_plan import Deed, Where
from napari_unisemalign.annotate.accept_preview import Wish
from napari_unisemalign.annotate.pointing import Pixel, Pointer
from napari_unisemalign.annotate.review_contracts import CorrectSurface
from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.layer_values import AREA, LABELS, ROLE_KEY
from napari_unisemalign.app.notify import guarded
from training_core.base.i18n import tr

_DONE = (ActionType.ADDED, ActionType.CHANGED, ActionType.REMOVED)
Do = Callable[[Deed, Where, Any], bool]


class AreaTools:
    """One of them is in use at a time, or none."""

    began = Signal()
    """One of them is to be used: what else uses the mouse on the image ends."""
    changed = Signal()
    """Another of them is in use, or none."""

    def __init__(
        self,
        context: Context,
        view: CorrectSurface,
        do: Do,
        show: Callable[[Wish | None], None],
        say: Callable[[str], None],
    ) -> None:
        """do: accept or reject. show: preview a wish; None: what is drawn, if anything is. say: put it into words."""
        self._layers, self._drawn, self.reporter = context.layers, context.drawn, context.reporter
        self._view = view
        self._do, self._show, self._say = do, show, say
        self._pointer = Pointer(context.viewer, context.layers.pixel_at, self._on_click, self._on_hover)
        self._outlining = False
        """An outline is begun and not closed."""
        self.pointing: Deed | None = None
        """What a click on the image does now."""
        self._view.draw_area_toggled.connect(self.draw)
        self._view.click_mode_toggled.connect(lambda on: self.point(Deed.ACCEPT if on else None))
        self._view.reject_click_mode_toggled.connect(lambda on: self.point(Deed.REJECT if on else None))
        context.connections.listen(context.viewer.layers.events.inserted, self._on_layer)

    @guarded
    def draw(self, on: bool) -> None:
        """Start drawing an outline, or give it up."""
        self._stop_pointing()
        if on:
            self.began.emit()
            layer = self._drawn.start_area()
            layer.events.data.connect(self._on_drawn)
            self._say(
                tr("Click around the region, double-click to close it (or use napari's lasso); then accept or reject.")
            )
        else:
            self._drawn.end_area()
            self._say("")
            self._show(None)

    @guarded
    def point(self, deed: Deed | None) -> None:
        """From now on a click on the image accepts or rejects the connected area there; None: no longer."""
        self._stop_pointing()
        self._say("")
        if deed is None:
            return
        self.began.emit()
        self._drawn.end_area()
        self._layers.activate_labels("pan_zoom")
        self.pointing = deed
        self._pointer.start()
        self.changed.emit()
        words = (
            tr("Click on the image: the connected region of the {source} there is accepted.")
            if deed is Deed.ACCEPT
            else tr("Click a region of the {source} that is wrong; a click on a rejected one clears it.")
        )
        self._say(words.format(source=availability.source_words(self._view.source)))

    def toggle_drawing(self) -> None:
        """Start drawing, or give it up: for a key."""
        self.draw(not self.drawing)

    def toggle_pointing(self, deed: Deed) -> None:
        """Start pointing at areas to accept or reject, or stop it: for a key."""
        self.point(None if self.pointing is deed else deed)

    @property
    def drawing(self) -> bool:
        """Whether an outline can be drawn now."""
        return self._layers.get(AREA) is not None

    @property
    def is_outlining(self) -> bool:
        """Whether an outline is begun and not closed."""
        return self.drawing and self._outlining

    def finish_outline(self) -> bool:
        """Close the outline that is being drawn; False where none is."""
        if not self.is_outlining:
            return False
        action_manager.trigger("napari:finish_drawing_shape")
        self._outlining = False
        return True

    def leave(self) -> bool:
        """Close the outline that is being drawn, else leave the way that is in use; False where none is."""
        if self.finish_outline():
            return True
        if self.drawing:
            self.draw(False)
        elif self.pointing is not None:
            self.point(None)
        else:
            return False
        return True

    def _stop_pointing(self) -> None:
        self.pointing = None
        self._pointer.stop()
        self._show(None)
        self.changed.emit()

    @guarded
    def _on_click(self, point: Pixel) -> None:
        if self.pointing is not None:
            self._do(self.pointing, point, "component")

    def _on_hover(self, point: Pixel) -> None:
        if self.pointing is not None:
            self._show((self.pointing, point))

    def _on_drawn(self, event: Any) -> None:
        self._outlining = event.action not in _DONE
        if self._outlining:
            return  # the next corner is still to come
        self._say(tr("Accept or reject what lies inside the outline; you can still draw another one."))
        self._show(None)

    def _on_mode(self, event: Any) -> None:
        """A brush was taken up: from now on clicks paint."""
        if self.pointing is not None and event.mode != "pan_zoom":
            self._stop_pointing()
            self._say("")

    def _on_layer(self, event: Any) -> None:
        if event.value.metadata.get(ROLE_KEY) == LABELS:
            event.value.events.mode.connect(self._on_mode)
