"""The napari layers of the tile on screen: the only place that makes, names, orders and styles them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_unisemalign.app.label_layer import LabelLayer
from napari_unisemalign.app.label_model import Box, LabelModel
from napari_unisemalign.app.layer_making import borders, new_overlay, nothing, show_classes
from napari_unisemalign.app.layer_values import (
    AREA,
    CLASS_ROLES,
    COMPARISON,
    CONFIDENCE,
    CUT,
    LABELS,
    MAP_ROLES,
    NAMES,
    OPACITY,
    ORDER,
    PLACE_KEY,
    PREDICTION,
    PSEUDO_LABEL,
    ROLE_KEY,
    SAMPLE_KEY,
    TILE,
    U8,
    Placed,
    fill,
    layer_value,
    to_label,
    to_layer,
)
from training_core.project import TissueClass

if TYPE_CHECKING:
    from napari import Viewer

_VIEW_SHARE = 0.8
"""Of the canvas, which what is looked at fills at most."""


class TileLayers:
    """The layers of the tile on screen. They are made once and reused, so that no camera and no selection jumps."""

    def __init__(self, viewer: Viewer, model: LabelModel) -> None:
        """model: the annotations that the tile on screen has."""
        self._viewer = viewer
        self._painted = LabelLayer(lambda: self.labels, model)
        self._model = model
        self.hidden: frozenset[int] = frozenset()
        """The classes that predictions do not show; annotations show all."""
        self._outlined: frozenset[int] = frozenset()
        """The classes whose borders alone predictions show."""
        self._ids: dict[str, U8] = {}
        """What overlays of classes say, (H, W) layer values: their layers lack the inside of outlined classes."""
        self._mpp_um: float | None = None
        """The size of the tile's pixels; None where it is not known."""

    def get(self, role: str) -> Layer | None:
        """The layer with this role, or None (not made yet, or removed by the user)."""
        return next((each for each in self._viewer.layers if each.metadata.get(ROLE_KEY) == role), None)

    @property
    def labels(self) -> Labels | None:
        """The layer that the user paints on."""
        layer = self.get(LABELS)
        return layer if isinstance(layer, Labels) else None

    def show_tile(self, image: U8, label: U8, classes: Iterable[TissueClass], mpp_um: float | None = None) -> Labels:
        """Put a tile on the screen: `image` (H, W, 3), `label` (H, W) of class ids. Returns the labels layer.

        mpp_um: the size of a pixel, so that the scale bar is in µm; None where it is not known.
        """
        tile = self.get(TILE)
        is_as_large = tile is not None and tile.data.shape == image.shape and mpp_um == self._mpp_um
        self._set_pixel_size(mpp_um)
        if tile is None:
            self.add(Image(image.copy(), rgb=True, name=NAMES[TILE], metadata={ROLE_KEY: TILE}))
        else:
            fill(tile, image)
        labels = self.labels
        if labels is None:
            self._model.show(label)  # before the layer can tell of itself
            labels = Labels(to_layer(label), name=NAMES[LABELS], opacity=OPACITY[LABELS], metadata={ROLE_KEY: LABELS})
            show_classes(labels, tuple(classes))
            labels.brush_size = max(8, min(image.shape[:2]) // 24)
            self._painted.follow(labels)
            self.add(labels, activate=True)
        else:
            self._painted.show(label)
        self.set_read_only(self._painted.is_read_only)
        if not is_as_large:  # else the zoom is kept from tile to tile
            self._viewer.reset_view(layers=[each for each in (self.get(TILE),) if each is not None])
        return labels

    def set_read_only(self, value: bool) -> None:
        """Let nobody paint, or let everybody paint again; holds for tiles to come."""
        self._painted.set_read_only(value)

    @property
    def mpp_um(self) -> float | None:
        """The size of the tile's pixels; None where it is not known."""
        return self._mpp_um

    @property
    def pixel_size(self) -> float:
        """Of the tile, in the units of napari's world: µm, or 1 where its size is not known."""
        return self._mpp_um or 1.0

    def pixel_at(self, position: Sequence[float]) -> tuple[int, int]:
        """(row, column) of the tile at a place of napari's world."""
        return round(float(position[-2]) / self.pixel_size), round(float(position[-1]) / self.pixel_size)

    def _set_pixel_size(self, mpp_um: float | None) -> None:
        """Lay all our layers out in µm, or in pixels where their size is not known."""
        if mpp_um != self._mpp_um:
            self._mpp_um = mpp_um
            ours = [layer for layer in self._viewer.layers if ROLE_KEY in layer.metadata]
            for number, layer in enumerate(ours, 1):
                # told of the last one only: napari complains as long as they differ
                with layer.events.units.blocker() if number < len(ours) else nullcontext():
                    self._lay_out(layer)

    def _lay_out(self, layer: Layer) -> None:
        placed = layer.metadata.get(PLACE_KEY, _AS_THE_TILE)
        layer.scale = (self.pixel_size * placed.scale,) * 2
        # napari counts from the middle of the first pixel
        middle = (placed.scale - 1) / 2
        layer.translate = (self.pixel_size * (placed.top + middle), self.pixel_size * (placed.left + middle))
        layer.units = ("pixel" if self._mpp_um is None else "um",) * 2

    def place(self, layer: Layer, placed: Placed) -> None:
        """Lay out a layer of ours that does not have the tile's own pixels."""
        layer.metadata[PLACE_KEY] = placed
        self._lay_out(layer)

    def set_classes(self, classes: Iterable[TissueClass]) -> None:
        """Show the classes' colors in all layers that hold classes."""
        colormap_of = tuple(classes)
        for role in CLASS_ROLES:
            layer = self.get(role)
            if isinstance(layer, Labels):
                show_classes(layer, colormap_of, () if role == LABELS else self.hidden)

    def set_outlined(self, class_ids: Collection[int]) -> None:
        """Draw of these classes the borders of predicted regions only, and fill the others."""
        self._outlined = frozenset(class_ids)
        for role, values in self._ids.items():
            layer = self.get(role)
            if layer is not None and layer.data.shape == values.shape:
                fill(layer, self._drawn(values))

    def _drawn(self, values: U8) -> U8:
        """Layer values (H, W) without the inside of regions of outlined classes."""
        outlined = [layer_value(each) for each in self._outlined]
        if not outlined:
            return values.copy()  # the layer's own array changes in place
        return np.where(np.isin(values, outlined) & ~borders(values), np.uint8(0), values)

    def show_overlays(self, prediction: U8, pseudo_label: U8, confidence: U8, classes: Iterable[TissueClass]) -> None:
        """Show the trainer's maps (H, W): class ids, class ids with 255, and confidence 0 to 255."""
        colormap_of = tuple(classes)
        for role, values in ((PREDICTION, prediction), (PSEUDO_LABEL, pseudo_label), (CONFIDENCE, confidence)):
            self.show_overlay(role, values, colormap_of)

    def show_overlay(self, role: str, values: U8, classes: Iterable[TissueClass]) -> None:
        """Show one map (H, W): class ids with 255 for nothing, confidence 0 to 255, or for a comparison 1 and 0.

        A layer that is not to be seen takes no time to draw.
        """
        if role == CONFIDENCE:
            shown: Any = values.astype(np.float32) / 255
        else:
            shown = values if role == COMPARISON else to_layer(values)
        if role in CLASS_ROLES:
            self._ids[role] = shown
            shown = self._drawn(shown)
        layer = self.get(role)
        if layer is None:
            layer = new_overlay(role, shown, classes, self.hidden)
            self.add(layer)
        elif layer.data.shape != shown.shape or not np.array_equal(layer.data, shown):
            fill(layer, shown)
        if isinstance(layer, Labels):
            layer.editable = False  # napari turns it on again with every new data

    def make_overlay(self, role: str, classes: Iterable[TissueClass]) -> Layer | None:
        """An empty layer for an overlay to come, as large as the tile; None where it is there, or no tile is."""
        tile = self.get(TILE)
        if tile is None or self.get(role) is not None:
            return None
        self.show_overlay(role, nothing(role, tile.data.shape[:2]), classes)
        return self.get(role)

    def clear_overlays(self) -> None:
        """Show nothing of what a run says; the layers and the user's switches stay."""
        for role in MAP_ROLES:
            self.clear_overlay(role)

    def clear_overlay(self, role: str) -> None:
        """Show nothing in one overlay."""
        tile = self.get(TILE)
        if self.get(role) is not None and tile is not None:
            self.show_overlay(role, nothing(role, tile.data.shape[:2]), ())

    def settle(self) -> None:
        """Bring what is painted, and not in the model yet, into it.

        Raises
        ------
        MemoryError: it stays on the layer, to be brought later.
        """
        self._painted.settle()

    def overlay_ids(self, role: str) -> U8 | None:
        """The class ids that an overlay shows, (H, W), 255 for none."""
        layer, values = self.get(role), self._ids.get(role)
        return None if layer is None or values is None else to_label(values)

    def ids_of(self, role: str, values: U8) -> U8:
        """The class ids, (H, W), that a layer of these values stands for: of ours with what its outlines leave out."""
        layer, whole = self.get(role), self._ids.get(role)
        if layer is None or whole is None or not np.array_equal(layer.data, values):
            return to_label(values)
        return to_label(whole)

    def show_label(self, label: U8) -> None:
        """Show the label (H, W) of the tile as the project has it now, class ids with 255."""
        self._painted.show(label)

    def activate_labels(self, mode: str | None = None) -> None:
        """Make the labels layer the one that the mouse paints on."""
        layer = self.labels
        if layer is not None:
            self._viewer.layers.selection.active = layer
            if mode is not None:
                layer.mode = mode

    def look_at(self, box: Box) -> None:
        """Put a part of the tile into the middle; the zoom stays where all of it fits."""
        camera, size = self._viewer.scene.camera, np.asarray(self._viewer.canvas.size, float)
        sides = np.array([max(each.stop - each.start, 1) for each in box]) * self.pixel_size
        camera.zoom = min(camera.zoom, float((_VIEW_SHARE * size / sides).min()))
        middle = [(each.start + each.stop - 1) / 2 * self.pixel_size for each in box]
        camera.center = (*camera.center[:-2], *middle)

    def clear(self) -> None:
        """Take all our layers away."""
        for layer in tuple(self._viewer.layers):
            if ROLE_KEY in layer.metadata or SAMPLE_KEY in layer.metadata:
                self._viewer.layers.remove(layer)
        self._model.show(None)

    def add(self, layer: Layer, *, activate: bool = False) -> None:
        """Show a layer of ours at its height among the others."""
        active = self._viewer.layers.selection.active
        self._lay_out(layer)
        rank = ORDER.index(layer.metadata[ROLE_KEY])
        above = [i for i, each in enumerate(self._viewer.layers) if _rank(each) > rank]
        self._viewer.layers.insert(above[0] if above else len(self._viewer.layers), layer)
        layer.locked = layer.metadata[ROLE_KEY] not in (AREA, CUT)  # no bin click takes the labels away
        self._viewer.layers.selection.active = layer if activate or active is None else active


_AS_THE_TILE = Placed(1.0, 0.0, 0.0)


def _rank(layer: Layer) -> int:
    role = layer.metadata.get(ROLE_KEY)
    return ORDER.index(role) if role in ORDER else len(ORDER)
