"""Arrays by what they hold, and the two numbers that every reader of one has to know."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Rgb8: TypeAlias = NDArray[np.uint8]
"""An image (H, W, 3), 0 to 255."""
ClassIds: TypeAlias = NDArray[np.uint8]
"""The class of each pixel (H, W): an id in a project and its files, an index 0 to C - 1 in training; or `UNLABELED`."""
Confidence8: TypeAlias = NDArray[np.uint8]
"""Confidence (H, W), 0 to 255 for 0 to 1."""
BoolMask: TypeAlias = NDArray[np.bool_]
"""Chosen pixels (H, W)."""

UNLABELED: int = 255
"""In a label and in a file: this pixel has no class. The loss skips it and scores do not count it."""
MIN_SIDE_PX: int = 32
"""The smallest side of an image that is read, and of one that is resampled: encoders divide sides by up to 32."""
