"""Areas of pixels as polygons and back, by one rule: a pixel is inside where its centre is.

Coordinates are those of QuPath and of GeoJSON for images: (0, 0) is the upper left corner of the first pixel, which
ends at (1, 1). Outlines follow the edges of pixels, so a centre never lies on one, and an area comes back as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from shapely.affinity import affine_transform
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from training_core.base.arrays import BoolMask

Area: TypeAlias = Polygon | MultiPolygon

_BLOCK_PX = 1 << 20
"""Centres that are looked at in one go; each costs some 16 bytes."""


def outline(area: BoolMask, left: int = 0, top: int = 0) -> Area:
    """The outline of the True pixels of an area (h, w), with its holes; several polygons where it is not connected.

    Parameters
    ----------
    left
        Column of the area's first pixel in the image.
    top
        Its row.
    """
    connected, count = ndimage.label(area)  # one by one: the union of many that do not touch takes its time squared
    found: list[Polygon] = []
    for number, place in enumerate(ndimage.find_objects(connected, count), start=1):
        boxes = shapely.box(*_boxes(connected[place] == number))
        joined = shapely.simplify(shapely.union_all(boxes), 0)  # without the corners between boxes on a straight edge
        found.append(affine_transform(joined, [1, 0, 0, 1, left + place[1].start, top + place[0].start]))
    return found[0] if len(found) == 1 else MultiPolygon(found)


def inside(area: BaseGeometry, width: int, height: int) -> BoolMask:
    """The pixels (height, width) of an image whose centres lie in the polygons of an area."""
    pixels = np.zeros((height, width), np.bool_)
    rows, columns, own = inside_at(area, width, height)
    pixels[rows, columns] = own
    return pixels


def inside_at(area: BaseGeometry, width: int, height: int) -> tuple[slice, slice, BoolMask]:
    """The same for the rows and columns that the area has at most: of a large image, most areas have little."""
    x_min, y_min, x_max, y_max = (0.0,) * 4 if area.is_empty else area.bounds
    left, right = max(0, int(np.floor(x_min))), min(width, int(np.ceil(x_max)))
    top, bottom = max(0, int(np.floor(y_min))), min(height, int(np.ceil(y_max)))
    if left >= right or top >= bottom:
        return slice(0, 0), slice(0, 0), np.zeros((0, 0), np.bool_)
    pixels = np.zeros((bottom - top, right - left), np.bool_)
    shapely.prepare(area)
    columns = np.arange(left, right) + 0.5
    step = max(1, _BLOCK_PX // (right - left))
    for start in range(top, bottom, step):
        rows = np.arange(start, min(bottom, start + step)) + 0.5
        x, y = np.meshgrid(columns, rows)
        pixels[start - top : start - top + rows.size] = shapely.contains_xy(area, x, y)
    return slice(top, bottom), slice(left, right), pixels


def placed(area: Area, scale: float, x: float, y: float) -> Area:
    """The area in pixels of another image, of which `scale` make one of this, and in which it begins at (x, y)."""
    moved: Area = affine_transform(area, [scale, 0, 0, scale, x, y])
    return moved


def taken_from(area: BaseGeometry, scale: float, x: float, y: float) -> BaseGeometry:
    """What `placed` undoes: the area in pixels of the image that begins at (x, y) in the other."""
    return affine_transform(area, [1 / scale, 0, 0, 1 / scale, -x / scale, -y / scale])


def _boxes(area: BoolMask) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Left, top, right and bottom of boxes that are the True pixels: runs of a row, as tall as they stay the same."""
    found: list[tuple[int, int, int, int]] = []
    open_runs: dict[tuple[int, int], int] = {}
    for row, runs in enumerate([*_runs(area), set()]):
        for run in open_runs.keys() - runs:
            found.append((run[0], open_runs.pop(run), run[1], row))
        for run in runs - open_runs.keys():
            open_runs[run] = row
    sides = np.array(found, np.int64).reshape(-1, 4)
    return sides[:, 0], sides[:, 1], sides[:, 2], sides[:, 3]


def _runs(area: BoolMask) -> Iterator[set[tuple[int, int]]]:
    """Of each row, where its runs of True pixels begin and end."""
    edges = np.diff(np.pad(area, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    for row in edges:
        yield set(zip(np.flatnonzero(row == 1).tolist(), np.flatnonzero(row == -1).tolist(), strict=True))
