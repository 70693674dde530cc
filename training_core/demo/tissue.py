"""Procedural colon-like tissue: glands in stroma, and things that look like glands by color alone.

Each tile is drawn as two maps of dye. Glands have a ring of columnar epithelium with a row of nuclei at its foot and
mucus drops above, around a lumen. Stroma has wavy fibers, spindle nuclei and lymphocytes. Fat and vessels are as white
as a lumen, clusters of lymphocytes as blue as an epithelium, and neither is a gland.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.demo.drawing import Ellipses, Map, around, blob, scatter, smooth_noise, stamp
from training_core.demo.staining import draw_staining, photograph

TILE_PX = 512
_MARGIN_PX = 48  # drawn and cut off, so that glands are cut by the tile's edge as they are on a slide
BACKGROUND, GLAND = 0, 1


@dataclass
class _Canvas:
    """The tile while it is drawn: dyes, and what is where. `glass` counts from 0 (tissue) to 1 (nothing there)."""

    hematoxylin: Map
    eosin: Map
    glass: Map
    glands: NDArray[np.bool_]
    holes: NDArray[np.bool_]
    fiber_angle: Map
    grain: Map
    """Noise of about 2 px, for everything that has a fine texture."""


def draw_tile(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture (512, 512, 3) and its truth (512, 512): class ids, a gland being epithelium and lumen.

    The same generator state gives the same tile.
    """
    side = TILE_PX + 2 * _MARGIN_PX
    canvas = _stroma(rng, (side, side))
    size = rng.uniform(0.75, 1.3)
    _place_glands(rng, canvas, size, wanted=int(rng.integers(5, 24)))
    _holes(rng, canvas)
    _stroma_cells(rng, canvas, size)
    _glands(rng, canvas, size)
    tissue = 1 - np.clip(canvas.glass, 0, 1)
    picture = photograph(rng, canvas.hematoxylin * tissue, canvas.eosin * tissue, draw_staining(rng))
    inner = slice(_MARGIN_PX, _MARGIN_PX + TILE_PX)
    truth = np.where(canvas.glands, GLAND, BACKGROUND).astype(np.uint8)
    return np.ascontiguousarray(picture[inner, inner]), np.ascontiguousarray(truth[inner, inner])


def _stroma(rng: np.random.Generator, shape: tuple[int, int]) -> _Canvas:
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
    return _Canvas(
        hematoxylin=np.clip(0.06 + 0.02 * smooth_noise(rng, shape, 20), 0, None).astype(np.float32),
        eosin=np.clip(eosin, 0.08, None).astype(np.float32),
        glass=gaps.astype(np.float32),
        glands=np.zeros(shape, dtype=bool),
        holes=np.zeros(shape, dtype=bool),
        fiber_angle=(np.arctan2(gradient_y, gradient_x) + np.pi / 2).astype(np.float32),
        grain=grain,
    )


def _place_glands(rng: np.random.Generator, canvas: _Canvas, size: float, wanted: int) -> None:
    """Outlines that do not touch, each cut by the plane of the section in its own way."""
    shape = canvas.glands.shape
    gap = int(rng.integers(5, 14))
    blocked = canvas.glands.copy()
    for _ in range(wanted * 8):
        center = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        if blocked[int(center[0]), int(center[1])]:
            continue
        radius = size * rng.uniform(34, 96)
        outline = blob(rng, shape, center, radius, wobble=rng.uniform(0.1, 0.4), stretch=rng.uniform(1, 1.45))
        if wanted > 0 and outline.any() and not (outline & blocked).any():
            canvas.glands |= outline
            part = around(outline, gap + 1)
            blocked[part] |= ndimage.distance_transform_edt(~outline[part]) <= gap
            wanted -= 1


def _holes(rng: np.random.Generator, canvas: _Canvas) -> None:
    """Fat cells, vessels and tears: white like a lumen, but without an epithelium."""
    shape = canvas.glands.shape
    free = ndimage.distance_transform_edt(~canvas.glands) > 8
    kinds = rng.choice(["fat", "vessel", "tear"], size=int(rng.integers(1, 5)), p=[0.4, 0.45, 0.15])
    for kind in kinds:
        places = np.argwhere(free)
        if not len(places):
            return
        y, x = places[rng.integers(len(places))]
        if kind == "fat":
            for _ in range(int(rng.integers(2, 9))):
                center = y + rng.normal(0, 34), x + rng.normal(0, 34)
                hole = blob(rng, shape, center, rng.uniform(14, 30), wobble=0.1, stretch=1.1) & free
                _open(rng, canvas, hole & ~ndimage.binary_dilation(canvas.holes, iterations=2), wall_px=1.5)
        elif kind == "vessel":
            hole = blob(rng, shape, (y, x), rng.uniform(10, 30), wobble=0.15, stretch=rng.uniform(1, 1.7)) & free
            _open(rng, canvas, hole & ~canvas.holes, wall_px=rng.uniform(3, 7))
            _red_cells(rng, canvas, hole)
        else:
            hole = blob(rng, shape, (y, x), rng.uniform(18, 45), wobble=0.5, stretch=rng.uniform(1.5, 2.4)) & free
            _open(rng, canvas, hole & ~canvas.holes, wall_px=0.8)
        free &= ndimage.distance_transform_edt(~canvas.holes) > 6 if canvas.holes.any() else True


def _open(rng: np.random.Generator, canvas: _Canvas, hole: NDArray[np.bool_], wall_px: float) -> None:
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
    angle = _at(along, places)
    centers = places + np.array([part[0].start, part[1].start])
    _nuclei(rng, canvas, centers, long_px=(4, 6.5), short_px=(1.2, 2.0), angle=angle, dye=(0.9, 1.3))


def _red_cells(rng: np.random.Generator, canvas: _Canvas, hole: NDArray[np.bool_]) -> None:
    centers = scatter(rng, ndimage.binary_erosion(hole, iterations=3), 6, share=rng.uniform(0, 0.9))
    cells = np.zeros_like(canvas.eosin)
    size = rng.uniform(2.6, 3.4, len(centers))
    stamp(cells, Ellipses(centers, size, size * 0.9, np.zeros(len(centers)), rng.uniform(0.6, 0.85, len(centers))))
    canvas.glass[cells > 0.3] = 0
    canvas.eosin = np.where(cells > 0.3, cells, canvas.eosin)
    canvas.hematoxylin[cells > 0.3] = 0.03


def _stroma_cells(rng: np.random.Generator, canvas: _Canvas, size: float) -> None:
    """Spindle nuclei along the fibers, single lymphocytes, and clusters of them."""
    free = ~ndimage.binary_dilation(canvas.glands, iterations=4) & ~ndimage.binary_dilation(canvas.holes, iterations=3)
    spindles = scatter(rng, free, 17, share=rng.uniform(0.35, 0.8))
    angle = _at(canvas.fiber_angle, spindles) + rng.normal(0, 0.25, len(spindles))
    _nuclei(rng, canvas, spindles, long_px=(4.5, 8.5), short_px=(1.4, 2.4), angle=angle, dye=(0.75, 1.25))
    density = smooth_noise(rng, free.shape, 90)
    for threshold, spacing, share in ((1.0, 11, 0.5), (rng.uniform(1.4, 2.4), 7, 0.95)):
        cells = scatter(rng, free & (density > threshold), spacing, share)
        _nuclei(rng, canvas, cells, long_px=(3.0, 3.8), short_px=(2.7, 3.4), angle=None, dye=(1.1, 1.55))
    single = scatter(rng, free, 30, share=0.4)
    _nuclei(rng, canvas, single, long_px=(2.8, 3.6), short_px=(2.5, 3.3), angle=None, dye=(1.0, 1.5))


def _glands(rng: np.random.Generator, canvas: _Canvas, size: float) -> None:
    """Fill the outlines: epithelium with nuclei and mucus, and the lumen."""
    shape = canvas.glands.shape
    depth = ndimage.distance_transform_edt(canvas.glands).astype(np.float32)
    thick = size * rng.uniform(24, 33) * (1 + 0.08 * smooth_noise(rng, shape, 30))
    smooth = ndimage.gaussian_filter(depth, 3.5 * size) + 1.2 * smooth_noise(rng, shape, 7)
    depth = np.where(depth > 0.6 * thick, smooth, depth)  # the lumen's edge is rounder than the outline
    rank = depth / thick  # 0 at the basement membrane, 1 at the lumen
    epithelium, lumen = canvas.glands & (rank < 1), canvas.glands & (rank >= 1)
    inward_y, inward_x = np.gradient(ndimage.gaussian_filter(depth, 2))
    upright = np.arctan2(inward_y, inward_x).astype(np.float32)

    canvas.glass[canvas.glands] = 0
    cytoplasm = rng.uniform(0.40, 0.60) + 0.04 * smooth_noise(rng, shape, 6) + 0.03 * canvas.grain[:, ::-1]
    canvas.eosin[epithelium] = cytoplasm[epithelium]
    basophilic = rng.uniform(0.10, 0.28)
    canvas.hematoxylin[canvas.glands] = (basophilic + 0.03 * smooth_noise(rng, shape, 4))[canvas.glands]
    _mucus(rng, canvas, epithelium & (rank > 0.42) & (rank < 0.92), upright, size, share=rng.uniform(0.1, 0.9))
    _lumen(rng, canvas, lumen)

    crowd = rng.uniform(0, 0.5)  # 0: one row of nuclei, as in healthy glands; more: pseudostratified, as in adenomas
    for low, high, share in ((0.14, 0.36, 1.0), (0.34, 0.62, crowd)):
        feet = scatter(rng, epithelium & (rank > low) & (rank < high), 6.2 * size, share)
        angle = _at(upright, feet) + rng.normal(0, 0.15, len(feet))
        long_px, short_px = (4.6 * size, 6.6 * size), (2.3 * size, 3.1 * size)
        _nuclei(rng, canvas, feet, long_px=long_px, short_px=short_px, angle=angle, dye=(0.8, 1.25))
    outside = ndimage.distance_transform_edt(~canvas.glands)
    membrane = (outside > 0) & (outside < 2.2) & ~canvas.holes
    canvas.eosin[membrane] += 0.16
    cleft = rng.uniform(0, 0.7) * np.clip(
        smooth_noise(rng, shape, 40) - 0.3, 0, 1
    )  # stroma shrinks away from some glands
    apart = (outside >= 2.2) & (outside < 3 + 2 * np.clip(smooth_noise(rng, shape, 25), 0, 2))
    canvas.glass[apart] = np.maximum(canvas.glass, cleft)[apart]


def _mucus(
    rng: np.random.Generator, canvas: _Canvas, where: NDArray[np.bool_], upright: Map, size: float, share: float
) -> None:
    """Goblet cells: pale, upright drops."""
    centers = scatter(rng, where, 10 * size, share)
    drops = np.zeros_like(canvas.eosin)
    long_px = rng.uniform(4.5, 7.0, len(centers)) * size
    strength = rng.uniform(0.55, 0.9, len(centers))
    stamp(drops, Ellipses(centers, long_px, long_px * 0.68, _at(upright, centers), strength), softness=0.35)
    drops[~canvas.glands] = 0
    canvas.eosin *= 1 - drops
    canvas.hematoxylin *= 1 - 0.55 * drops


def _lumen(rng: np.random.Generator, canvas: _Canvas, lumen: NDArray[np.bool_]) -> None:
    """Mostly empty, sometimes with wisps of mucus or debris."""
    wisps = np.clip(0.5 * smooth_noise(rng, lumen.shape, 9) + 0.6 * smooth_noise(rng, lumen.shape, 40), 0, 2)
    filled = rng.uniform(0.02, 0.22) * wisps
    canvas.eosin[lumen] = (0.04 + filled)[lumen]
    canvas.hematoxylin[lumen] = (0.03 + 0.4 * filled)[lumen]
    debris = scatter(rng, lumen, 22, share=rng.uniform(0, 0.25))
    _nuclei(rng, canvas, debris, long_px=(1.8, 3.4), short_px=(1.5, 2.4), angle=None, dye=(0.5, 1.0))


def _nuclei(
    rng: np.random.Generator,
    canvas: _Canvas,
    centers: NDArray[np.intp],
    *,
    long_px: tuple[float, float],
    short_px: tuple[float, float],
    angle: NDArray[np.float64] | None,
    dye: tuple[float, float],
) -> None:
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


def _at(field: NDArray[np.floating], centers: NDArray[np.intp]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = field[centers[:, 0], centers[:, 1]].astype(np.float64)
    return values
