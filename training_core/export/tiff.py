"""TIFF: 8-bit greyscale class ids with the pixel size, deflate-compressed, for QuPath, Fiji and other viewers."""

from __future__ import annotations

from training_core.base.arrays import ClassIds
from training_core.io import encode_tiff


def tiff_bytes(mask: ClassIds, mpp_um: float | None) -> bytes:
    """The mask (H, W) as a TIFF whose resolution tags hold `mpp_um`, µm/px, where it is known."""
    return encode_tiff(mask, mpp_um)
