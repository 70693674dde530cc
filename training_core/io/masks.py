"""Reading a mask: one whole number per pixel, never resampled, never interpreted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training_core.base.arrays import ClassIds
from training_core.base.errors import MaskError
from training_core.io.files import FileKind, file_kind
from training_core.io.pillow_files import load_pillow
from training_core.io.tiff_files import load_tiff


def read_mask(path: Path) -> ClassIds:
    """The mask's own values as (H, W) uint8.

    A palette mask gives its indices, a 1-bit mask 0 and 255, a color mask whose channels agree their common value.

    Raises
    ------
    MaskError
        Missing, empty, cut short, not an image, JPEG (it changes values), real colors, half-transparent pixels,
        values outside 0 to 255 or not whole.
    """
    kind = file_kind(path, MaskError)
    if kind is FileKind.JPEG:
        given = f"{path} is a JPEG file, whose compression changes the class values"
        raise MaskError(given, "a mask as PNG, TIFF or BMP", "export the masks again as PNG")
    if kind is FileKind.TIFF:
        picture = load_tiff(path, MaskError)
        values = picture.samples.astype(np.uint8) * 255 if picture.samples.dtype == np.bool_ else picture.samples
        return _whole(_one_channel(values, picture.alpha is not None, path), path)
    return _whole(_from_pillow(load_pillow(path, kind, MaskError), path), path)


def _from_pillow(image: Image.Image, path: Path) -> NDArray[Any]:
    if image.mode == "1":
        return np.array(image.convert("L"))
    if image.mode in ("L", "P") or image.mode.startswith("I"):
        return np.array(image)
    has_alpha = image.mode in ("LA", "PA", "RGBA")
    return _one_channel(np.array(image), has_alpha, path)


def _one_channel(values: NDArray[Any], has_alpha: bool, path: Path) -> NDArray[Any]:
    if values.ndim == 2:
        return values
    if has_alpha:
        opaque = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1
        if (values[:, :, -1] != opaque).any():
            given = f"{path} has transparent pixels"
            raise MaskError(given, "one value for every pixel", "export the mask without transparency")
        values = values[:, :, :-1]
    if (values != values[:, :, :1]).any():
        given = f"{path} is a colour image"
        raise MaskError(
            given, "one value per pixel", "export it as a greyscale or palette PNG with one value per class"
        )
    return values[:, :, 0]


def _whole(values: NDArray[Any], path: Path) -> ClassIds:
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 255) or (values.dtype.kind == "f" and (values != np.rint(values)).any()):
        given = f"{path} has values from {low} to {high}"
        raise MaskError(given, "whole numbers from 0 to 255", "export the mask as 8-bit with one value per class")
    return values.astype(np.uint8)
