"""A line drawn through objects splits them, or each is split at its waist: a cut of the class that lies between."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers.base import ActionType
from napari.utils.action_manager import action_manager
from psygnal import Signal
from qtpy.QtCore import QTimer
from scipy import ndimage

from napari_unisemalign.annotate.accept import CorrectionController
from napari_unisemalign.annotate.object_contracts import ObjectsSurface
from napari_unisemalign.annotate.object_edits import ObjectEdits
from napari_unisemalign.annotate.object_map import ObjectMap, TileObject, area_in_words
from napari_unisemalign.annotate.selection import ObjectSelection
from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.layer_values import CUT, ROLE_KEY
from napari_unisemalign.app.notify import guarded
from training_core.base.i18n import ntr, tr
from training_core.class_maps.object_edits import class_between, line_at_waist, line_through
from training_core.project.classes import background_ids

Cut = tuple[np.ndarray, np.ndarray]
"""Rows and columns of pixels."""


class ObjectSplit:
    """The line is drawn on a layer of its own, which is there as long as that goes on."""

    changed = Signal()
    """A line is to be drawn, or no longer."""

    def __init__(
        self,
        context: Context,
        view: ObjectsSurface,
        selection: ObjectSelection,
        edits: ObjectEdits,
        correction: CorrectionController,
    ) -> None:
        self._session, self._layers, self._drawn = context.session, context.layers, context.drawn
        self.reporter = context.reporter
        self._selection, self._edits, self._correction = selection, edits, correction
        view.split_toggled.connect(self.draw)
        context.session.tile_changed.connect(lambda _name: self.draw(False))
        correction.areas.began.connect(lambda: self.draw(False))
        context.connections.listen(context.viewer.layers.events.removed, self._on_removed)

    def _on_removed(self, event: Any) -> None:
        """The line may be removed in napari's list of layers; when the window goes, all are, after its views."""
        if event.value.metadata.get(ROLE_KEY) == CUT:
            self.changed.emit()

    @property
    def drawing(self) -> bool:
        """Whether a line can be drawn now."""
        return self._layers.get(CUT) is not None

    def why_not(self) -> str:
        """Why nothing can be split; empty when it can."""
        session = self._session
        return availability.why_not_select_object(session) or availability.why_not_change(session)

    @guarded
    def draw(self, on: bool) -> None:
        """Start drawing a line, or give it up."""
        if on and not self.drawing:
            while self._correction.areas.leave():
                pass
            layer = self._drawn.start_cut()
            layer.events.data.connect(self._on_drawn)
            self._correction.say(
                tr("Click on both sides of the object, and double-click to end the line. Enter splits at the waist.")
            )
        elif not on and self.drawing:
            self._drawn.end_cut()
            self._correction.say("")
        self.changed.emit()

    def toggle(self) -> None:
        """Start drawing, or give it up: for a key."""
        self.draw(not self.drawing)

    def finish(self) -> bool:
        """End the line that is being drawn, or split without one where none is begun; False where none can be drawn."""
        layer = self._layers.get(CUT)
        if layer is None:
            return False
        if len(layer.data):
            action_manager.trigger("napari:finish_drawing_shape")
        else:
            self.split_at_waist()
        return True

    def _on_drawn(self, event: Any) -> None:
        layer = self._layers.get(CUT)
        if event.action is ActionType.ADDED and layer is not None and len(layer.data):
            vertices = np.array(layer.data[-1])
            QTimer.singleShot(0, lambda: self.split(vertices))  # napari is not done with the layer, which goes then

    @guarded
    def split(self, vertices: Any) -> None:
        """Cut what a line through (row, column) vertices (N, 2) parts: of the selected objects, or else of all."""
        self.draw(False)
        now = self._selection.refresh()
        if now is None:
            return
        line = line_through(vertices, now.numbers.shape)
        crossed = [(each, _crossed(now, each, line)) for each in self._selection.chosen or now.objects.values()]
        nothing = tr("Nothing is split: begin and end the line outside an object, right through it.")
        self._cut_along(now, [(each, cut) for each, cut in crossed if cut is not None], nothing)

    @guarded
    def split_at_waist(self) -> None:
        """Cut each selected object where it is narrowest between two thicker parts."""
        self.draw(False)
        now = self._selection.refresh()
        reason = self._selection.why_none()
        if now is None or reason:
            self._correction.say(reason)
            return
        at_waist = [(each, _at_waist(now, each)) for each in self._selection.chosen]
        nothing = tr("Nothing is split: there is no waist. Draw a line through it instead.")
        self._cut_along(now, [(each, cut) for each, cut in at_waist if cut is not None], nothing)

    def _cut_along(self, now: ObjectMap, cuts: list[tuple[TileObject, Cut]], nothing: str) -> None:
        """Make the cuts annotations of what lies between. nothing: what is said where there is no cut."""
        label = self._session.label.ids()
        if label is None:
            return
        if not cuts:
            self._correction.say(nothing)
            return
        background = sorted(background_ids(self._session.classes()))
        between_ids = set[int]()
        for each, (rows, columns) in cuts:
            between = class_between(now.ids, now.numbers == each.number, background)
            if between is None:
                self._correction.say(tr("Nothing is split: there is no other class beside the object for the cut."))
                return
            label[rows, columns] = between
            between_ids.add(between)
        pieces = _pieces(now, cuts)
        self._edits.write(label, tr("a split of objects"))
        if self._selection.pointing:
            self._selection.select([place for place, _area in pieces])
        self._correction.say(self._in_words(len(cuts), [area for _place, area in pieces], between_ids))

    def _in_words(self, count: int, areas_px: list[int], between: set[int]) -> str:
        areas = ", ".join(area_in_words(each, self._layers.mpp_um) for each in areas_px)
        cut = ", ".join(each.name for each in self._session.classes() if each.id in between)
        words = ntr(
            "Split {count} object into {pieces}: {areas}. The cut is {name}.",
            "Split {count} objects into {pieces}: {areas}. The cut is {name}.",
            count,
        )
        return words.format(count=count, pieces=len(areas_px), areas=areas, name=cut)


def _crossed(now: ObjectMap, one: TileObject, line: np.ndarray) -> Cut | None:
    """The pixels of an object that a line parts it by; None where it does not."""
    own = now.numbers[one.box] == one.number
    crossed = own & line[one.box]
    return _in_image(one, crossed) if ndimage.label(own & ~crossed)[1] > 1 else None


def _at_waist(now: ObjectMap, one: TileObject) -> Cut | None:
    line = line_at_waist(now.numbers[one.box] == one.number)
    return None if line is None else _in_image(one, line)


def _in_image(one: TileObject, mask: np.ndarray) -> Cut:
    rows, columns = np.nonzero(mask)
    return rows + one.box[0].start, columns + one.box[1].start


def _pieces(now: ObjectMap, cuts: list[tuple[TileObject, Cut]]) -> list[tuple[tuple[int, int], int]]:
    """A pixel of each piece, and how many there are."""
    pieces = list[tuple[tuple[int, int], int]]()
    for one, (rows, columns) in cuts:
        own = now.numbers == one.number
        own[rows, columns] = False
        numbers, count = ndimage.label(own)
        for piece in range(1, count + 1):
            pixels = np.argwhere(numbers == piece)
            pieces.append(((int(pixels[0][0]), int(pixels[0][1])), len(pixels)))
    return pieces
