"""A line drawn through objects splits them: a cut of the class that lies between."""

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
from training_core.class_maps.object_edits import class_between, line_through
from training_core.project.classes import background_ids


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
        self._session, self._layers, self.reporter = context.session, context.layers, context.reporter
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
            layer = self._layers.start_cut()
            layer.events.data.connect(self._on_drawn)
            self._correction.say(tr("Click on both sides of the object, and double-click to end the line."))
        elif not on and self.drawing:
            self._layers.end_cut()
            self._correction.say("")
        self.changed.emit()

    def toggle(self) -> None:
        """Start drawing, or give it up: for a key."""
        self.draw(not self.drawing)

    def finish(self) -> bool:
        """End the line that is being drawn; False where none is."""
        if self.drawing:
            action_manager.trigger("napari:finish_drawing_shape")
        return self.drawing

    def _on_drawn(self, event: Any) -> None:
        layer = self._layers.get(CUT)
        if event.action is ActionType.ADDED and layer is not None and len(layer.data):
            vertices = np.array(layer.data[-1])
            QTimer.singleShot(0, lambda: self.split(vertices))  # napari is not done with the layer, which goes then

    @guarded
    def split(self, vertices: Any) -> None:
        """Cut what a line through (row, column) vertices (N, 2) parts: of the selected objects, or else of all."""
        self.draw(False)
        now, label = self._selection.refresh(), self._session.label.ids()
        if now is None or label is None:
            return
        line = line_through(vertices, now.numbers.shape)
        cuts = [
            (each, cut) for each in self._selection.chosen or now.objects.values() if (cut := _cut(now, each, line))
        ]
        if not cuts:
            self._correction.say(tr("Nothing is split: begin and end the line outside an object, right through it."))
            return
        background = sorted(background_ids(self._session.classes()))
        between_ids = set[int]()
        for each, (rows, columns) in cuts:
            area = now.numbers == each.number
            between = class_between(now.ids, area, background)
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


Cut = tuple[np.ndarray, np.ndarray]
"""Rows and columns of pixels."""


def _cut(now: ObjectMap, one: TileObject, line: np.ndarray) -> Cut | None:
    """The pixels of an object that part it; None where the line does not."""
    own = now.numbers[one.box] == one.number
    crossed = own & line[one.box]
    if not crossed.any() or ndimage.label(own & ~crossed)[1] < 2:
        return None
    rows, columns = np.nonzero(crossed)
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
