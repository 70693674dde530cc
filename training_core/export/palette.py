"""PNG and TIFF with a palette: the same values as in grey masks, which other programs show in the classes' colours."""

from __future__ import annotations

import io

import numpy as np
import tifffile
from PIL import Image

from training_core.export.tile_mask import TileMask
from training_core.io.encode import resolution_tags


def palette_png_bytes(mask: TileMask) -> bytes:
    """The mask as a PNG of palette indices."""
    image = Image.fromarray(np.ascontiguousarray(mask.values)).convert("L")
    image.putpalette(mask.colours().tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def palette_tiff_bytes(mask: TileMask) -> bytes:
    """The mask as a TIFF of palette indices, with the pixel size where it is known."""
    colormap = mask.colours().T.astype(np.uint16) * 257  # of 16 bits, as TIFF has them
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        mask.values,
        photometric="palette",
        colormap=colormap,
        compression="zlib",
        metadata=None,
        **resolution_tags(mask.tile.mpp_um),
    )
    return buffer.getvalue()
