"""Layers that are not the project's: one that covers the tile, and one that is painted in, are noticed at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers import Image, Layer

from napari_unisemalign.app.context import Context
from napari_unisemalign.app.contracts import NoticeSurface
from napari_unisemalign.app.layer_values import ROLE_KEY, SAMPLE_KEY, TILE
from napari_unisemalign.widgets.notice import Way
from training_core.base.i18n import tr

_HARMLESS_MODES = ("pan_zoom", "transform", "select")


class ForeignLayersController:
    """Says what such a layer does to the work, and offers what to do about it."""

    def __init__(self, context: Context, view: NoticeSurface, doubt: Callable[[str], None]) -> None:
        """doubt: takes the sentence that stands in the place of the one that all strokes are saved."""
        self._viewer, self._session, self._ours = context.viewer, context.session, context.layers
        self._view, self._doubt, self._listen = view, doubt, context.connections.listen
        layers = context.viewer.layers
        self._listen(layers.events.inserted, self._on_layer)
        for emitter in (layers.events.removed, layers.events.reordered, layers.selection.events.active):
            self._listen(emitter, self._look)
        for layer in layers:
            self._follow(layer)
        context.session.tile_changed.connect(self._look)
        context.session.project_changed.connect(self._look)

    def _on_layer(self, event: Any) -> None:
        self._follow(event.value)
        self._look()

    def _follow(self, layer: Layer) -> None:
        if is_foreign(layer):
            for emitter in (layer.events.visible, layer.events.mode):
                self._listen(emitter, self._look)

    def _look(self, _event: object = None) -> None:
        if self._session.project is None or self._ours.get(TILE) is None:
            self._tell("", ())
            return
        active, covering = self._viewer.layers.selection.active, self._covering()
        if active is not None and is_foreign(active) and str(active.mode) not in _HARMLESS_MODES:
            words = tr("“{name}” does not belong to the project: what you paint or draw in it is not saved.")
            self._tell(words.format(name=active.name), [(tr("Back to the annotations"), self._go_back)], paints=True)
        elif covering is not None:
            words = tr("“{name}” does not belong to the project, and covers the tile.").format(name=covering.name)
            ways = [
                (tr("Hide it"), lambda: setattr(covering, "visible", False)),
                (tr("Move it below"), lambda: self._move_below(covering)),
            ]
            self._tell(words, ways)
        else:
            self._tell("", ())

    def _covering(self) -> Layer | None:
        """The uppermost image above the tile that is to be seen and not ours."""
        layers = list(self._viewer.layers)
        place = layers.index(self._ours.get(TILE))
        above = [each for each in layers[place + 1 :] if isinstance(each, Image) and is_foreign(each) and each.visible]
        return above[-1] if above else None

    def _go_back(self) -> None:
        active = self._viewer.layers.selection.active
        if active is not None and is_foreign(active):
            active.mode = "pan_zoom"
        self._ours.activate_labels("pan_zoom")

    def _move_below(self, layer: Layer) -> None:
        layers = self._viewer.layers
        layers.move(layers.index(layer), layers.index(self._ours.get(TILE)))
        self._ours.activate_labels()

    def _tell(self, words: str, ways: Any, *, paints: bool = False) -> None:
        offered: list[Way] = list(ways)
        self._view.show_notice(words, offered)
        self._doubt(words if paints else "")


def is_foreign(layer: Layer) -> bool:
    """Whether the layer is neither ours nor one that napari adds for our sample."""
    return ROLE_KEY not in layer.metadata and SAMPLE_KEY not in layer.metadata
