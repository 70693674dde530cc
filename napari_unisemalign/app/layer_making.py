"""How the layers of a tile are made, and how they show classes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap

from napari_unisemalign.app.layer_values import (
    CLASS_ROLES,
    COMPARISON,
    CONFIDENCE,
    LABELS,
    NAMES,
    OPACITY,
    OUTLINE_PX,
    ROLE_KEY,
    SHOWN_AT_FIRST,
    U8,
    Mask,
    class_colormap,
    layer_value,
)
from napari_unisemalign.widgets.colors import CONFIDENCE_MAP, MARKED, TRANSPARENT
from training_core.base.i18n import tr
from training_core.project import UNLABELED, TissueClass


def borders(values: U8) -> Mask:
    """The pixels of an (H, W) map that lie within `OUTLINE_PX` of another value, above, below or beside."""
    edge = np.zeros(values.shape, bool)
    for gap in range(1, OUTLINE_PX + 1):
        down = values[gap:] != values[:-gap]
        edge[gap:] |= down
        edge[:-gap] |= down
        right = values[:, gap:] != values[:, :-gap]
        edge[:, gap:] |= right
        edge[:, :-gap] |= right
    return edge


def nothing(role: str, shape: tuple[int, int]) -> U8:
    """The map, (H, W), of an overlay that says nothing."""
    return np.full(shape, UNLABELED if role in CLASS_ROLES else 0, dtype=np.uint8)


def new_overlay(role: str, shown: Any, classes: Iterable[TissueClass], hidden: Collection[int]) -> Layer:
    """A layer for one map, as it is shown at first."""
    options = {
        "name": NAMES[role],
        "opacity": OPACITY[role],
        "visible": SHOWN_AT_FIRST[role],
        "metadata": {ROLE_KEY: role},
    }
    if role == CONFIDENCE:
        return Image(shown, colormap=CONFIDENCE_MAP, contrast_limits=(0, 1), **options)
    layer = Labels(shown, **options)
    if role == COMPARISON:
        layer.colormap = DirectLabelColormap(color_dict={None: TRANSPARENT, 0: TRANSPARENT, 1: MARKED})
    else:
        show_classes(layer, tuple(classes), hidden)
    return layer


def show_classes(layer: Labels, classes: Sequence[TissueClass], hidden: Collection[int] = ()) -> None:
    """In their colours; napari's status bar names the one under the mouse."""
    layer.colormap = class_colormap(classes, hidden)
    none = tr("unannotated") if layer.metadata[ROLE_KEY] == LABELS else tr("nothing")
    values = [0, *(layer_value(each.id) for each in classes)]
    layer.features = {"index": values, "class": [none, *(each.name for each in classes)]}
