"""Arrays by what they hold, and the two numbers that every reader of one has to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeAlias

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
_BLOCK_PIXELS = 4_000_000


def row_blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of an array (H, W, ...), about 4 million pixels at a time: work block by block needs no second copy."""
    rows = max(1, _BLOCK_PIXELS // max(1, shape[1]))
    for top in range(0, shape[0], rows):
        yield slice(top, min(top + rows, shape[0]))


def value_counts(values: NDArray[Any]) -> dict[int, int]:
    """The different whole numbers of an array (H, W), ascending, and how often each is there."""
    total: Counter[int] = Counter()
    for block in row_blocks(values.shape):
        found, counts = _counted(values[block])
        total.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
    return {value: total[value] for value in sorted(total)}


def _counted(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    if values.dtype.itemsize <= 2 and values.dtype.kind == "u":
        counts = np.bincount(values.ravel())
        found = np.flatnonzero(counts)
        return found, counts[found]
    return np.unique(values, return_counts=True)
