"""TIFF: 8-bit greyscale class ids with the pixel size, deflate-compressed, for QuPath, Fiji and other viewers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training_core.io import encode_tiff


def tiff_bytes(mask: NDArray[np.uint8], mpp_um: float | None) -> bytes:
    """The mask (H, W) as a TIFF whose resolution tags hold `mpp_um`, micrometers per pixel, where it is known."""
    return encode_tiff(mask, mpp_um)
