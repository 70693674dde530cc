"""What the mouse does on the image: written there, and left with one key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.utils.action_manager import action_manager
from qtpy.QtWidgets import QApplication

from napari_unisemalign.actions.shortcuts import Shortcuts, shown
from napari_unisemalign.annotate.accept_plan import Deed
from napari_unisemalign.annotate.areas import AreaTools
from napari_unisemalign.annotate.flicker import Flicker
from napari_unisemalign.annotate.object_split import ObjectSplit
from napari_unisemalign.annotate.selection import ObjectSelection
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.layer_values import AREA, LABELS, ROLE_KEY
from napari_unisemalign.app.training_state import Training
from training_core.base.i18n import tr

PAN = "pan_zoom"
STAYING = ("paint", "erase", "polygon")
"""What is chosen for one correction serves the next; a click with the others changes a whole region."""


class ModesController:
    """Watches the layer that is active; a review begins with the hand that moves the image.

    A brush that was chosen with a prediction in sight stays when the review goes on to the next tile.
    """

    def __init__(
        self,
        context: Context,
        areas: AreaTools,
        selection: ObjectSelection,
        split: ObjectSplit,
        flicker: Flicker,
        is_going_on: Callable[[], bool],
    ) -> None:
        """is_going_on: whether a review goes on from one tile to the next at this moment."""
        self._layers, self._session, self._notes = context.layers, context.session, context.notes
        self._viewer, self._areas, self._flicker = context.viewer, areas, flicker
        self._selection, self._split = selection, split
        self._is_going_on, self._corrects = is_going_on, False
        """The second: the brush was chosen to correct a prediction."""
        self._trains = False
        layers, listen = context.viewer.layers, context.connections.listen
        listen(layers.events.inserted, self._on_layer)
        listen(layers.events.removed, self._refresh)
        listen(layers.selection.events.active, self._refresh)
        session = self._session
        session.project_changed.connect(self._begin_review)
        session.tile_changed.connect(self._on_tile)
        session.training_changed.connect(self._on_training)
        session.class_changed.connect(self._refresh)
        session.classes_changed.connect(self._refresh)
        listen(context.viewer.events.help, self._say_keys)
        for signal in (areas.changed, selection.changed, split.changed):
            signal.connect(self._refresh)
        flicker.changed.connect(self._refresh)

    def leave(self) -> None:
        """Back to moving the image, whatever the mouse did before; text that is typed is left first."""
        typed = QApplication.focusWidget()
        if typed is not None:
            typed.clearFocus()
        if self._areas.leave() or self._leave_objects():
            return
        self._flicker.show()
        for layer in (self._layers.labels, self._viewer.layers.selection.active):
            if layer is not None and str(layer.mode) != PAN:
                layer.mode = PAN
        self._refresh()

    @property
    def is_drawing(self) -> bool:
        """Whether Enter would close an outline."""
        layer = self._layers.labels
        polygon = layer is not None and str(layer.mode) == "polygon" and self._viewer.layers.selection.active is layer
        return polygon or self._areas.is_outlining or self._split.drawing

    def finish_drawing(self) -> bool:
        """Close the outline that is being drawn, as napari's own Enter does; False where none is."""
        if self._areas.finish_outline() or self._split.finish():
            return True
        if not self.is_drawing:
            return False
        action_manager.trigger("napari:complete_polygon")
        return True

    @property
    def words(self) -> str:
        """What is written on the image; empty where the mouse only moves it."""
        if self._areas.drawing:
            return tr("Outlining a region")
        if self._areas.pointing is not None:
            accepts = self._areas.pointing is Deed.ACCEPT
            return tr("A click accepts a region") if accepts else tr("A click rejects a region")
        if self._split.drawing:
            return tr("Drawing a line that splits objects")
        if self._selection.pointing:
            keys = Shortcuts().keys()[0]
            what = {"accept-object": tr("accept"), "reject-object": tr("reject"), "next-object": tr("next")}
            known = ", ".join(f"{shown(keys[each])} {words}" for each, words in what.items() if keys[each])
            return " · ".join(filter(None, (tr("A click selects an object"), known)))
        layer = self._layers.labels
        if layer is None or self._viewer.layers.selection.active is not layer:
            return ""
        names = {each.id: each.name for each in self._session.classes()}
        words = {
            "paint": tr("Painting {name}"),
            "fill": tr("Filling with {name}"),
            "polygon": tr("Outlining {name}"),
            "erase": tr("Erasing annotations"),
            "pick": tr("Picking a class"),
        }.get(str(layer.mode), "")
        return words.format(name=names.get(self._session.class_id or 0, "")) if words else ""

    def _leave_objects(self) -> bool:
        if self._split.drawing:
            self._split.draw(False)
        elif self._selection.pointing:
            self._selection.point(False)
        else:
            return False
        return True

    def _on_tile(self, name: str | None) -> None:
        """A tile to review is looked at first: a click must not paint a dot that nobody asked for."""
        layer = self._layers.labels
        stays = self._corrects and self._is_going_on()
        if layer is not None and not stays and self._has_prediction(name):
            layer.mode = PAN
        self._refresh()

    def _begin_review(self, _change: object = None) -> None:
        self._corrects = False

    def _on_training(self, training: Training) -> None:
        if self._trains and not training.active:
            self._begin_review()
        self._trains = training.active

    def _on_mode(self, event: Any) -> None:
        self._corrects = str(event.mode) in STAYING and self._has_prediction(self._session.tile)
        self._refresh()

    def _has_prediction(self, name: str | None) -> bool:
        return name is not None and self._session.overlays(name) is not None

    def _say_keys(self, _event: Any = None) -> None:
        """In the status bar, in the place of napari's own keys for a layer of ours: 1 is a class, not the eraser."""
        layer = self._viewer.layers.selection.active
        if layer is not None and ROLE_KEY in layer.metadata:
            key = Shortcuts().keys()[0]["show-keys"]
            words = tr("{key}: all keys").format(key=shown(key)) if key else ""
            if self._viewer.help != words:
                self._viewer.help = words

    def _on_layer(self, event: Any) -> None:
        role = event.value.metadata.get(ROLE_KEY)
        if role in (LABELS, AREA):
            event.value.events.mode.connect(self._on_mode if role == LABELS else self._refresh)
        self._refresh()

    def _refresh(self, _change: object = None) -> None:
        mode, hidden = self.words, self._flicker.is_hiding
        words = [*([mode] if mode else []), *([tr("Overlays are hidden")] if hidden else [])]
        self._notes.set("mode", tr("{mode}   (Esc: back)").format(mode=" · ".join(words)) if words else "")
