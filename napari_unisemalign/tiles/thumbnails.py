"""The small images of the list, with what is annotated or predicted drawn in; without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training_core.base.errors import UserError
from training_core.io import read_mask
from training_core.project import UNLABELED, Project, TissueClass
from training_core.project.classes import background_ids

U8 = npt.NDArray[np.uint8]
PREDICTED_OPACITY, ANNOTATED_OPACITY = 0.4, 0.6


def small_image(project: Project, name: str, prediction: Path | None) -> U8:
    """The tile's thumbnail, (h, w, 3), under what is on it: annotations, and elsewhere the prediction in that file.

    Raises
    ------
    UserError
        The image is missing or damaged. A damaged mask is left out: opening the tile says what is wrong.
    """
    pixels = project.thumbnail(name)
    predicted = _shrunk(_read(prediction), pixels.shape[:2])
    annotated = _shrunk(project.label(name) if project.has_label(name) else None, pixels.shape[:2])
    return painted(pixels, predicted, annotated, project.classes)


def painted(pixels: U8, predicted: U8 | None, annotated: U8 | None, classes: Sequence[TissueClass]) -> U8:
    """`pixels` (h, w, 3) with class ids (h, w) in their classes' colours, annotations over predictions.

    A predicted background is left out, as on the image itself.
    """
    left_out = background_ids(classes)
    shown = pixels.astype(np.float32)
    for ids, opacity in ((predicted, PREDICTED_OPACITY), (annotated, ANNOTATED_OPACITY)):
        if ids is None:
            continue
        for each in classes:
            if ids is predicted and each.id in left_out:
                continue
            where = ids == each.id
            if ids is predicted and annotated is not None:
                where &= annotated == UNLABELED
            color = [int(each.color[start : start + 2], 16) for start in (1, 3, 5)]
            shown[where] = (1 - opacity) * shown[where] + opacity * np.array(color, np.float32)
    return shown.round().astype(np.uint8)


def _read(path: Path | None) -> U8 | None:
    try:
        return None if path is None else read_mask(path)
    except UserError:
        return None


def _shrunk(ids: U8 | None, shape: tuple[int, ...]) -> U8 | None:
    """The nearest pixels of a mask (H, W) for a smaller image (h, w)."""
    if ids is None:
        return None
    rows, columns = (
        np.minimum((np.arange(small) + 0.5) * large / small, large - 1).astype(np.intp)
        for small, large in zip(shape, ids.shape, strict=True)
    )
    smaller: U8 = ids[np.ix_(rows, columns)]
    return smaller
