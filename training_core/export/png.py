"""PNG: 8-bit greyscale class ids, which every tool reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training_core.io import encode_png


def png_bytes(mask: NDArray[np.uint8], mpp_um: float | None) -> bytes:
    """The mask (H, W) as a PNG; a PNG of ours says nothing of the pixel size `mpp_um`."""
    return encode_png(mask)
