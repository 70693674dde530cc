"""A picture as its file stores it, before any rule is applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training_core.base.arrays import row_blocks


@dataclass(frozen=True)
class Stored:
    """The numbers of a picture, or of a part of one.

    Attributes
    ----------
    samples
        (H, W), or (H, W, S) with alpha, if there is any, last; never scaled.
    palette
        (N, 3) uint8 where the samples are indices.
    palette_alpha
        (N,) uint8, for palettes with transparent entries.
    transparent
        The stored colour that stands for transparency, one number per sample.
    """

    samples: NDArray[Any]
    palette: NDArray[np.uint8] | None = None
    palette_alpha: NDArray[np.uint8] | None = None
    transparent: tuple[int, ...] | None = None


def pixels_of(image: Image.Image) -> NDArray[Any]:
    """The pixels of an image that Pillow has loaded; row by row, as its own way takes the memory of a further copy."""
    pixels: NDArray[Any] | None = None
    for block in row_blocks((image.height, image.width)):
        rows = np.asarray(image.crop((0, block.start, image.width, block.stop)))
        if pixels is None:
            pixels = np.empty((image.height, *rows.shape[1:]), rows.dtype)
        pixels[block] = rows
    assert pixels is not None  # no reader takes an image without rows
    return pixels


def hex_colours(palette: NDArray[np.uint8]) -> tuple[str, ...]:
    """Palette entries as #rrggbb."""
    return tuple("#" + bytes(entry).hex() for entry in palette)
