"""Procedural colon-like tissue: glands in stroma, and things that look like glands by color alone.

Each tile is drawn as two maps of dye. Glands have a ring of columnar epithelium with a row of nuclei at its foot and
mucus drops above, around a lumen. Stroma has wavy fibers, spindle nuclei and lymphocytes. Fat and vessels are as white
as a lumen, clusters of lymphocytes as blue as an epithelium, and neither is a gland.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from training_core.base.arrays import BoolMask
from training_core.demo.canvas import Canvas, DrawnTile, at, nuclei, open_hole, red_cells, stroma
from training_core.demo.drawing import Ellipses, Map, blob, place_outlines, scatter, smooth_noise, stamp
from training_core.demo.staining import draw_staining, photograph

CLASS_NAMES = ("background", "gland")
BACKGROUND, GLAND = range(len(CLASS_NAMES))

TILE_PX = 512
MPP_UM = 0.5
"""At this resolution the drawn nuclei and glands are as large as real ones."""
_MARGIN_PX = 48  # drawn and cut off, so that glands are cut by the tile's edge as they are on a slide


def draw_glands(seed: int, number: int) -> DrawnTile:
    """Tile `number` (from 0) of the project with this seed, 512 x 512 px; a gland is epithelium and lumen.

    The same two numbers give the same tile.
    """
    rng = np.random.default_rng([seed, number])
    side = TILE_PX + 2 * _MARGIN_PX
    canvas = stroma(rng, (side, side))
    size = rng.uniform(0.75, 1.3)
    wanted = int(rng.integers(5, 24))
    gap = int(rng.integers(5, 14))
    canvas.glands |= place_outlines(rng, canvas.glands, size, wanted=wanted, gap_px=gap)
    _holes(rng, canvas)
    _stroma_cells(rng, canvas, size)
    fill_glands(rng, canvas, size)
    tissue = 1 - np.clip(canvas.glass, 0, 1)
    picture = photograph(rng, canvas.hematoxylin * tissue, canvas.eosin * tissue, draw_staining(rng))
    inner = slice(_MARGIN_PX, _MARGIN_PX + TILE_PX)
    truth = np.where(canvas.glands, GLAND, BACKGROUND).astype(np.uint8)
    return DrawnTile(np.ascontiguousarray(picture[inner, inner]), np.ascontiguousarray(truth[inner, inner]), MPP_UM)


def _holes(rng: np.random.Generator, canvas: Canvas) -> None:
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
                open_hole(rng, canvas, hole & ~ndimage.binary_dilation(canvas.holes, iterations=2), wall_px=1.5)
        elif kind == "vessel":
            hole = blob(rng, shape, (y, x), rng.uniform(10, 30), wobble=0.15, stretch=rng.uniform(1, 1.7)) & free
            open_hole(rng, canvas, hole & ~canvas.holes, wall_px=rng.uniform(3, 7))
            red_cells(rng, canvas, hole)
        else:
            hole = blob(rng, shape, (y, x), rng.uniform(18, 45), wobble=0.5, stretch=rng.uniform(1.5, 2.4)) & free
            open_hole(rng, canvas, hole & ~canvas.holes, wall_px=0.8)
        free &= ndimage.distance_transform_edt(~canvas.holes) > 6 if canvas.holes.any() else True


def _stroma_cells(rng: np.random.Generator, canvas: Canvas, size: float) -> None:
    """Spindle nuclei along the fibers, single lymphocytes, and clusters of them."""
    free = ~ndimage.binary_dilation(canvas.glands, iterations=4) & ~ndimage.binary_dilation(canvas.holes, iterations=3)
    spindles = scatter(rng, free, 17, share=rng.uniform(0.35, 0.8))
    angle = at(canvas.fiber_angle, spindles) + rng.normal(0, 0.25, len(spindles))
    nuclei(rng, canvas, spindles, long_px=(4.5, 8.5), short_px=(1.4, 2.4), angle=angle, dye=(0.75, 1.25))
    density = smooth_noise(rng, free.shape, 90)
    for threshold, spacing, share in ((1.0, 11, 0.5), (rng.uniform(1.4, 2.4), 7, 0.95)):
        cells = scatter(rng, free & (density > threshold), spacing, share)
        nuclei(rng, canvas, cells, long_px=(3.0, 3.8), short_px=(2.7, 3.4), angle=None, dye=(1.1, 1.55))
    single = scatter(rng, free, 30, share=0.4)
    nuclei(rng, canvas, single, long_px=(2.8, 3.6), short_px=(2.5, 3.3), angle=None, dye=(1.0, 1.5))


def fill_glands(rng: np.random.Generator, canvas: Canvas, size: float, dyes: tuple[float, float] | None = None) -> None:
    """Fill the outlines: epithelium with nuclei and mucus, and the lumen.

    Parameters
    ----------
    dyes
        Eosin and hematoxylin of the cytoplasm; None draws them.
    """
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
    cytoplasm = (
        (rng.uniform(0.40, 0.60) if dyes is None else dyes[0])
        + 0.04 * smooth_noise(rng, shape, 6)
        + 0.03 * canvas.grain[:, ::-1]
    )
    canvas.eosin[epithelium] = cytoplasm[epithelium]
    basophilic = rng.uniform(0.10, 0.28) if dyes is None else dyes[1]
    canvas.hematoxylin[canvas.glands] = (basophilic + 0.03 * smooth_noise(rng, shape, 4))[canvas.glands]
    _mucus(rng, canvas, epithelium & (rank > 0.42) & (rank < 0.92), upright, size, share=rng.uniform(0.1, 0.9))
    _lumen(rng, canvas, lumen)

    crowd = rng.uniform(0, 0.5)  # 0: one row of nuclei, as in healthy glands; more: pseudostratified, as in adenomas
    for low, high, share in ((0.14, 0.36, 1.0), (0.34, 0.62, crowd)):
        feet = scatter(rng, epithelium & (rank > low) & (rank < high), 6.2 * size, share)
        angle = at(upright, feet) + rng.normal(0, 0.15, len(feet))
        long_px, short_px = (4.6 * size, 6.6 * size), (2.3 * size, 3.1 * size)
        nuclei(rng, canvas, feet, long_px=long_px, short_px=short_px, angle=angle, dye=(0.8, 1.25))
    outside = ndimage.distance_transform_edt(~canvas.glands)
    membrane = (outside > 0) & (outside < 2.2) & ~canvas.holes
    canvas.eosin[membrane] += 0.16
    cleft = rng.uniform(0, 0.7) * np.clip(
        smooth_noise(rng, shape, 40) - 0.3, 0, 1
    )  # stroma shrinks away from some glands
    apart = (outside >= 2.2) & (outside < 3 + 2 * np.clip(smooth_noise(rng, shape, 25), 0, 2))
    canvas.glass[apart] = np.maximum(canvas.glass, cleft)[apart]


def _mucus(rng: np.random.Generator, canvas: Canvas, where: BoolMask, upright: Map, size: float, share: float) -> None:
    """Goblet cells: pale, upright drops."""
    centers = scatter(rng, where, 10 * size, share)
    drops = np.zeros_like(canvas.eosin)
    long_px = rng.uniform(4.5, 7.0, len(centers)) * size
    strength = rng.uniform(0.55, 0.9, len(centers))
    stamp(drops, Ellipses(centers, long_px, long_px * 0.68, at(upright, centers), strength), softness=0.35)
    drops[~canvas.glands] = 0
    canvas.eosin *= 1 - drops
    canvas.hematoxylin *= 1 - 0.55 * drops


def _lumen(rng: np.random.Generator, canvas: Canvas, lumen: BoolMask) -> None:
    """Mostly empty, sometimes with wisps of mucus or debris."""
    wisps = np.clip(0.5 * smooth_noise(rng, lumen.shape, 9) + 0.6 * smooth_noise(rng, lumen.shape, 40), 0, 2)
    filled = rng.uniform(0.02, 0.22) * wisps
    canvas.eosin[lumen] = (0.04 + filled)[lumen]
    canvas.hematoxylin[lumen] = (0.03 + 0.4 * filled)[lumen]
    debris = scatter(rng, lumen, 22, share=rng.uniform(0, 0.25))
    nuclei(rng, canvas, debris, long_px=(1.8, 3.4), short_px=(1.5, 2.4), angle=None, dye=(0.5, 1.0))
