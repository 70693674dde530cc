"""Keeps the brush of the panel and napari's own controls in step: its size, and the eraser."""

from __future__ import annotations

from typing import Any

from napari_unisemalign.actions.shortcuts import Shortcuts, shown
from napari_unisemalign.annotate.contracts import ChipsSurface, PaintingSurface
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.layer_values import LABELS, ROLE_KEY
from training_core.base.i18n import tr


class BrushController:
    """Between the painting bar and the labels layer."""

    def __init__(self, context: Context, view: PaintingSurface, chips: ChipsSurface) -> None:
        self._layers, self._view, self._chips = context.layers, view, chips
        self._shortcuts = Shortcuts()
        self._shortcuts.on_change(self._refresh_key)
        self._view.brush_changed.connect(self._set_size)
        for erasers in (view, chips):
            erasers.erase_clicked.connect(self._toggle_eraser)
        context.connections.listen(context.viewer.layers.events.inserted, self._on_layer)
        context.connections.listen(context.viewer.layers.events.removed, self._follow)
        self._refresh_key()
        self._follow()

    def close(self) -> None:
        """Hear no more of changed keys."""
        self._shortcuts.forget()

    def _set_size(self, size_px: int) -> None:
        layer = self._layers.labels
        if layer is not None:
            layer.brush_size = size_px

    def _toggle_eraser(self, on: bool) -> None:
        self._layers.activate_labels("erase" if on else "paint")
        self._follow()

    def _on_layer(self, event: Any) -> None:
        layer = event.value
        if layer.metadata.get(ROLE_KEY) == LABELS:
            layer.events.brush_size.connect(self._follow)
            layer.events.mode.connect(self._follow)
            layer.events.scale.connect(self._follow)
            self._follow()

    def _follow(self, _event: Any = None) -> None:
        layer = self._layers.labels
        if layer is None:
            self._view.set_brush(None, False)
        else:
            self._view.set_brush(round(layer.brush_size), layer.mode == "erase", self._layers.mpp_um)
        self._chips.set_erasing(layer is not None and layer.mode == "erase")

    def _refresh_key(self) -> None:
        keys, _problems = self._shortcuts.keys()
        key = shown(keys["erase"]) if keys["erase"] else ""
        self._view.set_erase_key(key, tr("Erase to unannotated, which is not the same as background"))
        self._chips.set_erase_key(key)
