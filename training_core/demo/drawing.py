"""Brushes for procedural tissue: smooth noise, scattered points, soft ellipses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import BoolMask

Map = NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale_px: float) -> Map:
    """Noise (H, W) with mean 0 and standard deviation 1 whose blobs are about `scale_px` wide."""
    # Drawn small and enlarged: a Gaussian of 60 px over the whole image costs more than everything else together.
    step = max(1, int(scale_px / 4))
    small = (shape[0] // step + 4, shape[1] // step + 4)
    field: Map = ndimage.gaussian_filter(rng.standard_normal(small, dtype=np.float32), scale_px / step / 2)
    if step > 1:
        field = _enlarge(field, step)
    field = field[: shape[0], : shape[1]]
    noise: Map = (field - field.mean()) / (field.std() + 1e-6)
    return noise


def _enlarge(field: Map, step: int) -> Map:
    """Linear interpolation between the points of a grid, axis by axis; a tenth of the time of ndimage.zoom."""
    weights: Map = np.linspace(0, 1, step, endpoint=False, dtype=np.float32)[:, None]
    for _ in range(2):
        rows: Map = field[:-1, None] + (field[1:, None] - field[:-1, None]) * weights
        field = rows.reshape(-1, field.shape[1]).T
    return field


def scatter(rng: np.random.Generator, where: BoolMask, spacing_px: float, share: float = 1.0) -> NDArray[np.intp]:
    """Random pixels (N, 2) of the region, none closer than about `spacing_px` to another; `share` of those that fit."""
    candidates = np.argwhere(where)
    if not len(candidates):
        return np.zeros((0, 2), dtype=np.intp)
    tries = min(len(candidates), int(4 * len(candidates) / spacing_px**2) + 8)
    chosen = candidates[rng.choice(len(candidates), tries, replace=False)]
    reach = max(1, round(spacing_px * 0.8))
    taken = np.zeros(where.shape, dtype=bool)
    accepted: list[tuple[int, int]] = []
    for y, x in chosen.tolist():
        if not taken[y, x]:
            accepted.append((y, x))
            taken[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = True
    kept = np.array(accepted, dtype=np.intp)
    return kept[rng.random(len(kept)) < share]


@dataclass(frozen=True)
class Ellipses:
    """N soft ellipses. centers (N, 2) y, x; long and short half axes in px; angle of the long axis from x to y."""

    centers: NDArray[np.intp]
    long_px: NDArray[np.float64]
    short_px: NDArray[np.float64]
    angle: NDArray[np.float64]
    strength: NDArray[np.float64]


def stamp(target: Map, ellipses: Ellipses, softness: float = 0.25) -> None:
    """Raise `target` (H, W) to the strength of each ellipse inside it; edges fade over `softness` of the radius."""
    if not len(ellipses.centers):
        return
    reach = int(np.ceil(ellipses.long_px.max() * (1 + softness))) + 1
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    cos, sin = (f(ellipses.angle)[:, None, None] for f in (np.cos, np.sin))
    along = (dx * cos + dy * sin) / ellipses.long_px[:, None, None]
    across = (dy * cos - dx * sin) / ellipses.short_px[:, None, None]
    inside = np.clip((1 + softness - np.hypot(along, across)) / softness, 0, 1)
    y = ellipses.centers[:, 0, None, None] + dy
    x = ellipses.centers[:, 1, None, None] + dx
    seen = (inside > 0) & (y >= 0) & (y < target.shape[0]) & (x >= 0) & (x < target.shape[1])
    values = (inside * ellipses.strength[:, None, None]).astype(np.float32)
    np.maximum.at(target, (y[seen], x[seen]), values[seen])


def blob(
    rng: np.random.Generator,
    shape: tuple[int, int],
    center: tuple[float, float],
    radius_px: float,
    *,
    wobble: float,
    stretch: float,
) -> BoolMask:
    """A closed, irregular, smooth shape (H, W) around `center`, made of a circle and a few harmonics."""
    turn = rng.uniform(0, np.pi)
    waves = [(k, wobble / k * rng.normal(), rng.uniform(0, 2 * np.pi)) for k in range(2, 7)]
    inside = np.zeros(shape, dtype=bool)
    reach = radius_px * 1.6 * stretch
    top, left = (max(0, int(middle - reach)) for middle in center)
    bottom, right = (min(end, int(middle + reach) + 1) for middle, end in zip(center, shape, strict=True))
    if top >= bottom or left >= right:
        return inside
    dy = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(center[0])
    dx = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(center[1])
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    along, across = (dx * cos + dy * sin) / np.float32(stretch), (dy * cos - dx * sin) * np.float32(stretch)
    circle = np.linspace(-np.pi, np.pi, 721)
    outline = 1 + sum(size * np.cos(k * circle + phase) for k, size, phase in waves)
    limit = np.interp(np.arctan2(across, along), circle, radius_px * np.clip(outline, 0.4, 1.6))
    inside[top:bottom, left:right] = np.hypot(along, across) < limit
    return inside


def around(shape: BoolMask, margin_px: int) -> tuple[slice, slice]:
    """The part of the image within `margin_px` of a shape, so that small shapes cost little."""
    y, x = (np.flatnonzero(shape.any(axis=axis)) for axis in (1, 0))
    top, left = max(0, int(y[0]) - margin_px), max(0, int(x[0]) - margin_px)
    return slice(top, int(y[-1]) + margin_px + 1), slice(left, int(x[-1]) + margin_px + 1)


def place_outlines(rng: np.random.Generator, blocked: BoolMask, size: float, *, wanted: int, gap_px: int) -> BoolMask:
    """Up to `wanted` outlines of glands that touch neither `blocked` (H, W) nor each other, as one mask (H, W).

    Each is cut by the plane of the section, and by the tile's edge, in its own way.

    Parameters
    ----------
    size
        Scale of the outlines; 1 gives radii of 34 to 96 px.
    """
    blocked, outlines = blocked.copy(), np.zeros_like(blocked)
    for _ in range(wanted * 8):
        center = rng.uniform(0, blocked.shape[0]), rng.uniform(0, blocked.shape[1])
        if blocked[int(center[0]), int(center[1])]:
            continue
        radius = size * rng.uniform(34, 96)
        outline = blob(rng, blocked.shape, center, radius, wobble=rng.uniform(0.1, 0.4), stretch=rng.uniform(1, 1.45))
        if wanted > 0 and outline.any() and not (outline & blocked).any():
            outlines |= outline
            part = around(outline, gap_px + 1)
            blocked[part] |= ndimage.distance_transform_edt(~outline[part]) <= gap_px
            wanted -= 1
    return outlines
