"""A picture as its file stores it, before any rule is applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Stored:
    """The numbers of a picture, or of a part of one.

    Attributes
    ----------
    samples
        (H, W), or (H, W, S) with alpha, if there is any, last; never scaled.
    palette
        (N, 3) uint8 where the samples are indices.
    palette_alpha
        (N,) uint8, for palettes with transparent entries.
    transparent
        The stored colour that stands for transparency, one number per sample.
    """

    samples: NDArray[Any]
    palette: NDArray[np.uint8] | None = None
    palette_alpha: NDArray[np.uint8] | None = None
    transparent: tuple[int, ...] | None = None


def hex_colours(palette: NDArray[np.uint8]) -> tuple[str, ...]:
    """Palette entries as #rrggbb."""
    return tuple("#" + bytes(entry).hex() for entry in palette)
