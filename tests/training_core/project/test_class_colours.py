"""The classes' first colours can be told apart on H&E, filled and as outlines, also without green receptors."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from training_core.project.classes import PALETTE

TISSUE = np.array([(232, 196, 214), (148, 92, 160), (240, 236, 240)]) / 255
"""Stroma, nuclei and glass."""
OPACITY = 0.4
LEAST_DIFFERENCE = 6.0
"""In CIEDE2000; 2 to 3 is just noticeable beside each other. The palette of Okabe and Ito reaches 2."""
# Machado, Oliveira and Fernandes 2009, severity 1
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)


def without_green(rgb: np.ndarray) -> np.ndarray:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ DEUTERANOPIA.T, 0, 1)
    return np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)


def least_differences(colors: np.ndarray, see) -> tuple[float, float]:
    """Between two classes, whatever tissue each lies on; and between a class and bare tissue."""
    laid = [rgb2lab(see((1 - OPACITY) * tissue + OPACITY * colors)[None])[0] for tissue in TISSUE]
    bare = rgb2lab(see(TISSUE)[None])[0]
    others = ~np.eye(len(colors), dtype=bool)
    between = min(deltaE_ciede2000(one[:, None], two[None])[others].min() for one in laid for two in laid)
    return float(between), float(min(deltaE_ciede2000(one[:, None], bare[None]).min() for one in laid))


@pytest.mark.parametrize("see", [lambda rgb: rgb, without_green], ids=["full", "without green receptors"])
def test_classes_can_be_told_apart_and_from_the_tissue(see) -> None:
    colors = np.array([[int(each[start : start + 2], 16) for start in (1, 3, 5)] for each in PALETTE]) / 255
    between, bare = least_differences(colors, see)
    assert between >= LEAST_DIFFERENCE
    assert bare >= LEAST_DIFFERENCE


def test_the_measure_finds_colours_that_are_alike() -> None:
    okabe_ito = ("#009e73", "#e69f00", "#56b4e9", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#000000")
    colors = np.array([[int(each[start : start + 2], 16) for start in (1, 3, 5)] for each in okabe_ito]) / 255
    between, bare = least_differences(colors, lambda rgb: rgb)
    assert between < LEAST_DIFFERENCE
    assert bare < LEAST_DIFFERENCE
