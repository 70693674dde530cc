"""How much tissue a crop shows: the scales at which crops are drawn, by the size of what is annotated.

A network that sees a fraction of a structure at a time cannot tell which kind it is, and one that sees it at more
pixels than it needs learns slowly. As nnU-Net (Isensee et al. 2021) takes its patch size from the images, the scales
here follow the annotated regions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.data.pixel_size import zoom_to_run
from training_core.project import Project
from training_core.settings.schema import USUAL_SCALES, AugmentConfig, Config

_STRUCTURES_PER_CROP = 2.0
"""The side of a crop of middle scale, in typical structures: one whole and what surrounds it."""
TILES_MEASURED = 50
"""The size of structures is known well enough from so many tiles."""
DENSE = 0.5
"""Below this share of annotated pixels a tile shows strokes, whose size says nothing of the structures."""
_STEPS_PER_OCTAVE = 2
"""The range moves in steps of a factor of the square root of two, so that it is the same from round to round."""


def structure_size_px(labels: Iterable[tuple[ClassIds, float]]) -> float | None:
    """The typical size of the annotated structures: the square root of their area.

    Of each class the size of the region in which a random pixel of it lies (area-weighted median); of these the median
    over the classes, without the largest, which is what lies between the others.

    Parameters
    ----------
    labels
        Class ids (H, W), 255 where not annotated, and the factor to the run's resolution. Tiles of which less than
        half is annotated are passed over.

    Returns
    -------
    float or None
        In px at the run's resolution; None where no tile is annotated densely, or only one class is.
    """
    areas: dict[int, list[NDArray[np.float64]]] = {}
    for label, zoom in labels:
        if (label != UNLABELED).mean() < DENSE:
            continue
        for class_id in np.unique(label[label != UNLABELED]):
            regions, _ = ndimage.label(label == class_id, np.ones((3, 3)))
            areas.setdefault(int(class_id), []).append(np.bincount(regions.ravel())[1:].astype(np.float64) * zoom**2)
    sizes = sorted(math.sqrt(_weighted_median(np.sort(np.concatenate(each)))) for each in areas.values())
    return float(np.median(sizes[:-1])) if len(sizes) > 1 else None


def _weighted_median(areas: NDArray[np.float64]) -> float:
    """The area of the region of the middle pixel; areas (N,) sorted."""
    shares = np.cumsum(areas) / areas.sum()
    return float(areas[np.searchsorted(shares, 0.5)])


def scales_for(structure_px: float | None, sides_px: Sequence[float], crop_px: int) -> tuple[float, float]:
    """The range of the scales of crops: the usual one, or lower where structures are large.

    Parameters
    ----------
    structure_px
        Typical size of the structures, in px at the run's resolution; None: not known.
    sides_px
        The shorter side of each tile, in px at the run's resolution: a crop of middle scale never shows more than the
        middle one of them, because beyond a tile's edge the tissue is only mirrored.
    """
    low, high = USUAL_SCALES
    if structure_px is None:
        return USUAL_SCALES
    wanted = crop_px / min(_STRUCTURES_PER_CROP * structure_px, float(np.median(sides_px)))
    steps = round(math.log2(wanted / math.sqrt(low * high)) * _STEPS_PER_OCTAVE)
    factor = 2 ** (min(0, steps) / _STEPS_PER_OCTAVE)
    return low * factor, high * factor


def settled_scales(project: Project, annotated: Sequence[str], config: Config, run_mpp: float | None) -> AugmentConfig:
    """With the range of scales that the settings give, or the one for the size of the structures.

    Parameters
    ----------
    annotated
        The names of the tiles to measure; of many the first ones are.
    run_mpp
        Pixel size of the run.
    """
    augment = config.augment
    if augment.scale_min is None and augment.scale_max is None:
        zooms = {tile.name: zoom_to_run(tile.mpp_um, run_mpp) for tile in project.tiles}
        structure_px = structure_size_px((project.label(name), zooms[name]) for name in annotated[:TILES_MEASURED])
        sides = [min(tile.width_px, tile.height_px) * zooms[tile.name] for tile in project.tiles]
        low, high = scales_for(structure_px, sides, config.data.crop_px)
    else:
        low, high = augment.scales
    return augment.model_copy(update={"scale_min": low, "scale_max": high})
