"""The trainer's maps over the tile on screen."""

from __future__ import annotations

from typing import Any

from napari_unisemalign import availability
from napari_unisemalign.controllers.context import Context
from napari_unisemalign.layers import OPACITY, OVERLAY_ROLES, ROLE_KEY, SHOWN_AT_FIRST
from napari_unisemalign.notify import guarded
from training_core.io import read_mask


class OverlaysController:
    """Loads overlays as they come, and keeps the switches and the layers the same."""

    def __init__(self, context: Context) -> None:
        self._session, self._layers, self.reporter = context.session, context.layers, context.reporter
        self._view = context.panel.overlays
        self._view.visible_changed.connect(self._set_visible)
        self._view.opacity_changed.connect(self._set_opacity)
        session = self._session
        session.tile_changed.connect(self._on_tile)
        session.overlays_changed.connect(self._on_overlays)
        session.project_changed.connect(self._on_tile)
        session.training_changed.connect(self._refresh_available)
        context.viewer.layers.events.inserted.connect(self._on_layer)
        for role in OVERLAY_ROLES:
            self._view.set_overlay(role, SHOWN_AT_FIRST[role], OPACITY[role])
        self._refresh_available()

    @guarded
    def load(self) -> None:
        """Show the overlays of the tile on screen, or nothing where there are none."""
        name = self._session.tile
        overlays = self._session.overlays(name) if name is not None else None
        self._refresh_available()
        if overlays is None:
            self._layers.clear_overlays()
            return
        self._layers.show_overlays(
            read_mask(overlays.prediction),
            read_mask(overlays.pseudo_label),
            read_mask(overlays.confidence),
            self._session.classes(),
        )

    def _on_tile(self, _change: object = None) -> None:
        self.load()

    def _on_overlays(self, name: str) -> None:
        if name == self._session.tile:
            self.load()

    def _refresh_available(self, _training: object = None) -> None:
        self._view.set_available(availability.why_no_overlays(self._session))

    def _set_visible(self, role: str, visible: bool) -> None:
        layer = self._layers.get(role)
        if layer is not None:
            layer.visible = visible

    def _set_opacity(self, role: str, opacity: float) -> None:
        layer = self._layers.get(role)
        if layer is not None:
            layer.opacity = opacity

    def _on_layer(self, event: Any) -> None:
        """A layer of ours came: follow what the user does to it in napari's own controls."""
        layer = event.value
        if layer.metadata.get(ROLE_KEY) in OVERLAY_ROLES:
            layer.events.visible.connect(self._follow)
            layer.events.opacity.connect(self._follow)
            self._follow()

    def _follow(self, _event: Any = None) -> None:
        for role in OVERLAY_ROLES:
            layer = self._layers.get(role)
            if layer is not None:
                self._view.set_overlay(role, layer.visible, layer.opacity)
