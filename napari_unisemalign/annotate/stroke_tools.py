"""Help that saves strokes: what the last stroke becomes when it is filled, grown or snapped; without Qt.

All maps are (H, W); labels and predictions are class ids, 255 where there is none. Only pixels that are not labelled
are added, so that nothing painted or accepted before is lost.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_unisemalign.app.layer_values import U8, Mask
from training_core.project import UNLABELED


def stroke_class(label: U8, stroke: Mask) -> int | None:
    """The class id that a stroke painted; None where it erased or nothing of it is left."""
    painted = label[stroke]
    painted = painted[painted != UNLABELED]
    return int(np.bincount(painted).argmax()) if painted.size else None


def filled(label: U8, stroke: Mask) -> U8:
    """The label with what the stroke closes around: areas that its class encloses, at the stroke."""
    class_id = stroke_class(label, stroke)
    if class_id is None:
        return label
    mine = label == class_id
    inside = np.asarray(ndimage.binary_fill_holes(mine)) & ~mine
    numbered, _ = ndimage.label(inside)
    at_stroke = np.unique(numbered[ndimage.binary_dilation(stroke & mine)])
    return _painted(label, np.isin(numbered, at_stroke[at_stroke > 0]), class_id)


def grown(label: U8, stroke: Mask, prediction: U8) -> U8:
    """The label with the regions predicted as the stroke's class that it touches.

    A region of another class stays: one stroke that slips over a border must not annotate what is beyond it. Those of
    which the stroke covers only an edge, less than a tenth of itself, are left alone.
    """
    class_id = stroke_class(label, stroke)
    if class_id is None:
        return label
    mine = stroke & (label == class_id)
    numbered, _ = ndimage.label(prediction == class_id)
    touched = np.bincount(numbered[mine], minlength=int(numbered.max()) + 1)
    touched[0] = 0
    enough = touched >= max(1, 0.1 * np.count_nonzero(mine))
    return _painted(label, np.isin(numbered, np.flatnonzero(enough)), class_id)


def snapped(label: U8, stroke: Mask, prediction: U8, reach_px: int) -> U8:
    """The label with the stroke's edge moved to the predicted boundary of its class, by at most `reach_px`.

    Where the prediction has no boundary within reach, the edge stays.
    """
    class_id = stroke_class(label, stroke)
    if class_id is None:
        return label
    mine = stroke & (label == class_id)
    predicted = prediction == class_id
    outside = ndimage.distance_transform_edt(~mine) if mine.any() else np.full(label.shape, np.inf)
    inside = ndimage.distance_transform_edt(mine)
    near = mine & (inside <= reach_px)
    # an edge gives way only where the predicted area begins within reach of it: elsewhere the model has not seen it
    deep = ndimage.distance_transform_edt(~predicted) if predicted.any() else np.full(label.shape, np.inf)
    result = label.copy()
    result[near & ~predicted & (deep <= reach_px)] = UNLABELED
    return _painted(result, predicted & (outside <= reach_px), class_id)


def _painted(label: U8, where: Mask, class_id: int) -> U8:
    result = label.copy()
    result[where & (label == UNLABELED)] = class_id
    return result
