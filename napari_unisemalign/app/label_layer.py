"""The layer that is painted on: it shows the label model, and is the one door by which strokes come into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_unisemalign.app.label_model import LabelModel, Patch
from napari_unisemalign.app.layer_values import U8, fill, to_label, to_layer


class LabelLayer:
    """Between a layer and the model: what is painted becomes a patch, and every other change is drawn.

    napari paints into the array of its layer and tells afterwards, of a fill before; while a stroke lasts, its pixels
    are on the layer alone, unless somebody needs them: see `settle`.
    """

    def __init__(self, find: Callable[[], Labels | None], model: LabelModel) -> None:
        """find: gives the layer, or None where there is none."""
        self._find, self._model = find, model
        self._has_history = False
        """napari can undo something on the layer."""
        self._is_drawing = False
        """The layer changes because the model has."""
        self._is_painting = False
        """A stroke has begun and is not done."""
        self._is_announced = False
        """napari has told of a change that it has not made yet."""
        self.is_read_only = False
        model.changed.connect(self._on_changed)

    def follow(self, layer: Labels) -> None:
        """Listen to a layer that is new."""
        layer.events.paint.connect(self._on_paint)
        layer.events.labels_update.connect(self._on_update)
        layer.events.set_data.connect(self._on_data)

    def show(self, ids: U8) -> None:
        """Show another label, (H, W); napari's own undo does not know of it."""
        self._model.show(ids)
        layer = self._find()
        self._is_painting = self._is_announced = False
        if layer is not None:
            with self._drawing():
                fill(layer, to_layer(ids))
                self._forget_history(layer)

    def settle(self) -> bool:
        """Bring what is on the layer, and not in the model yet, into it; whether there was something.

        Raises
        ------
        MemoryError: it stays on the layer, to be brought later.
        """
        layer = self._find()
        patch = None if layer is None else self._model.difference(to_label(np.asarray(layer.data)))
        if patch is None:
            return False
        with self._drawing():  # it is on the layer already
            self._model.apply(patch)
        return True

    def set_read_only(self, value: bool) -> None:
        """Let nobody paint, or let everybody paint again; holds for layers to come."""
        layer = self._find()
        if layer is not None and (value or self.is_read_only):
            layer.editable = not value
        self.is_read_only = value

    def _on_paint(self, _event: Any = None) -> None:
        """A stroke is done, or a fill is about to be."""
        self._has_history, self._is_painting = True, False
        self._is_announced = not self._enter()
        self._model.end_stroke()

    def _on_update(self, _event: Any = None) -> None:
        if self._is_drawing:
            return
        if self._is_announced:
            self._is_announced = False
            if self._enter():
                self._model.end_stroke()
        else:
            self._is_painting = True
            self._model.touch()

    def _on_data(self, _event: Any = None) -> None:
        """napari draws all of the layer anew: a script or another plugin may have written into it."""
        if not self._is_drawing and not self._is_painting and self._enter():
            self._model.end_stroke()

    def _enter(self) -> bool:
        """As `settle`; what memory does not suffice for is tried again by whoever saves."""
        try:
            return self.settle()
        except MemoryError:
            self._model.touch()
            return False

    def _on_changed(self, patch: Patch) -> None:
        """Draw what the model has changed; what is painted elsewhere meanwhile stays on the layer."""
        layer = self._find()
        if self._is_drawing or layer is None or layer.data.shape != self._model.shape:
            return
        with self._drawing():
            where = patch.where
            layer.data[patch.box][where] = to_layer(patch.after)[where]
            layer.refresh(extent=False, highlight=False)
            self._forget_history(layer)

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        before, self._is_drawing = self._is_drawing, True
        try:
            yield
        finally:
            self._is_drawing = before

    def _forget_history(self, layer: Labels) -> None:
        """Drop the undo steps: napari keeps them with new data, and undoing would paint the former tile's pixels."""
        if self._has_history:
            mode = layer.mode
            with layer.events.blocker_all():  # all is as before in the end, and each change would redraw the controls
                layer.editable = False  # the public way to drop them; a plugin may not call `_reset_history`
                layer.editable = not self.is_read_only
                layer.mode = mode
            self._has_history = False
