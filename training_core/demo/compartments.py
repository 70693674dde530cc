"""Procedural tissue of seven classes that color alone does not tell apart: something to measure methods on.

Benign glands and tumor are drawn of the same cytoplasm and the same nuclei, with the same dyes. Glands are round, with
one row of upright nuclei around one lumen; tumor grows in irregular nests with crowded nuclei in no order and many
small lumina (cribriform). Lumina, fat, vessels and empty glass are equally white; aggregates of lymphocytes are as blue
as crowded epithelium, and single lymphocytes in stroma are stroma; necrosis, the rare class, is as pink as stroma.
Three scanners differ in stain, sharpness, tile size and pixel size, and tiles have folds, blurred spots and pen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import BoolMask, ClassIds
from training_core.demo.canvas import Canvas, DrawnTile, at, nuclei, open_hole, red_cells, stroma
from training_core.demo.drawing import Map, blob, place_outlines, scatter, smooth_noise
from training_core.demo.scanners import DRAWN_MPP_UM, SCANNERS, scan
from training_core.demo.tissue import fill_glands

CLASS_NAMES = ("background", "stroma", "benign", "tumor", "fat", "lymphocytes", "necrosis")
BACKGROUND, STROMA, BENIGN, TUMOR, FAT, LYMPHOCYTES, NECROSIS = range(len(CLASS_NAMES))

_MARGIN_PX = 40
_FIELDS = ((TUMOR, STROMA), (BENIGN, FAT), (BENIGN, TUMOR, STROMA), (TUMOR, BACKGROUND, BENIGN))
"""What grows on a tile, by its number modulo 4, so that any four tiles in a row hold every class."""


def draw_compartments(seed: int, number: int) -> DrawnTile:
    """Tile `number` (from 0) of the project with this seed; the same two give the same tile."""
    rng = np.random.default_rng([seed, number])
    scanner = SCANNERS[number % len(SCANNERS)]
    shape = tuple(round(side * scanner.mpp_um / DRAWN_MPP_UM) + 2 * _MARGIN_PX for side in scanner.tile_px)
    canvas, truth = _tissue(rng, (shape[0], shape[1]), number)
    inner = (slice(_MARGIN_PX, -_MARGIN_PX),) * 2
    tissue = 1 - np.clip(canvas.glass, 0, 1)
    picture = scan(rng, (canvas.hematoxylin * tissue)[inner], (canvas.eosin * tissue)[inner], scanner)
    enlarged = np.round(DRAWN_MPP_UM / scanner.mpp_um).astype(int)
    return DrawnTile(picture, np.kron(truth[inner], np.ones((enlarged, enlarged), np.uint8)), scanner.mpp_um)


def _tissue(rng: np.random.Generator, shape: tuple[int, int], number: int) -> tuple[Canvas, ClassIds]:
    """The dyes, and what is where."""
    canvas = stroma(rng, shape)
    size = rng.uniform(0.7, 1.0)
    dyes = rng.uniform(0.40, 0.60), rng.uniform(0.10, 0.28)  # of both epithelia
    field = _territories(rng, shape, _FIELDS[number % len(_FIELDS)])
    truth = np.full(shape, STROMA, np.uint8)

    canvas.glands = place_outlines(rng, field != BENIGN, size, wanted=24, gap_px=int(rng.integers(4, 9)))
    truth[canvas.glands] = BENIGN
    nests = _nests(rng, field == TUMOR)
    truth[nests] = TUMOR
    truth[field == FAT] = FAT
    truth[field == BACKGROUND] = BACKGROUND
    canvas.holes |= (field == FAT) | (field == BACKGROUND)
    _lymphocytes(rng, canvas, truth, aggregates=1 + number % 2)
    _stroma_cells(rng, canvas, truth == STROMA)
    _vessels(rng, canvas, truth == STROMA)
    if canvas.glands.any():
        fill_glands(rng, canvas, size, dyes)
    if nests.any():
        dead = _fill_nests(rng, canvas, nests, size, dyes, necrotic=number % len(_FIELDS) in (0, 3))
        truth[dead] = NECROSIS
    _fat(rng, canvas, field == FAT)
    _empty(rng, canvas, field == BACKGROUND)
    return canvas, truth


def _territories(rng: np.random.Generator, shape: tuple[int, int], kinds: tuple[int, ...]) -> NDArray[np.intp]:
    """(H, W) class ids: irregular fields of about 150 px, each kind with a share of its own."""
    heights = np.stack([smooth_noise(rng, shape, 170) + 0.12 * smooth_noise(rng, shape, 25) for _ in kinds])
    heights += rng.uniform(-0.25, 0.25, len(kinds))[:, None, None]
    territories: NDArray[np.intp] = np.array(kinds)[heights.argmax(axis=0)]
    return territories


def _nests(rng: np.random.Generator, field: BoolMask) -> BoolMask:
    """Tumor: nests back to back, with thin septa of stroma between them, none smaller than a few cells."""
    septa = np.abs(smooth_noise(rng, field.shape, 55)) < rng.uniform(0.07, 0.14)
    ragged = ndimage.gaussian_filter((field & ~septa).astype(np.float32), 2.5) + 0.06 * smooth_noise(
        rng, field.shape, 14
    )
    numbered, count = ndimage.label(ragged > 0.55)
    areas = np.bincount(numbered.ravel(), minlength=count + 1)
    large = areas > 500
    large[0] = False
    nests: BoolMask = large[numbered]
    return nests


def _fill_nests(
    rng: np.random.Generator, canvas: Canvas, nests: BoolMask, size: float, dyes: tuple[float, float], *, necrotic: bool
) -> BoolMask:
    """Crowded nuclei in no order, small lumina, and in some tiles a dead center, which is returned."""
    shape = nests.shape
    depth = ndimage.distance_transform_edt(nests).astype(np.float32)
    lumina = (smooth_noise(rng, shape, 22) > rng.uniform(0.9, 1.5)) & (depth > 9)
    dead = np.zeros(shape, bool)
    if necrotic:
        cut = max(12.0, float(np.quantile(depth[nests], 0.87)))
        dead = depth + 3 * smooth_noise(rng, shape, 18) > cut
        lumina &= ~ndimage.binary_dilation(dead, iterations=4)
    canvas.glass[nests] = 0
    canvas.eosin[nests] = (dyes[0] + 0.04 * smooth_noise(rng, shape, 6) + 0.03 * canvas.grain[:, ::-1])[nests]
    canvas.hematoxylin[nests] = (dyes[1] + 0.03 * smooth_noise(rng, shape, 4))[nests]
    secretion = rng.uniform(0.02, 0.15) * np.clip(smooth_noise(rng, shape, 9), 0, 2)
    canvas.eosin[lumina] = (0.04 + secretion)[lumina]
    canvas.hematoxylin[lumina] = (0.03 + 0.4 * secretion)[lumina]
    alive = nests & ~ndimage.binary_dilation(lumina, iterations=2) & ~dead & (depth > 2)
    cells = scatter(rng, alive, 7.4 * size, share=0.9)
    nuclei(rng, canvas, cells, long_px=(4.4 * size, 6.8 * size), short_px=(2.5 * size, 3.7 * size), angle=None,
           dye=(0.8, 1.25))  # fmt: skip
    _debris(rng, canvas, dead)
    return dead


def _debris(rng: np.random.Generator, canvas: Canvas, dead: BoolMask) -> None:
    """Necrosis: granular, as pink as stroma, with fragments of nuclei."""
    grain = smooth_noise(rng, dead.shape, 3) + 0.7 * smooth_noise(rng, dead.shape, 8)
    canvas.eosin[dead] = np.clip(0.46 + 0.09 * grain, 0.1, None)[dead]
    canvas.hematoxylin[dead] = np.clip(0.10 + 0.04 * grain, 0, None)[dead]
    fragments = scatter(rng, ndimage.binary_erosion(dead, iterations=2), 9, share=0.45)
    nuclei(rng, canvas, fragments, long_px=(1.4, 2.8), short_px=(1.2, 2.0), angle=None, dye=(0.6, 1.4))


def _lymphocytes(rng: np.random.Generator, canvas: Canvas, truth: ClassIds, aggregates: int) -> None:
    """Aggregates: small round nuclei, closely packed, in stroma."""
    shape = truth.shape
    for _ in range(aggregates):
        roomy = ndimage.distance_transform_edt(truth == STROMA)
        places = np.argwhere(roomy > min(18.0, 0.6 * float(roomy.max())))
        if not len(places):
            return
        y, x = places[rng.integers(len(places))]
        outline = blob(rng, shape, (y, x), rng.uniform(20, 52), wobble=0.25, stretch=rng.uniform(1, 1.5))
        outline &= truth == STROMA
        truth[outline] = LYMPHOCYTES
        canvas.glass[outline] = 0
        canvas.eosin[outline] *= 0.7
        canvas.hematoxylin[outline] += 0.08
        cells = scatter(rng, outline, 6.3, share=0.97)
        nuclei(rng, canvas, cells, long_px=(2.9, 3.8), short_px=(2.6, 3.4), angle=None, dye=(0.9, 1.35))


def _stroma_cells(rng: np.random.Generator, canvas: Canvas, where: BoolMask) -> None:
    """Spindle nuclei along the fibers, and lymphocytes that are too few for an aggregate."""
    free = ndimage.binary_erosion(where, iterations=3)
    spindles = scatter(rng, free, 17, share=rng.uniform(0.35, 0.8))
    angle = at(canvas.fiber_angle, spindles) + rng.normal(0, 0.25, len(spindles))
    nuclei(rng, canvas, spindles, long_px=(4.5, 8.5), short_px=(1.4, 2.4), angle=angle, dye=(0.75, 1.25))
    crowded = free & (smooth_noise(rng, free.shape, 70) > 0.6)
    for region, spacing, share in ((crowded, 14, 0.7), (free, 30, 0.4)):
        cells = scatter(rng, region, spacing, share)
        nuclei(rng, canvas, cells, long_px=(2.9, 3.8), short_px=(2.6, 3.4), angle=None, dye=(0.9, 1.35))


def _vessels(rng: np.random.Generator, canvas: Canvas, where: BoolMask) -> None:
    """Vessels belong to the stroma, however white they are."""
    free = ndimage.binary_erosion(where, iterations=9)
    for _ in range(int(rng.integers(1, 4))):
        places = np.argwhere(free)
        if not len(places):
            return
        y, x = places[rng.integers(len(places))]
        hole = blob(rng, where.shape, (y, x), rng.uniform(9, 24), wobble=0.15, stretch=rng.uniform(1, 1.7)) & free
        if hole.any():
            open_hole(rng, canvas, hole, wall_px=rng.uniform(3, 6))
            red_cells(rng, canvas, hole)
            free &= ~ndimage.binary_dilation(hole, iterations=10)


def _fat(rng: np.random.Generator, canvas: Canvas, field: BoolMask) -> None:
    """Fat cells side by side: white polygons with thin walls and rare flat nuclei at them."""
    from scipy.spatial import cKDTree  # slow to import, and the window imports this module

    if not field.any():
        return
    centers = scatter(rng, ndimage.binary_dilation(field, iterations=20), rng.uniform(26, 36))
    half = np.argwhere(field[::2, ::2])  # the distances are smooth: every second pixel of a row and column is enough
    near = np.zeros((*field[::2, ::2].shape, 2), np.float32)
    near[half[:, 0], half[:, 1]] = cKDTree(centers).query(half * 2, k=2)[0]
    apart = np.repeat(np.repeat(near[..., 1] - near[..., 0], 2, axis=0), 2, axis=1)[: field.shape[0], : field.shape[1]]
    wall = field & (ndimage.gaussian_filter(apart, 1) < 2.6)
    canvas.glass[field] = np.clip(0.93 + 0.04 * smooth_noise(rng, field.shape, 12), 0, 1)[field]
    canvas.glass[wall] = 0.1
    canvas.eosin[wall] = rng.uniform(0.4, 0.6)
    canvas.hematoxylin[wall] = 0.06
    flat = scatter(rng, wall, 40, share=0.5)
    nuclei(rng, canvas, flat, long_px=(4, 6), short_px=(1.2, 2.0), angle=None, dye=(0.9, 1.3))


def _empty(rng: np.random.Generator, canvas: Canvas, field: BoolMask) -> None:
    """Bare glass with dust."""
    edge: Map = ndimage.gaussian_filter(field.astype(np.float32), 1.2)
    canvas.glass = np.maximum(canvas.glass, np.clip(2 * edge - 0.5, 0, 1) * 0.97)
    dust = scatter(rng, field, 70, share=0.3)
    nuclei(rng, canvas, dust, long_px=(1.0, 2.2), short_px=(0.8, 1.4), angle=None, dye=(0.2, 0.6))
