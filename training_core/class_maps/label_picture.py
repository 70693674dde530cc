"""A label laid over its image, as a picture to look at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageColor

from training_core.base.arrays import ClassIds, Rgb8
from training_core.project import TissueClass

_GAP_PX = 8
_FRAME = (255, 255, 0)


def label_picture(image: Rgb8, label: ClassIds, classes: Iterable[TissueClass], max_px: int = 512) -> Rgb8:
    """The image (H, W, 3) with each class of the label (H, W) in its colour; its longer side is at most `max_px`."""
    small = Image.fromarray(image)
    small.thumbnail((max_px, max_px), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float32).copy()
    ids = np.asarray(Image.fromarray(label).resize(small.size, Image.Resampling.NEAREST))
    for each in classes:
        where = ids == each.id
        pixels[where] = (pixels[where] + np.asarray(ImageColor.getrgb(each.color), np.float32)) / 2
    return pixels.round().astype(np.uint8)


def change_picture(
    image: Rgb8, now: ClassIds, then: ClassIds, classes: Iterable[TissueClass], max_px: int = 512
) -> Rgb8:
    """The label as it is now (H, W) and beside it as it was; a frame is around all that would change."""
    known = tuple(classes)
    left, right = (label_picture(image, label, known, max_px) for label in (now, then))
    rows, columns = (np.flatnonzero((now != then).any(axis=axis)) for axis in (1, 0))
    if rows.size:
        scale = left.shape[0] / now.shape[0]
        top, bottom = (int(each * scale) for each in (rows[0], rows[-1]))
        start, end = (int(each * scale) for each in (columns[0], columns[-1]))
        for picture in (left, right):
            _frame(picture, top - 1, bottom + 1, start - 1, end + 1)
    gap = np.full((left.shape[0], _GAP_PX, 3), 255, np.uint8)
    return np.concatenate((left, gap, right), axis=1)


def _frame(picture: Rgb8, top: int, bottom: int, start: int, end: int) -> None:
    height, width = picture.shape[:2]
    top, start = max(0, top), max(0, start)
    bottom, end = min(height - 1, bottom), min(width - 1, end)
    picture[[top, bottom], start : end + 1] = _FRAME
    picture[top : bottom + 1, [start, end]] = _FRAME
