"""TIFF: 8-bit greyscale class ids with the pixel size, deflate-compressed, for QuPath, Fiji and other viewers."""

from __future__ import annotations

from training_core.export.tile_mask import TileMask
from training_core.io import encode_tiff


def tiff_bytes(mask: TileMask) -> bytes:
    """The mask as a TIFF whose resolution tags hold the pixel size, where it is known."""
    return encode_tiff(mask.values, mask.tile.mpp_um)
