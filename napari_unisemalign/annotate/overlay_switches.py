"""The switches of the overlays and their layers say the same, whichever of them is used."""

from __future__ import annotations

from typing import Any

from napari_unisemalign.annotate.flicker import Flicker
from napari_unisemalign.annotate.review_contracts import OverlaysSurface
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.layer_values import OPACITY, OVERLAY_ROLES, ROLE_KEY, SHOWN_AT_FIRST


class OverlaySwitches:
    """Shown or not, how strongly, and which classes as outlines."""

    def __init__(self, context: Context, view: OverlaysSurface, flicker: Flicker) -> None:
        self._session, self._layers, self._view, self._flicker = context.session, context.layers, view, flicker
        view.visible_changed.connect(self.set_visible)
        view.opacity_changed.connect(self._set_opacity)
        view.outline_changed.connect(self._outline_all)
        view.class_outlined.connect(self._outline)
        context.session.classes_changed.connect(self._show_outlined)
        context.session.outlined_changed.connect(self._show_outlined)
        context.connections.listen(context.viewer.layers.events.inserted, self._on_layer)
        for role in OVERLAY_ROLES:
            view.set_overlay(role, SHOWN_AT_FIRST[role], OPACITY[role])

    def _outline_all(self, on: bool) -> None:
        self._session.set_outlined(frozenset(each.id for each in self._session.classes()) if on else frozenset())

    def _outline(self, class_id: int, on: bool) -> None:
        others = self._session.outlined - {class_id}
        self._session.set_outlined(others | {class_id} if on else others)

    def _show_outlined(self) -> None:
        classes = self._session.classes()
        self._layers.set_outlined(self._session.outlined)
        self._view.set_outlined(classes, self._session.outlined & {each.id for each in classes})

    def set_visible(self, role: str, visible: bool) -> None:
        """Show or hide an overlay, as its switch would."""
        layer = self._layers.get(role)
        if layer is not None:
            layer.visible = visible

    def _set_opacity(self, role: str, opacity: float) -> None:
        layer = self._layers.get(role)
        if layer is not None:
            layer.opacity = opacity

    def _on_layer(self, event: Any) -> None:
        """A layer of ours came: it is as the switch is, and from then on the switch is as the layer is."""
        layer = event.value
        role = layer.metadata.get(ROLE_KEY)
        if role in OVERLAY_ROLES:
            layer.visible = self._view.is_shown(role)
            layer.events.visible.connect(self._follow)
            layer.events.opacity.connect(self._follow)
            self._follow()

    def _follow(self, _event: Any = None) -> None:
        for role in OVERLAY_ROLES:
            layer = self._layers.get(role)
            if layer is not None:
                self._view.set_overlay(role, layer.visible, layer.opacity)
        self._flicker.follow()
