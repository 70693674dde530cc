"""The tile while it is drawn, and what every kind of tissue is drawn of: fibers, nuclei, holes, red cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import BoolMask, ClassIds, Rgb8
from training_core.demo.drawing import Ellipses, Map, around, scatter, smooth_noise, stamp


@dataclass(frozen=True)
class DrawnTile:
    """An image (H, W, 3), its truth (H, W) as class ids, and its µm/px."""

    picture: Rgb8
    truth: ClassIds
    mpp_um: float


@dataclass
class Canvas:
    """The tile while it is drawn: dyes, and what is where. `glass` counts from 0 (tissue) to 1 (nothing there)."""

    hematoxylin: Map
    eosin: Map
    glass: Map
    glands: BoolMask
    holes: BoolMask
    fiber_angle: Map
    grain: Map
    """Noise of about 2 px, for everything that has a fine texture."""


def stroma(rng: np.random.Generator, shape: tuple[int, int]) -> Canvas:
    """Collagen: bundles of wavy fibers, denser here and looser there."""
    y, x = (axis.astype(np.float32) for axis in np.mgrid[: shape[0], : shape[1]])
    turn = rng.uniform(0, np.pi)
    bend = rng.uniform(25, 60) * smooth_noise(rng, shape, 120) + 5 * smooth_noise(rng, shape, 28)
    across = x * np.float32(np.cos(turn)) + y * np.float32(np.sin(turn)) + bend.astype(np.float32)
    grain = smooth_noise(rng, shape, 2)
    bundles = sum(np.sin(across / width + 2 * smooth_noise(rng, shape, 16)) for width in (7.0, 3.1, 1.6))
    dense = smooth_noise(rng, shape, 70)
    eosin = 0.42 + 0.10 * dense + 0.055 * bundles + 0.025 * grain[::-1]
    gradient_y, gradient_x = np.gradient(ndimage.gaussian_filter(across, 4))
    gaps = np.clip((bundles - 1.3 - 0.6 * dense) * 0.5, 0, 0.75)
    return Canvas(
        hematoxylin=np.clip(0.06 + 0.02 * smooth_noise(rng, shape, 20), 0, None).astype(np.float32),
        eosin=np.clip(eosin, 0.08, None).astype(np.float32),
        glass=gaps.astype(np.float32),
        glands=np.zeros(shape, dtype=bool),
        holes=np.zeros(shape, dtype=bool),
        fiber_angle=(np.arctan2(gradient_y, gradient_x) + np.pi / 2).astype(np.float32),
        grain=grain,
    )


def open_hole(rng: np.random.Generator, canvas: Canvas, hole: BoolMask, wall_px: float) -> None:
    """Cut a hole with a thin eosinophilic wall and a few flat nuclei in it."""
    if not hole.any():
        return
    part = around(hole, 16)
    hole, eosin, glass = hole[part], canvas.eosin[part], canvas.glass[part]
    outside = ndimage.distance_transform_edt(~hole)
    wall = (outside > 0) & (outside < wall_px)
    eosin[wall] = np.maximum(eosin[wall], rng.uniform(0.5, 0.75))
    glass[wall] = 0
    glass[hole] = np.clip(0.93 + 0.04 * smooth_noise(rng, hole.shape, 12)[hole], 0, 1)
    canvas.holes[part] |= hole
    rim = (outside > 0) & (outside < wall_px + 1.5) & ~canvas.glands[part]
    toward_y, toward_x = np.gradient(ndimage.gaussian_filter(outside.astype(np.float32), 2))
    along = np.arctan2(toward_y, toward_x) + np.pi / 2
    places = scatter(rng, rim, 15, share=0.5)
    angle = at(along, places)
    centers = places + np.array([part[0].start, part[1].start])
    nuclei(rng, canvas, centers, long_px=(4, 6.5), short_px=(1.2, 2.0), angle=angle, dye=(0.9, 1.3))


def red_cells(rng: np.random.Generator, canvas: Canvas, hole: BoolMask) -> None:
    """Red blood cells in a vessel; some vessels are full, some empty."""
    centers = scatter(rng, ndimage.binary_erosion(hole, iterations=3), 6, share=rng.uniform(0, 0.9))
    cells = np.zeros_like(canvas.eosin)
    size = rng.uniform(2.6, 3.4, len(centers))
    stamp(cells, Ellipses(centers, size, size * 0.9, np.zeros(len(centers)), rng.uniform(0.6, 0.85, len(centers))))
    canvas.glass[cells > 0.3] = 0
    canvas.eosin = np.where(cells > 0.3, cells, canvas.eosin)
    canvas.hematoxylin[cells > 0.3] = 0.03


def nuclei(
    rng: np.random.Generator,
    canvas: Canvas,
    centers: NDArray[np.intp],
    *,
    long_px: tuple[float, float],
    short_px: tuple[float, float],
    angle: NDArray[np.float64] | None,
    dye: tuple[float, float],
) -> None:
    """Nuclei around these pixels (N, 2), with sizes and dye drawn from ranges. angle (N,): None: any."""
    count = len(centers)
    if not count:
        return
    turned = rng.uniform(0, np.pi, count) if angle is None else angle
    body = np.zeros_like(canvas.hematoxylin)
    stamp(
        body,
        Ellipses(
            centers, rng.uniform(*long_px, count), rng.uniform(*short_px, count), turned, rng.uniform(*dye, count)
        ),
    )
    body *= 1 + 0.16 * canvas.grain
    np.maximum(canvas.hematoxylin, body, out=canvas.hematoxylin)
    inside = body > 0.35 * dye[0]
    canvas.eosin[inside] *= 0.75
    canvas.glass[inside] = 0


def at(field: NDArray[np.floating], centers: NDArray[np.intp]) -> NDArray[np.float64]:
    """The values (N,) of a map at these pixels (N, 2)."""
    values: NDArray[np.float64] = field[centers[:, 0], centers[:, 1]].astype(np.float64)
    return values
