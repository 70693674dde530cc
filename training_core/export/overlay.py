"""JPEG overlays: the tile in the colours of its classes, to be looked at and not to be measured."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from training_core.base.arrays import UNLABELED, Rgb8
from training_core.export.tile_mask import TileMask
from training_core.project.classes import background_ids

_STRENGTH = 0.4
_QUALITY = 92


def overlay_bytes(mask: TileMask) -> bytes:
    """The tile's image under its classes, as a JPEG with the pixel size where it is known.

    Raises
    ------
    ProjectError, ImageError
        The image is missing or damaged.
    """
    mpp_um = mask.tile.mpp_um
    options: dict[str, Any] = {} if mpp_um is None else {"dpi": (round(25_400 / mpp_um),) * 2}
    buffer = io.BytesIO()
    Image.fromarray(overlay(mask)).save(buffer, "JPEG", quality=_QUALITY, subsampling=0, **options)
    return buffer.getvalue()


def overlay(mask: TileMask) -> Rgb8:
    """The image (H, W, 3), blended with the colours of the classes, whose borders are drawn in full colour.

    What is unannotated or background is left as it is.
    """
    image, ids = mask.project.image(mask.tile.name), mask.ids
    colours = np.zeros((256, 3), np.float32)
    for each in mask.project.classes:
        colours[each.id] = [*bytes.fromhex(each.color[1:])]
    shown = ~np.isin(ids, [*background_ids(mask.project.classes), UNLABELED])
    strength = np.where(shown, _STRENGTH, 0.0).astype(np.float32)
    # a border is where a neighbour is of another class
    border = shown & (ndimage.minimum_filter(ids, 3) != ndimage.maximum_filter(ids, 3))
    strength[border] = 1.0
    blended: Rgb8 = np.rint(image * (1 - strength[..., None]) + colours[ids] * strength[..., None]).astype(np.uint8)
    return blended
