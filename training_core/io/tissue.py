"""Where a slide has tissue: a small overview of it, and what of that is no glass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training_core.base.arrays import BoolMask, Rgb8
from training_core.io.levels import Levels

OVERVIEW_PX = 1024
"""The longer side of an overview."""
_SATURATION_RANGE = (0.04, 0.1)
"""Otsu always finds two groups. On a slide that is nearly all tissue it splits the tissue, so its threshold is kept
within what separates glass (saturation below 0.04 on the scanners seen) from the palest stroma (above 0.1)."""
_BAND_PIXELS = 1 << 24
"""Of a level without a smaller one, so much is read at a time: 48 MB."""


def overview(levels: Levels) -> Rgb8:
    """A slide (h, w, 3), its longer side at most `OVERVIEW_PX`; of a slide without levels no more than a band is read.

    Raises
    ------
    ImageError
        The slide is damaged.
    """
    scale = max(1.0, max(levels.width_px, levels.height_px) / OVERVIEW_PX)
    width, height = max(1, round(levels.width_px / scale)), max(1, round(levels.height_px / scale))
    level = levels.best_level(scale)
    full_width, full_height = levels.sizes[level]
    step = full_height / height
    rows = max(1, int(_BAND_PIXELS / full_width / step))
    small = np.empty((height, width, 3), np.uint8)
    for row in range(0, height, rows):
        last = min(height, row + rows)
        top, bottom = int(row * step), min(full_height, int(np.ceil(last * step)))
        band = Image.fromarray(levels.read(level, 0, top, full_width, bottom - top))
        box = (0, row * step - top, full_width, min(bottom, last * step) - top)
        small[row:last] = np.asarray(band.resize((width, last - row), Image.Resampling.BOX, box))
    return small


def tissue_mask(small: Rgb8, least: float | None = None) -> tuple[BoolMask, float]:
    """The pixels (h, w) of an overview that show tissue, and the saturation above which they do, 0 to 1.

    Glass has no colour, so tissue is what is saturated.

    Parameters
    ----------
    least
        That saturation; None: what separates the pixels of this overview best (Otsu 1979), from 0.04 to 0.1.
    """
    from skimage.color import rgb2hsv  # a third of a second that is only spent where there is a slide
    from skimage.filters import threshold_otsu

    saturation: NDArray[np.float64] = rgb2hsv(small)[:, :, 1]
    saturation[small.max(axis=2) < 25] = 0  # black: pen, or where the scanner saw nothing
    if least is None:
        otsu: float = threshold_otsu(saturation) if np.ptp(saturation) else 1.0  # type: ignore[no-untyped-call]
        least = float(np.clip(otsu, *_SATURATION_RANGE))
    mask: BoolMask = saturation > least
    return mask, least
