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
_GLASS_PX = 4096
"""The longer side of the picture in which glass is looked for: on a slide of 100,000 px, 24 px wide pixels."""
_DARKER = 0.85
"""What is darker than this share of the glass is none, whatever its saturation: a slide without stain, or folded."""
_BLACK = 25
"""Black up to here: where the scanner saw nothing, or pen."""
_BAND_PIXELS = 1 << 24
"""Of a level without a smaller one, so much is read at a time: 48 MB."""


def overview(levels: Levels, longest_px: int = OVERVIEW_PX) -> Rgb8:
    """A slide (h, w, 3), its longer side at most `longest_px`; of one without levels a band is in memory at a time.

    Raises
    ------
    ImageError
        The slide is damaged.
    """
    scale = max(1.0, max(levels.width_px, levels.height_px) / longest_px)
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
    saturation[small.max(axis=2) < _BLACK] = 0
    if least is None:
        otsu: float = threshold_otsu(saturation) if np.ptp(saturation) else 1.0  # type: ignore[no-untyped-call]
        least = float(np.clip(otsu, *_SATURATION_RANGE))
    mask: BoolMask = saturation > least
    return mask, least


def glass(levels: Levels) -> BoolMask:
    """The pixels (h, w) of a picture of the slide that are surely glass, or where the scanner saw nothing.

    Glass has less than half of the saturation that tissue has at least, from glass on, and is nowhere much darker than
    elsewhere. Where no pixel is stained, nothing is surely glass.

    Raises
    ------
    ImageError
        The slide is damaged.
    """
    picture = overview(levels, _GLASS_PX)
    step = -(-max(picture.shape[:2]) // OVERVIEW_PX)
    small = np.asarray(Image.fromarray(picture).reduce(step))
    stained, least = tissue_mask(small)
    brightest = small.max(axis=2)
    empty = ~stained & (brightest >= _BLACK)
    if not stained.any() or not empty.any():
        return np.zeros(picture.shape[:2], bool)
    darkest = _DARKER * float(np.percentile(brightest[empty], 90))
    usual = float(np.median(_saturation(small[empty & (brightest >= darkest)])))
    found = np.empty(picture.shape[:2], bool)
    for row, pixels in enumerate(picture):  # row by row: in float a picture takes a hundred times as much
        value = _highest(pixels)
        found[row] = (_saturation(pixels) < (usual + least) / 2) & (value >= darkest) | (value < _BLACK)
    return found


def _saturation(pixels: Rgb8) -> NDArray[np.float32]:
    """Of pixels (..., 3), from 0 to 1, as in HSV."""
    highest = _highest(pixels).astype(np.float32)
    lowest = np.minimum(np.minimum(pixels[..., 0], pixels[..., 1]), pixels[..., 2]).astype(np.float32)
    saturation: NDArray[np.float32] = np.divide(highest - lowest, highest.clip(min=1), dtype=np.float32)
    return saturation


def _highest(pixels: Rgb8) -> NDArray[np.uint8]:
    """Of the three values of pixels (..., 3); NumPy's own reduction of so short an axis takes three times as long."""
    highest: NDArray[np.uint8] = np.maximum(np.maximum(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    return highest
