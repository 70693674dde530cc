"""What is drawn on the tile: the region to accept or reject, and a line that splits objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Shapes

from napari_unisemalign.app.layer_values import AREA, CUT, NAMES, ROLE_KEY, TILE, Mask
from napari_unisemalign.app.layers import TileLayers
from napari_unisemalign.widgets.colors import ACCEPTING, ACCEPTING_FACE

if TYPE_CHECKING:
    from napari import Viewer


class DrawnShapes:
    """Layers of shapes, which are there as long as something is drawn, and take napari's own tools."""

    def __init__(self, viewer: Viewer, layers: TileLayers) -> None:
        self._viewer, self._layers = viewer, layers

    def start_area(self) -> Shapes:
        """An empty shapes layer on top, active and ready to draw a polygon."""
        return self._start_shapes(AREA, "add_polygon")

    def start_cut(self) -> Shapes:
        """The same, ready to draw a line."""
        return self._start_shapes(CUT, "add_polyline")

    def _start_shapes(self, role: str, mode: str) -> Shapes:
        layer = self._layers.get(role)
        if not isinstance(layer, Shapes):
            layer = Shapes(
                ndim=2, name=NAMES[role], edge_color=ACCEPTING, face_color=ACCEPTING_FACE, edge_width=2,
                metadata={ROLE_KEY: role},
            )  # fmt: skip
            self._layers.add(layer)
        self._viewer.layers.selection.active = layer
        layer.mode = mode
        return layer

    def has_area(self) -> bool:
        """Whether something is drawn."""
        layer = self._layers.get(AREA)
        return isinstance(layer, Shapes) and bool(layer.nshapes)

    def area_mask(self) -> Mask | None:
        """The pixels inside the drawn shapes, (H, W); None when nothing is drawn."""
        layer, tile = self._layers.get(AREA), self._layers.get(TILE)
        if not isinstance(layer, Shapes) or tile is None or not len(layer.data):
            return None
        return np.asarray(layer.to_labels(labels_shape=tile.data.shape[:2])) > 0

    def end_area(self) -> None:
        """Take the shapes layer away and go back to the labels."""
        self._end_shapes(AREA)

    def end_cut(self) -> None:
        """Take the line away and go back to the labels."""
        self._end_shapes(CUT)

    def _end_shapes(self, role: str) -> None:
        layer = self._layers.get(role)
        if layer is not None:
            self._viewer.layers.remove(layer)
            self._layers.activate_labels()
