"""A tile as it is cut from its slide, alone and with what lies around it, at the tile's resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training_core.base.arrays import Rgb8
from training_core.io.levels import Levels


@dataclass(frozen=True)
class Around:
    """How many pixels of the tile's size lie on each side of it: fewer where the slide ends."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0

    def within(self, most: int) -> Around:
        """At most that many on each side."""
        return Around(min(self.top, most), min(self.left, most), min(self.bottom, most), min(self.right, most))

    def padded(self, values: NDArray[np.uint8], fill: int) -> NDArray[np.uint8]:
        """A mask (H, W) of the tile with `fill` around it."""
        if self == NOTHING:
            return values
        sides = ((self.top, self.bottom), (self.left, self.right))
        return np.pad(values, sides, constant_values=fill)


NOTHING = Around()


@dataclass(frozen=True)
class Surrounded:
    """A tile (H, W, 3) with the slide's pixels around it."""

    pixels: Rgb8
    around: Around = NOTHING

    @property
    def nbytes(self) -> int:
        """Its size in memory."""
        return self.pixels.nbytes


def cut_tile(levels: Levels, x_px: int, y_px: int, size_px: tuple[int, int], scale: float) -> Rgb8:
    """The pixels (height, width, 3) of a tile, resampled from the best level.

    Parameters
    ----------
    x_px, y_px
        Its upper left corner in pixels of the finest level.
    size_px
        Width and height of the tile, in its own pixels.
    scale
        How many pixels of the finest level are one of the tile.

    Raises
    ------
    ImageError
        The slide is damaged there.
    """
    level = levels.best_level(max(1.0, scale))
    across, down = _spans(levels, level, x_px, y_px, size_px, scale, 0)
    left, top, right, bottom = (int(each) for each in (across.first, down.first, across.last, down.last))
    pixels = levels.read(level, left, top, right - left, bottom - top)
    if pixels.shape[:2] == size_px[::-1]:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size_px, Image.Resampling.LANCZOS))


def read_surrounded(levels: Levels, tile: Rgb8, x_px: int, y_px: int, scale: float, margin_px: int) -> Surrounded:
    """The tile, exactly as it is, and up to `margin_px` of the slide on each side, resampled as the tile was.

    Parameters
    ----------
    tile
        (H, W, 3).
    x_px, y_px
        Its upper left corner in pixels of the finest level.
    scale
        How many of those are one pixel of the tile.
    margin_px
        In pixels of the tile.

    Raises
    ------
    ImageError
        The slide is damaged there.
    """
    level = levels.best_level(max(1.0, scale))
    full = levels.sizes[level]
    across, down = _spans(levels, level, x_px, y_px, (tile.shape[1], tile.shape[0]), scale, margin_px)
    left, top = int(across.first), int(down.first)
    right, bottom = min(full[0], int(np.ceil(across.last))), min(full[1], int(np.ceil(down.last)))
    pixels = levels.read(level, left, top, right - left, bottom - top)
    size = (across.before + tile.shape[1] + across.behind, down.before + tile.shape[0] + down.behind)
    if pixels.shape[:2] != size[::-1]:
        box = (across.first - left, down.first - top, across.last - left, down.last - top)
        pixels = np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, box))
    pixels[down.before : down.before + tile.shape[0], across.before : across.before + tile.shape[1]] = tile
    return Surrounded(pixels, Around(down.before, across.before, down.behind, across.behind))


@dataclass(frozen=True)
class _Span:
    """Along one axis: from where to where a level is read, and how many pixels of the tile lie beside it."""

    first: float
    last: float
    before: int
    behind: int

    @classmethod
    def of(cls, corner: float, side: float, length_px: int, limit: int, margin_px: int) -> _Span:
        """Rounding must not lead over the edge, beyond which there are no pixels."""
        whole = min(limit, max(1, round(side)))
        start = min(round(corner), limit - whole)
        step = whole / length_px
        before = min(margin_px, int(start / step + 1e-6))
        behind = min(margin_px, int((limit - start - whole) / step + 1e-6))
        return cls(max(0.0, start - before * step), min(float(limit), start + whole + behind * step), before, behind)


def _spans(
    levels: Levels, level: int, x_px: int, y_px: int, size_px: tuple[int, int], scale: float, margin_px: int
) -> tuple[_Span, _Span]:
    """Along x and y: where a tile begins on a level, its side there, and what there is before and behind it."""
    downsample = levels.downsamples[level]
    along = zip((x_px, y_px), size_px, levels.sizes[level], strict=True)
    across, down = (
        _Span.of(corner / downsample, length * scale / downsample, length, limit, margin_px)
        for corner, length, limit in along
    )
    return across, down
