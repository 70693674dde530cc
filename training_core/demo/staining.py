"""From dye to light: hematoxylin and eosin by the Beer-Lambert law, then the microscope and the camera.

Stain vectors: Ruifrok and Johnston 2001, as scikit-image's rgb_from_hed has them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import Rgb8
from training_core.demo.drawing import Map, smooth_noise

_HEMATOXYLIN = np.array([0.65, 0.70, 0.29])
_EOSIN = np.array([0.07, 0.99, 0.11])


@dataclass(frozen=True)
class Staining:
    """How one tile was stained and scanned. Vectors: absorbance of red, green, blue per unit of dye."""

    hematoxylin: NDArray[np.float64]
    eosin: NDArray[np.float64]
    hematoxylin_amount: float
    eosin_amount: float
    blur_px: float
    noise: float
    light: NDArray[np.float64]


def draw_staining(rng: np.random.Generator) -> Staining:
    """A staining as another laboratory, day and scanner would give it."""
    return Staining(
        hematoxylin=_turned(rng, _HEMATOXYLIN, 0.06),
        eosin=_turned(rng, _EOSIN + np.array([0.04, 0.0, 0.14]), 0.06),
        hematoxylin_amount=rng.uniform(0.8, 1.35),
        eosin_amount=rng.uniform(0.65, 1.25),
        blur_px=rng.uniform(0.5, 1.7),
        noise=rng.uniform(1.5, 4.0),
        light=np.array([244.0, 243.0, 246.0]) + rng.uniform(-6, 6, 3),
    )


def photograph(rng: np.random.Generator, hematoxylin: Map, eosin: Map, staining: Staining) -> Rgb8:
    """The image (H, W, 3) that these amounts of dye (H, W) give under the microscope."""
    dyes = hematoxylin * staining.hematoxylin_amount, eosin * staining.eosin_amount
    # absorbance (H, W, 3)
    absorbance = dyes[0][..., None] * staining.hematoxylin + dyes[1][..., None] * staining.eosin
    uneven = 1 + 0.015 * smooth_noise(rng, hematoxylin.shape, 300)[..., None]
    light = (staining.light * uneven * np.exp(-absorbance)).astype(np.float32)
    light = ndimage.gaussian_filter(light, (staining.blur_px, staining.blur_px, 0))
    light += staining.noise * rng.standard_normal(light.shape, dtype=np.float32)
    picture: Rgb8 = np.clip(np.rint(light), 0, 255).astype(np.uint8)
    return picture


def _turned(rng: np.random.Generator, vector: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    turned = np.clip(vector + rng.normal(0, by, 3), 0.02, None)
    normalized: NDArray[np.float64] = turned / np.linalg.norm(turned)
    return normalized
