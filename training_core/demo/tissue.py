"""Draws H&E-like tissue with glands: light through two stains, varied in stain, sharpness and scale from tile to tile.

Stains add up as absorbances (Beer-Lambert); the stain vectors are those of Ruifrok and Johnston 2001. A gland is an
epithelial ring with basal nuclei around a lumen. Fat, vessels and heaps of lymphocytes look like a part of a gland and
are none, so that color alone does not tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.demo.shapes import Floats, Mask, blob, depth_inside, fibers, smooth_noise, stamp_nuclei

Rng = np.random.Generator

_HEMATOXYLIN = np.array([0.65, 0.70, 0.29])
_EOSIN = np.array([0.07, 0.99, 0.11])
GLAND = 1


@dataclass
class _Tile:
    """Amounts of both stains (H, W) while a tile is drawn, and what is where."""

    hematoxylin: Floats
    eosin: Floats
    gland: Mask
    """Epithelium and lumen."""
    taken: Mask
    """Pixels of any structure; stroma is the rest."""
    scale: float
    """Size of everything, 1 on average."""
    fine: Floats
    coarse: Floats
    """Textures (H, W) of about 3 and 6 px, shared by all structures."""


def draw_tile(rng: Rng, size_px: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An RGB image (size, size, 3) and its truth (size, size): 1 in glands, 0 elsewhere."""
    scale = float(rng.uniform(0.8, 1.3))
    shape = (size_px, size_px)
    stroma = 0.26 + 0.3 * fibers(shape, rng) + 0.08 * smooth_noise(shape, 30, rng)
    tile = _Tile(
        np.full(shape, 0.03),
        stroma,
        np.zeros(shape, bool),
        np.zeros(shape, bool),
        scale,
        smooth_noise(shape, 3, rng),
        smooth_noise(shape, 6, rng),
    )
    for _ in range(int(rng.integers(7, 15))):
        _add_gland(tile, rng)
    for _ in range(int(rng.integers(0, 4))):
        _add_fat(tile, rng)
    for _ in range(int(rng.integers(0, 3))):
        _add_vessel(tile, rng)
    _add_stroma_nuclei(tile, rng)
    if rng.random() < 0.6:
        _add_lymphocytes(tile, rng)
    return _develop(tile, rng), np.where(tile.gland, GLAND, 0).astype(np.uint8)


def _place(tile: _Tile, radius_px: float, rng: Rng, *, roughness: float, gap_px: float) -> Mask | None:
    """A free place for a structure, possibly cut by the tile's edge; None when the tile is too full."""
    size = tile.taken.shape[0]
    for _ in range(24):
        row, column = rng.uniform(-0.1 * size, 1.1 * size, size=2)
        if 0 <= row < size and 0 <= column < size and tile.taken[int(row), int(column)]:
            continue
        inside, grown = blob(tile.taken.shape, (row, column), radius_px, roughness, gap_px, rng)
        if inside.sum() > 200 and not (grown & tile.taken).any():
            return inside
    return None


def _add_gland(tile: _Tile, rng: Rng) -> None:
    radius = float(rng.uniform(42, 100)) * tile.scale
    gland = _place(tile, radius, rng, roughness=0.13, gap_px=7)
    if gland is None:
        return
    wall = float(np.clip(rng.normal(20, 4), 13, 28)) * tile.scale
    depth = depth_inside(gland)
    lumen = depth > wall + 5 * tile.coarse
    epithelium = gland & ~lumen
    mucin = float(rng.uniform(0.0, 0.16))
    tile.eosin[epithelium] = (0.32 - mucin + 0.06 * tile.fine)[epithelium]
    tile.hematoxylin[epithelium] = 0.10 - 0.03 * tile.fine[epithelium]
    debris = np.maximum(tile.coarse - 1.1, 0)
    tile.eosin[lumen] = 0.03 + float(rng.uniform(0.0, 0.35)) * debris[lumen]
    tile.hematoxylin[lumen] = 0.01
    _line_with_nuclei(tile, depth, epithelium, wall, rng)
    tile.gland |= gland
    tile.taken |= gland


def _line_with_nuclei(tile: _Tile, depth: Floats, epithelium: Mask, wall: float, rng: Rng) -> None:
    """Oval nuclei near the basal side, pointing to the lumen; crowded glands have two rows."""
    rows_of_nuclei = (0.3,) if rng.random() < 0.65 else (0.27, 0.55)
    down, right = np.gradient(ndimage.gaussian_filter(depth, 2))
    for share in rows_of_nuclei:
        band = epithelium & (np.abs(depth - share * wall) < 2.5)
        places = np.argwhere(band)
        if not len(places):
            continue
        chosen = places[rng.permutation(len(places))[: max(1, int(len(places) / (13 * tile.scale)))]]
        angles = np.arctan2(down[tuple(chosen.T)], right[tuple(chosen.T)]) + rng.normal(0, 0.2, len(chosen))
        long = rng.normal(7.2, 0.8, len(chosen)) * tile.scale
        stamp_nuclei(tile.hematoxylin, chosen, long, long * rng.uniform(0.5, 0.7, len(chosen)), angles, 0.62, rng)


def _add_fat(tile: _Tile, rng: Rng) -> None:
    """A clear hole with a thin wall: a lumen without epithelium."""
    hole = _place(tile, float(rng.uniform(18, 48)) * tile.scale, rng, roughness=0.05, gap_px=3)
    if hole is None:
        return
    wall = hole & (depth_inside(hole) < 2.5)
    tile.eosin[hole], tile.hematoxylin[hole] = 0.02, 0.01
    tile.eosin[wall] = 0.45
    tile.taken |= hole


def _add_vessel(tile: _Tile, rng: Rng) -> None:
    """A ring of muscle around red cells: a gland's outline without its epithelium."""
    vessel = _place(tile, float(rng.uniform(20, 42)) * tile.scale, rng, roughness=0.06, gap_px=5)
    if vessel is None:
        return
    depth = depth_inside(vessel)
    muscle = vessel & (depth < 8 * tile.scale)
    inside = vessel & ~muscle
    tile.eosin[muscle] = (0.55 + 0.1 * tile.fine)[muscle]
    tile.hematoxylin[muscle] = 0.05
    cells = tile.fine > -0.2
    tile.eosin[inside] = np.where(cells, 0.78, 0.04)[inside]
    tile.hematoxylin[inside] = 0.01
    places = np.argwhere(muscle & (np.abs(depth - 4 * tile.scale) < 1))
    _scatter(tile, places, 10, (6.5, 2.2), 0.5, rng)
    tile.taken |= vessel


def _add_stroma_nuclei(tile: _Tile, rng: Rng) -> None:
    places = np.argwhere(ndimage.binary_erosion(~tile.taken, iterations=3))
    number = int(len(places) * float(rng.uniform(0.0006, 0.0014)) / tile.scale**2)
    _scatter(tile, places, number, (7.5, 2.3), 0.55, rng)


def _add_lymphocytes(tile: _Tile, rng: Rng) -> None:
    """Heaps of small round dark nuclei in the stroma."""
    free = ndimage.binary_erosion(~tile.taken, iterations=5)
    places = np.argwhere(free)
    if not len(places):
        return
    for _ in range(int(rng.integers(1, 4))):
        center = places[int(rng.integers(len(places)))]
        spread = float(rng.uniform(14, 34)) * tile.scale
        near = center + rng.normal(0, spread, (int(rng.integers(30, 90)), 2))
        rows, columns = np.clip(np.rint(near).astype(int), 0, free.shape[0] - 1).T
        chosen = np.stack([rows, columns], axis=1)[free[rows, columns]]
        radius = np.full(len(chosen), 3.6 * tile.scale)
        stamp_nuclei(tile.hematoxylin, chosen, radius, radius, np.zeros(len(chosen)), 0.85, rng)


def _scatter(
    tile: _Tile, places: NDArray[np.int64], number: int, radii_px: tuple[float, float], amount: float, rng: Rng
) -> None:
    """`number` nuclei at random `places`, in random directions."""
    if not len(places) or not number:
        return
    chosen = places[rng.integers(len(places), size=number)]
    long, short = (radius * tile.scale * rng.uniform(0.8, 1.2, number) for radius in radii_px)
    stamp_nuclei(tile.hematoxylin, chosen, long, short, rng.uniform(0, np.pi, number), amount, rng)


def _develop(tile: _Tile, rng: Rng) -> NDArray[np.uint8]:
    """Light through the stains, seen through a microscope that is not always in focus."""
    hematoxylin = _HEMATOXYLIN + rng.normal(0, 0.035, 3)
    eosin = np.abs(_EOSIN + rng.normal(0, 0.035, 3))
    grain = 1 + 0.05 * smooth_noise(tile.eosin.shape, 1.2, rng)
    amounts = (tile.hematoxylin * rng.uniform(1.3, 2.1), tile.eosin * rng.uniform(0.8, 1.35))
    absorbance = (amounts[0] * grain)[..., None] * hematoxylin + (amounts[1] * grain)[..., None] * eosin
    light = np.exp(-absorbance) * rng.uniform(0.93, 0.99) * (1 + rng.normal(0, 0.01, 3))
    blurred = ndimage.gaussian_filter(light, (*[float(rng.uniform(0.5, 1.5))] * 2, 0))
    noisy = blurred + rng.normal(0, 0.008, blurred.shape)
    image: NDArray[np.uint8] = np.clip(np.rint(noisy * 255), 0, 255).astype(np.uint8)
    return image
