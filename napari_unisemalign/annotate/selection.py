"""Which objects of the tile on screen are selected: a click chooses one, Shift and a click add or leave out one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from psygnal import Signal

from napari_unisemalign.annotate.accept import CorrectionController
from napari_unisemalign.annotate.marks import MarksLayer
from napari_unisemalign.annotate.object_contracts import ObjectsSurface
from napari_unisemalign.annotate.object_map import ObjectMap, TileObject, in_words, object_map, outline
from napari_unisemalign.annotate.pointing import Pixel, Pointer
from napari_unisemalign.app import availability
from napari_unisemalign.app.background import run_while_painting
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.layer_values import CUT, LABELS, ROLE_KEY
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.widgets import colors
from training_core.base.i18n import tr
from training_core.export.object_numbers import known_objects
from training_core.project.classes import object_class_ids
from training_core.project.file_records import NumberedObjects
from training_core.project.objects import KnownObjects

SELECTION = "selection"
_LINE_PX = 2
_OUTER, _INNER = 1, 2
_COLORS = {
    None: colors.TRANSPARENT,
    0: colors.TRANSPARENT,
    _OUTER: colors.SELECTED,
    _INNER: colors.SELECTED_EDGE,
}
NO_SELECTION = tr("Select an object first: press Select and click it, or press Next object.")


class ObjectSelection:
    """Remembers objects by a pixel of each, so that a change of their shape does not lose them."""

    changed = Signal()
    """Other objects are selected, or a click selects from now on, or no longer."""

    def __init__(self, context: Context, view: ObjectsSurface, correction: CorrectionController) -> None:
        self._session, self._layers, self._notes = context.session, context.layers, context.notes
        self.reporter, self._view, self._correction = context.reporter, view, correction
        self._pointer = Pointer(context.viewer, context.layers.pixel_at, self._on_click, lambda _point: None)
        self._marks = MarksLayer(context.viewer, SELECTION, tr("Selected objects"), _COLORS)
        self._places: tuple[Pixel, ...] = ()
        self._known: tuple[NumberedObjects | None, KnownObjects | None] = (None, None)
        """What the project says of the numbered objects of the tile on screen, and these, which are read once."""
        self.map: ObjectMap | None = None
        """The objects of the tile on screen, as they were looked at last."""
        self.chosen: tuple[TileObject, ...] = ()
        view.select_toggled.connect(self.point)
        session = self._session
        for signal in (session.tile_changed, session.classes_changed):
            signal.connect(self._on_tile)
        for signal in (session.overlays_changed, session.label.changed):
            signal.connect(self._on_change)
        correction.areas.began.connect(lambda: self.point(False))
        context.connections.listen(context.viewer.layers.events.inserted, self._on_layer)
        for signal in (session.project_changed, session.training_changed, session.states_changed):
            signal.connect(self.tell)
        self.tell()

    @property
    def pointing(self) -> bool:
        """Whether a click on the image selects."""
        return self._pointer.active

    @guarded
    def point(self, on: bool) -> None:
        """From now on a click on the image selects, or no longer."""
        if on and not self.pointing:
            while self._correction.areas.leave():
                pass
            self._layers.activate_labels("pan_zoom")
            self._pointer.start()
        elif not on:
            self._pointer.stop()
            self._places = ()
            self._resolve()
        self.tell()

    def toggle(self) -> None:
        """The other of the two: for a key."""
        self.point(not self.pointing)

    @guarded
    def select(self, places: Sequence[Pixel]) -> None:
        """Select the objects at these (row, column) pixels, and no other."""
        self._places = tuple(places)
        self.refresh()

    def refresh(self) -> ObjectMap | None:
        """Look at the objects of the tile as it is now; None: no tile is on the screen.

        Raises
        ------
        UserError: a file of the project or of the run is damaged.
        """
        self._layers.settle()
        name, classes = self._session.tile, object_class_ids(self._session.classes())
        tile = self._correction.scene()
        if tile is None or name is None:
            self.map = None
        else:
            known = self.known_objects(name)
            self.map = run_while_painting(lambda: object_map(tile, classes, known))
        self._resolve()
        return self.map

    def known_objects(self, name: str) -> KnownObjects | None:
        """The objects of a tile that came numbered with its mask; None: they are not numbered."""
        project = self._session.project
        assert project is not None
        record = project.objects(name)
        if record != self._known[0]:
            self._known = record, run_while_painting(lambda: known_objects(project, name))
        return self._known[1]

    def why_none(self) -> str:
        """Why nothing can be done to selected objects; empty when it can."""
        return availability.why_not_change(self._session) or ("" if self.chosen else NO_SELECTION)

    def tell(self, _change: object = None) -> None:
        """Show what is selected, on the panel and on the image."""
        words = in_words(self.chosen, self._session.classes(), self._layers.mpp_um)
        self._view.set_words(words)
        self._notes.set("object", words)
        self.changed.emit()

    def _resolve(self) -> None:
        """Find what is selected among the objects as they are now."""
        found = {} if self.map is None else {each.number: each for each in map(self.map.at, self._places) if each}
        self.chosen = tuple(found.values())
        self._places = tuple(each.place for each in self.chosen)
        self._draw()
        self.tell()

    def _draw(self) -> None:
        if self.map is None or not self.chosen:
            self._marks.clear()
            return
        picture = np.zeros(self.map.ids.shape, np.uint8)
        for each in self.chosen:
            mask = self.map.mask([each])
            picture[outline(mask, 2 * _LINE_PX)] = _INNER
            picture[outline(mask, _LINE_PX)] = _OUTER
        self._marks.show(picture)

    @guarded
    def _on_click(self, point: Pixel) -> None:
        if self._layers.get(CUT) is not None:
            return  # the click is a corner of a line
        self.refresh()
        found = None if self.map is None else self.map.at(point)
        if found is None:
            self._correction.say(tr("There is no object here, or it is rejected."))
            self.select(self._places if self._pointer.adds else ())
            return
        self._correction.say("")
        others = [each.place for each in self.chosen if each.number != found.number]
        if not self._pointer.adds:
            others = []
        is_left_out = self._pointer.adds and len(others) < len(self.chosen)
        self.select(others if is_left_out else [*others, point])

    def _on_tile(self, _change: object = None) -> None:
        self._places, self.map = (), None
        self._resolve()

    @guarded
    def _on_change(self, _change: object = None) -> None:
        if self._places:
            self.refresh()

    def _on_layer(self, event: Any) -> None:
        if event.value.metadata.get(ROLE_KEY) == LABELS:
            event.value.events.mode.connect(self._on_mode)

    def _on_mode(self, event: Any) -> None:
        """A brush was taken up: from now on clicks paint."""
        if self.pointing and event.mode != "pan_zoom":
            self.point(False)
