"""Reading an image of tissue by one stated rule.

Rule: the result is 8-bit RGB. Alpha is composited over white (the color of empty glass), palettes are expanded, gray
is repeated over the three channels, and integers of more bits are scaled so that the largest value of their depth
(65535 for 16 bit) becomes 255, whatever the image's own maximum is. Floats must lie in 0 to 1; 1 becomes 255.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training_core.base.arrays import Rgb8
from training_core.base.errors import ImageError
from training_core.io.files import FileKind, file_kind
from training_core.io.pillow_files import load_pillow
from training_core.io.tiff_files import TiffPicture, load_tiff


def read_image(path: Path) -> Rgb8:
    """The image as (H, W, 3) uint8, by the rule of this module.

    Raises
    ------
    ImageError
        Missing, empty, cut short, not PNG, TIFF, JPEG or BMP, below 32 px on a side, above 400 million pixels, a
        stack, or values that the rule does not cover.
    """
    kind = file_kind(path, ImageError)
    if kind is FileKind.TIFF:
        return tiff_rgb(load_tiff(path, ImageError), path)
    return _from_pillow(load_pillow(path, kind, ImageError))


def _from_pillow(image: Image.Image) -> Rgb8:
    if image.mode.startswith("I"):  # 16-bit gray; 16-bit color comes from Pillow as its high bytes
        gray = to_uint8(np.asarray(image).astype(np.uint32), 65535)
        return np.repeat(gray[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        return over_white(rgba[:, :, :3], rgba[:, :, 3])
    return np.array(image.convert("RGB"))


def tiff_rgb(picture: TiffPicture, path: Path) -> Rgb8:
    """A TIFF's image, or a region of it, as (H, W, 3) uint8.

    Raises
    ------
    ImageError
        Values that the rule does not cover.
    """
    if picture.palette is not None:
        expanded: NDArray[np.uint8] = picture.palette[picture.samples]
        return expanded
    samples = _tiff_uint8(picture, path)
    if picture.white_is_zero:
        samples = 255 - samples
    if samples.ndim == 2:
        samples = samples[:, :, None]
    colors = 3 if samples.shape[2] >= 3 else 1
    color = np.broadcast_to(samples[:, :, :colors], (*samples.shape[:2], 3))
    if picture.alpha is None:
        return color.copy()  # broadcast arrays are read-only
    return over_white(color, samples[:, :, -1], premultiplied=picture.alpha == "associated")


def _tiff_uint8(picture: TiffPicture, path: Path) -> NDArray[np.uint8]:
    samples = picture.samples
    scaled: NDArray[np.uint8]
    if samples.dtype == np.bool_:
        scaled = samples.astype(np.uint8) * np.uint8(255)
        return scaled
    if samples.dtype in (np.uint8, np.uint16):
        return to_uint8(samples, 2**picture.bits - 1)
    if samples.dtype.kind == "f":
        if not (np.isfinite(samples).all() and samples.min() >= 0 and samples.max() <= 1):
            given = f"{path} has decimal values outside 0 to 1"
            raise ImageError(given, "8-bit or 16-bit colour, or decimals from 0 to 1", "export it as 8-bit RGB")
        scaled = np.rint(samples * 255).astype(np.uint8)
        return scaled
    raise ImageError(f"{path} has {samples.dtype} values", "8-bit or 16-bit colour", "export it as 8-bit RGB")


def to_uint8(samples: NDArray[Any], maximum: int) -> NDArray[np.uint8]:
    """Integers from 0 to `maximum` scaled to 0 to 255, rounded."""
    if maximum == 255:
        return samples.astype(np.uint8)
    clipped = np.minimum(samples, maximum).astype(np.uint32)
    scaled: NDArray[np.uint8] = ((clipped * 255 + maximum // 2) // maximum).astype(np.uint8)
    return scaled


def over_white(color: Rgb8, alpha: Rgb8, *, premultiplied: bool = False) -> Rgb8:
    """Color (H, W, 3) composited over white by alpha (H, W)."""
    opacity = alpha[:, :, None].astype(np.uint32)
    foreground = color.astype(np.uint32) * (255 if premultiplied else opacity)
    blended = (foreground + (255 - opacity) * 255 + 127) // 255
    result: NDArray[np.uint8] = np.minimum(blended, 255).astype(np.uint8)
    return result
