"""Pixel size: which resolution a run works at, and by how much each tile is enlarged to have it. mpp: µm/px.

Training crops take the factor into their random scale (training_core/data/crops.py), prediction into the scale that
the network reads a tile at, so no pixel is interpolated twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_high

from training_core.base.errors import ImageError
from training_core.base.i18n import tr
from training_core.project import Tile

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
    """Refuse pixel sizes that are too far apart.

    Parameters
    ----------
    what
        The tile or file, as the message should call it.

    Raises
    ------
    ImageError
        Names it, its pixel size and the run's.
    """
    if not _is_near(zoom_to_run(mpp_um, run_mpp)):
        assert mpp_um is not None
        assert run_mpp is not None
        raise ImageError(
            f"{what} has a pixel size of {mpp_um:.4g} µm/px, but the run works at {run_mpp:.4g} µm/px",
            f"{run_mpp / MAX_ZOOM:.3g} to {run_mpp * MAX_ZOOM:.3g} µm/px, at most a factor of {MAX_ZOOM:g} apart",
            "correct the pixel size if it is wrong, leave the image out, or choose another pixel size for the "
            "run (data.mpp)",
        )


def choose_run_mpp(tiles: Sequence[Tile], wanted: float | None) -> float | None:
    """The run's µm/px: `wanted`, else the median of the tiles that know theirs (the coarser of two middle ones).

    A median that a tile really has, so that at least its like are not interpolated. None: no tile knows its own.
    """
    known = [tile.mpp_um for tile in tiles if tile.mpp_um is not None]
    return wanted if wanted is not None or not known else median_high(known)


def left_out(tiles: Sequence[Tile], run_mpp: float | None) -> dict[str, str]:
    """Tiles that a run at this pixel size cannot use, by name, with the reason; the others are trained on without them.

    A pixel size that is not known is only needed where some tile has to be resampled: then nobody can tell by how much
    this one should be.
    """
    zooms = {tile.name: zoom_to_run(tile.mpp_um, run_mpp) for tile in tiles}
    too_far = {name for name, zoom in zooms.items() if not _is_near(zoom)}
    resampled = any(zoom != 1 for name, zoom in zooms.items() if name not in too_far)
    reasons: dict[str, str] = {}
    for tile in tiles:
        if tile.name in too_far:
            words = tr("its pixel size is {mpp} µm/px, and the run works at {run_mpp} µm/px")
            reasons[tile.name] = words.format(mpp=f"{tile.mpp_um:.4g}", run_mpp=f"{run_mpp:.4g}")
        elif tile.mpp_um is None and resampled:
            reasons[tile.name] = tr("its pixel size is not known, and the pixel sizes of the other tiles differ")
    return reasons


def _is_near(zoom: float) -> bool:
    return 1 / MAX_ZOOM <= zoom <= MAX_ZOOM
