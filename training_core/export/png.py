"""PNG: 8-bit greyscale class ids, which every tool reads."""

from __future__ import annotations

from training_core.export.tile_mask import TileMask
from training_core.io import encode_png


def png_bytes(mask: TileMask) -> bytes:
    """The mask as a PNG; a PNG of ours says nothing of the pixel size."""
    return encode_png(mask.values)
