"""What a layer of a tile is, and what its values mean: the only place that converts between class ids and layer values.

A layer's value is class id + 1; 0 means *not labelled*, because napari's eraser and background are 0. Class ids reach
254, 255 stands for "not labelled" in the project, so the layer stays uint8.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Layer
from napari.utils.colormaps import DirectLabelColormap

from napari_unisemalign.widgets.colors import TRANSPARENT
from training_core.base.i18n import tr
from training_core.project import TissueClass

U8 = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

ROLE_KEY = "unisemalign"
SAMPLE_KEY = "unisemalign_sample"
"""Marks the layers that napari itself adds for a sample, to be replaced by ours."""
PLACE_KEY = "unisemalign_place"
"""Of layers that do not have the tile's own pixels: a `Placed`."""
SLIDE, TILE, CONFIDENCE, PREDICTION, PSEUDO_LABEL, PART, COMPARISON, LABELS, OUTLINES, NEW_TILE, AREA, CUT = (
    "slide",
    "tile",
    "confidence",
    "prediction",
    "pseudo-label",
    "part",
    "comparison",
    "labels",
    "outlines",
    "new tile",
    "area",
    "cut",
)
NAMES = {
    SLIDE: tr("Slide"),
    TILE: tr("Image"),
    CONFIDENCE: tr("Confidence"),
    PREDICTION: tr("Prediction"),
    PSEUDO_LABEL: tr("Training targets"),
    PART: tr("Branch"),
    COMPARISON: tr("Differences"),
    LABELS: tr("Annotations"),
    OUTLINES: tr("Tiles of the slide"),
    NEW_TILE: tr("Tile to be added"),
    AREA: tr("Region to accept or reject"),
    CUT: tr("Line that splits objects"),
}
"""What napari's list of layers and its status bar call them."""
ORDER = (
    SLIDE, TILE, CONFIDENCE, PREDICTION, PSEUDO_LABEL, PART, COMPARISON, LABELS, OUTLINES, NEW_TILE,
    AREA, CUT,
)  # fmt: skip  # from the bottom to the top
MAP_ROLES = (PREDICTION, PSEUDO_LABEL, CONFIDENCE, COMPARISON)
"""What a run, or what came of it, says about every tile."""
OVERLAY_ROLES = (*MAP_ROLES, PART)
CLASS_ROLES = (LABELS, PREDICTION, PSEUDO_LABEL, PART)
"""Layers that hold classes."""
OPACITY = {PREDICTION: 0.4, PSEUDO_LABEL: 0.4, CONFIDENCE: 0.6, COMPARISON: 0.9, PART: 0.4, LABELS: 0.5}
NEUTRAL_ALPHA = 0.4
"""Grey classes, as background is by default, recede: a grey veil over the whole tile would hide the tissue."""
OUTLINE_PX = 2
SHOWN_AT_FIRST = {PREDICTION: True, PSEUDO_LABEL: False, CONFIDENCE: False, COMPARISON: False, PART: False}


@dataclass(frozen=True)
class Placed:
    """Where a layer lies that does not have the tile's own pixels.

    Attributes
    ----------
    scale
        Pixels of the tile for one of the layer.
    top
        Upper edge of the layer in pixels of the tile, counted from the tile's upper edge.
    left
        The same of its left edge.
    """

    scale: float
    top: float
    left: float


def to_layer(label: U8) -> U8:
    """Class ids (255 = not labelled) as layer values: id + 1, and 0 for not labelled."""
    return np.add(label, 1, dtype=np.uint8)  # 255 + 1 wraps to 0


def to_label(values: U8) -> U8:
    """Layer values as class ids: value - 1, and 255 for 0."""
    return np.subtract(values, 1, dtype=np.uint8)  # 0 - 1 wraps to 255


def layer_value(class_id: int) -> int:
    """The layer value that paints this class."""
    return class_id + 1


def class_of(value: int) -> int | None:
    """The class id that a layer value stands for; None for 0, not labelled."""
    return value - 1 if value > 0 else None


def class_colormap(classes: Iterable[TissueClass], hidden: Collection[int] = ()) -> DirectLabelColormap:
    """The classes' own colors, grey ones fainter; everything else, and what is hidden, is transparent."""
    colors: dict[int | None, Any] = {None: TRANSPARENT, 0: TRANSPARENT}
    for each in classes:
        if each.id in hidden:
            colors[layer_value(each.id)] = TRANSPARENT
            continue
        rgb = [int(each.color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        is_neutral = max(rgb) - min(rgb) < 0.08
        colors[layer_value(each.id)] = (*rgb, NEUTRAL_ALPHA if is_neutral else 1.0)
    return DirectLabelColormap(color_dict=colors)


def fill(layer: Layer, values: Any) -> None:
    """Show other values: where they have the layer's size in place, which spares napari making texture and shader anew.

    The layer keeps its own array: `values` may be somebody else's.
    """
    if layer.data.shape == values.shape:
        layer.data[...] = values
        layer.refresh(extent=False, highlight=False)
    else:
        layer.data = values.copy()
