"""Other stainings of the same tissue: amounts of dye and their hues, changed where they are linear.

By the Beer-Lambert law the optical density of a pixel is the sum of its dyes' amounts times their absorbance vectors.
Ruifrok and Johnston 2001 give those vectors for hematoxylin, eosin and DAB; Tellez et al. 2018 (arXiv 1808.05896)
perturb the amounts, s' = a s + b. Here the additive b is left out, because it tints empty glass, and the vectors turn
instead, as they do from one laboratory and scanner to the next. Empty glass, with a density of 0, stays white.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Rng = np.random.Generator

STAINS: NDArray[np.float64] = np.array([(0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78)])
"""Absorbance of red, green and blue by hematoxylin, eosin and DAB (Ruifrok and Johnston 2001)."""
STAINS /= np.linalg.norm(STAINS, axis=1, keepdims=True)

_LEAST_DEVIATION = 0.02
"""Of the optical density: the noise of a crop that is all glass does not become tissue."""
MAX_TURN_RAD = 0.2
"""How far a stain vector turns at strength 1: 11 degrees."""


def stain_jitter(image: Tensor, strength: float, rng: Rng) -> Tensor:
    """The tissue (3, H, W), 0..1, stained otherwise: at strength 1 each dye half to double and turned by 11 degrees.

    Strength 0 changes nothing and draws nothing from `rng`.
    """
    if strength == 0:
        return image
    change = torch.from_numpy(_density_change(strength, rng)).to(image.dtype)
    # exp(-(change^T times the density -log image)): the two signs cancel
    log_image = image.clamp(min=1 / 255).log_().reshape(3, -1)
    return (change.T @ log_image).exp_().clamp_(max=1).reshape(image.shape)


def stain_of(pixels: Tensor) -> Tensor:
    """Mean and standard deviation (2, 3) of the optical density of pixels (..., 3), 0..1."""
    density = -pixels.clamp(min=1 / 255).log().reshape(-1, 3)
    return torch.stack([density.mean(0), density.std(0, correction=0)])


def stained_as(image: Tensor, stain: Tensor) -> Tensor:
    """The tissue (3, H, W), 0..1, with the mean and standard deviation (2, 3) of another one's optical density.

    As Reinhard et al. 2001 (doi 10.1109/38.946629) transfer colours, but in optical density. Glass may be tinted.
    """
    mean, deviation = stain_of(image.movedim(0, -1))[:, :, None, None]
    density = -image.clamp(min=1 / 255).log()
    scaled = (density - mean) / deviation.clamp(min=_LEAST_DEVIATION)
    changed: Tensor = (scaled * stain[1, :, None, None] + stain[0, :, None, None]).clamp(min=0)
    return changed.neg().exp()


def _density_change(strength: float, rng: Rng) -> NDArray[np.float64]:
    """(3, 3): densities as a row, times this, are the densities of the other staining."""
    amounts = 2.0 ** rng.uniform(-strength, strength, 3)
    turned = np.stack([_turned(vector, strength * MAX_TURN_RAD, rng) for vector in STAINS])
    change: NDArray[np.float64] = np.linalg.inv(STAINS) @ (amounts[:, None] * turned)
    return change


def _turned(vector: NDArray[np.float64], most_rad: float, rng: Rng) -> NDArray[np.float64]:
    """The unit vector, turned by up to `most_rad` in a random direction; no dye gives light."""
    aside = rng.normal(size=3)
    aside -= (aside @ vector) * vector
    angle = rng.uniform(0, most_rad)
    turned: NDArray[np.float64] = np.cos(angle) * vector + np.sin(angle) * aside / np.linalg.norm(aside)
    return np.clip(turned, 0, None)
