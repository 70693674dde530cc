"""Outlines, textures and nuclei for the drawn tissue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Rng = np.random.Generator
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def smooth_noise(shape: tuple[int, int], sigma_px: float, rng: Rng) -> Floats:
    """Gaussian noise (H, W) blurred to structures of `sigma_px`, of mean 0 and standard deviation 1."""
    coarse = max(1, int(sigma_px // 3))  # broad structures are drawn small and enlarged: the same look, much faster
    small = tuple(-(-side // coarse) + 1 for side in shape)
    noise: Floats = ndimage.gaussian_filter(rng.standard_normal(small), sigma_px / coarse, mode="wrap")
    if coarse > 1:
        noise = ndimage.zoom(noise, coarse, order=1)
    noise = noise[: shape[0], : shape[1]]
    return (noise - noise.mean()) / noise.std()


def fibers(shape: tuple[int, int], rng: Rng) -> Floats:
    """Wavy collagen (H, W), 0 to 1: stripes across a direction that drifts over the tile."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(float)
    drift_rows, drift_columns = (14 * smooth_noise(shape, 28, rng) for _ in range(2))
    angle = float(rng.uniform(0, np.pi))
    across = (rows + drift_rows) * np.cos(angle) + (columns + drift_columns) * np.sin(angle)
    period = float(rng.uniform(9, 15))
    stripes = 0.5 + 0.5 * np.sin(2 * np.pi * across / period + 1.5 * smooth_noise(shape, 9, rng))
    uneven = np.clip(0.5 + 0.35 * smooth_noise(shape, 12, rng), 0, 1)
    return 0.55 * stripes * uneven + 0.45 * np.clip(0.5 + 0.3 * smooth_noise(shape, 3, rng), 0, 1)


def blob(
    shape: tuple[int, int],
    center: tuple[float, float],
    radius_px: float,
    roughness: float,
    margin_px: float,
    rng: Rng,
) -> tuple[Mask, Mask]:
    """A round outline, squeezed and dented by chance: filled, and filled with a margin around it, both (H, W)."""
    turn, squeeze = float(rng.uniform(0, np.pi)), float(rng.uniform(0.6, 1.0))
    waves = [(k, roughness / (k - 1) * rng.normal(), rng.uniform(0, 2 * np.pi)) for k in range(2, 7)]
    reach = 1.6 * radius_px + margin_px
    box = tuple(
        slice(int(np.clip(c - reach, 0, side)), int(np.clip(c + reach + 1, 0, side)))
        for c, side in zip(center, shape, strict=True)
    )
    rows, columns = np.mgrid[box].astype(float)
    rows, columns = rows - center[0], columns - center[1]
    along = rows * np.cos(turn) + columns * np.sin(turn)
    across = (columns * np.cos(turn) - rows * np.sin(turn)) / squeeze
    direction = np.arctan2(across, along)
    outline = 1 + sum(height * np.cos(k * direction + phase) for k, height, phase in waves)
    beyond = np.hypot(along, across) - radius_px * np.clip(outline, 0.5, 1.6)
    inside, grown = np.zeros(shape, bool), np.zeros(shape, bool)
    inside[box], grown[box] = beyond < 0, beyond * squeeze < margin_px
    return inside, grown


def depth_inside(inside: Mask) -> Floats:
    """Distance in pixels of the pixels inside from the outline (H, W), as if the shape went on beyond the edge."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    box = (
        slice(max(0, rows[0] - 1), rows[-1] + 2),
        slice(max(0, columns[0] - 1), columns[-1] + 2),
    )
    depth = np.zeros(inside.shape)
    part = np.pad(inside[box], 1, mode="edge")
    depth[box] = ndimage.distance_transform_edt(part)[1:-1, 1:-1]
    return depth


def stamp_nuclei(
    hematoxylin: Floats,
    places: NDArray[np.int64],
    long_px: Floats,
    short_px: Floats,
    angles: Floats,
    amount: float,
    rng: Rng,
) -> None:
    """Add ovals with soft rims and uneven chromatin at `places` (N, 2), with half axes and directions (N,)."""
    reach = int(np.ceil(long_px.max(initial=1))) + 2
    offset_rows, offset_columns = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(float)
    for (row, column), long, short, angle in zip(places, long_px, short_px, angles, strict=True):
        along = offset_rows * np.sin(angle) + offset_columns * np.cos(angle)
        across = offset_rows * np.cos(angle) - offset_columns * np.sin(angle)
        distance = np.hypot(along / long, across / short)
        rim = np.clip((1 - distance) * short / 1.2 + 0.5, 0, 1)
        texture = rng.uniform(0.8, 1.15) * (1 + 0.18 * rng.standard_normal(rim.shape))
        top, left = max(0, row - reach), max(0, column - reach)
        bottom, right = min(hematoxylin.shape[0], row + reach + 1), min(hematoxylin.shape[1], column + reach + 1)
        part = (slice(top - row + reach, bottom - row + reach), slice(left - column + reach, right - column + reach))
        target = hematoxylin[top:bottom, left:right]
        np.maximum(target, amount * (rim * texture)[part], out=target)
