"""PNG: 8-bit greyscale class ids, which every tool reads."""

from __future__ import annotations

from training_core.base.arrays import ClassIds
from training_core.io import encode_png


def png_bytes(mask: ClassIds, mpp_um: float | None) -> bytes:
    """The mask (H, W) as a PNG; a PNG of ours says nothing of the pixel size `mpp_um`."""
    return encode_png(mask)
