"""Three laboratories with their scanners, and what goes wrong on the way: folds, blurred spots, pen.

Stain vectors are variations on Ruifrok and Johnston 2001.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import Rgb8
from training_core.demo.drawing import Map, smooth_noise
from training_core.demo.staining import Staining, photograph

DRAWN_MPP_UM = 0.5
"""The resolution that tissue is drawn at."""


@dataclass(frozen=True)
class Scanner:
    """A scanner and the laboratory in front of it.

    Attributes
    ----------
    tile_px
        Height and width of its tiles.
    staining
        What its laboratory's tiles look like on average.
    """

    mpp_um: float
    tile_px: tuple[int, int]
    staining: Staining


def _staining(
    hematoxylin: tuple[float, float, float], eosin: tuple[float, float, float], amounts: tuple[float, float],
    blur_px: float, noise: float, light: tuple[float, float, float],
) -> Staining:  # fmt: skip
    vectors = [np.array(vector) / np.linalg.norm(vector) for vector in (hematoxylin, eosin)]
    return Staining(vectors[0], vectors[1], *amounts, blur_px, noise, np.array(light))


SCANNERS = (
    Scanner(
        0.5, (512, 512), _staining((0.65, 0.70, 0.29), (0.11, 0.99, 0.25), (1.05, 0.95), 0.7, 2.5, (244, 243, 246))
    ),
    Scanner(
        0.5, (448, 560), _staining((0.52, 0.78, 0.34), (0.22, 0.93, 0.30), (0.80, 1.35), 1.3, 3.5, (240, 236, 238))
    ),
    Scanner(
        0.25, (640, 640), _staining((0.74, 0.64, 0.20), (0.06, 0.98, 0.17), (1.35, 0.75), 1.6, 2.0, (236, 241, 248))
    ),
)
_PENS = ((30, 60, 150), (20, 110, 60), (35, 35, 40))


def scan(rng: np.random.Generator, hematoxylin: Map, eosin: Map, scanner: Scanner) -> Rgb8:
    """The image (H, W, 3) of these amounts of dye, drawn at `DRAWN_MPP_UM`, in the scanner's own pixels."""
    mean = scanner.staining
    staining = replace(
        mean,
        hematoxylin=_near(rng, mean.hematoxylin),
        eosin=_near(rng, mean.eosin),
        hematoxylin_amount=mean.hematoxylin_amount * rng.uniform(0.85, 1.18),
        eosin_amount=mean.eosin_amount * rng.uniform(0.85, 1.18),
        blur_px=mean.blur_px * rng.uniform(0.8, 1.4),
        light=mean.light + rng.uniform(-4, 4, 3),
    )
    if rng.random() < 0.3:
        layers = 1 + rng.uniform(0.5, 0.9) * _band(rng, eosin.shape, rng.uniform(5, 10))
        hematoxylin, eosin = hematoxylin * layers, eosin * layers
    enlarged = round(DRAWN_MPP_UM / scanner.mpp_um)
    if enlarged > 1:
        hematoxylin, eosin = (ndimage.zoom(dye, enlarged, order=1, grid_mode=True, mode="nearest")
                              for dye in (hematoxylin, eosin))  # fmt: skip
    picture = photograph(rng, hematoxylin, eosin, staining)
    if rng.random() < 0.3:
        picture = _out_of_focus(rng, picture)
    if rng.random() < 0.12:
        ink = np.array(_PENS[rng.integers(len(_PENS))]) / 255
        line = _band(rng, picture.shape[:2], rng.uniform(9, 16))[..., None]
        picture = np.rint(picture * (1 - 0.8 * line * (1 - ink))).astype(np.uint8)
    return picture


def _near(rng: np.random.Generator, vector: NDArray[np.float64]) -> NDArray[np.float64]:
    moved = np.clip(vector + rng.normal(0, 0.02, 3), 0.02, None)
    normalized: NDArray[np.float64] = moved / np.linalg.norm(moved)
    return normalized


def _band(rng: np.random.Generator, shape: tuple[int, ...], half_width_px: float) -> Map:
    """A wavy band across the tile, (H, W): 1 inside, 0 outside, with edges of 2 px."""
    height, width = shape
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    turn = rng.uniform(0, np.pi)
    middle = rng.uniform(0.2, 0.8, 2) * shape
    away = (x - middle[1]) * np.float32(np.cos(turn)) + (y - middle[0]) * np.float32(np.sin(turn))
    away = away + 12 * smooth_noise(rng, (height, width), 120)
    band: Map = np.clip((half_width_px - np.abs(away)) / 2, 0, 1).astype(np.float32)
    return band


def _out_of_focus(rng: np.random.Generator, picture: Rgb8) -> Rgb8:
    blurred = ndimage.gaussian_filter(picture.astype(np.float32), (3, 3, 0))
    share = np.clip(smooth_noise(rng, picture.shape[:2], 160) - 0.3, 0, 1)[..., None]
    mixed: Rgb8 = np.rint(picture * (1 - share) + blurred * share).astype(np.uint8)
    return mixed
