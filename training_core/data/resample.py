"""Pixel size: tiles of any resolution brought to the run's, and results brought back to the tile's own pixels.

mpp is micrometers per pixel. Images are resampled bilinearly with antialiasing, as the training crops are, and class
maps by their nearest pixel. Torch-free.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_high
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training_core.errors import ImageError
from training_core.project import Tile

Pixels = NDArray[np.uint8]
Number = TypeVar("Number", np.uint8, np.float32)

MAX_ZOOM = 5.0
"""A 40x scan beside a 10x one is a factor of 4. Beyond 5, the two show different things: cells, or glands."""
_SAME = 0.02
"""Scanners of one make differ by 1 %. Up to 2 % interpolation would blur more than it corrects."""


def zoom_to_run(mpp_um: float | None, run_mpp: float | None) -> float:
    """Pixels at the run's resolution per pixel of the tile; 1 where one of the two is unknown, or they agree."""
    if mpp_um is None or run_mpp is None:
        return 1.0
    zoom = mpp_um / run_mpp
    return 1.0 if abs(zoom - 1) < _SAME else zoom


def check_zoom(what: str, mpp_um: float | None, run_mpp: float | None) -> None:
    """Refuse pixel sizes that are too far apart. what: the tile or file, as the message should call it.

    Raises
    ------
    ImageError: names it, its pixel size and the run's.
    """
    if not 1 / MAX_ZOOM <= zoom_to_run(mpp_um, run_mpp) <= MAX_ZOOM:
        assert mpp_um is not None
        assert run_mpp is not None
        raise ImageError(
            f"{what} has {mpp_um:.4g} um per pixel, and the run works at {run_mpp:.4g}",
            f"{run_mpp / MAX_ZOOM:.3g} to {run_mpp * MAX_ZOOM:.3g} um per pixel, at most a factor of {MAX_ZOOM:g}",
            "correct the pixel size if it is wrong, leave the image out, or choose another --set data.mpp for the run",
        )


def choose_run_mpp(tiles: Sequence[Tile], wanted: float | None) -> float | None:
    """The run's um per pixel: `wanted`, else the median of the tiles that know theirs (the coarser of two middle ones).

    A median that a tile really has, so that at least its like are not interpolated. None: no tile knows its own.

    Raises
    ------
    ImageError: a tile that is too far from it.
    """
    known = [tile.mpp_um for tile in tiles if tile.mpp_um is not None]
    run_mpp = wanted if wanted is not None or not known else median_high(known)
    for tile in tiles:
        check_zoom(f"tile {tile.name}", tile.mpp_um, run_mpp)
    return run_mpp


def to_run_mpp(image: Pixels, mpp_um: float | None, run_mpp: float | None) -> Pixels:
    """The image (H, W, 3) at the run's resolution, (h, w, 3); unchanged where a pixel size is unknown or they agree."""
    zoom = zoom_to_run(mpp_um, run_mpp)
    if zoom == 1:
        return image
    size = [max(1, round(side * zoom)) for side in image.shape[1::-1]]
    return np.asarray(Image.fromarray(image).resize((size[0], size[1]), Image.Resampling.BILINEAR))


def to_tile_grid(values: NDArray[Number], height_px: int, width_px: int) -> NDArray[Number]:
    """Maps (..., h, w) in the tile's own pixels, (..., height_px, width_px).

    uint8 holds classes and is taken from the nearest pixel; float32 holds probabilities and is interpolated.
    """
    if values.shape[-2:] == (height_px, width_px):
        return values
    how = Image.Resampling.NEAREST if values.dtype == np.uint8 else Image.Resampling.BILINEAR
    maps = np.ascontiguousarray(values).reshape(-1, *values.shape[-2:])
    resized = np.stack([np.asarray(Image.fromarray(each).resize((width_px, height_px), how)) for each in maps])
    return resized.reshape(*values.shape[:-2], height_px, width_px)
