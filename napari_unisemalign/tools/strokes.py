"""Where somebody who knows the truth would paint: inside structures, and over mistakes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unisemalign.app.layer_values import U8, Mask
from training_core.project import UNLABELED

StrokePoint = tuple[float, float]
"""Row and column."""


def strokes_inside(area: Mask, count: int, brush_px: int, length_px: int) -> list[list[StrokePoint]]:
    """Strokes that stay inside an area, (H, W) bool: along its middle, apart from each other."""
    room = ndimage.distance_transform_edt(np.pad(area, 1))[1:-1, 1:-1]
    strokes: list[list[StrokePoint]] = []
    free = room.copy()
    while len(strokes) < count and free.max() > brush_px / 2 + 1:
        start = np.unravel_index(int(np.argmax(free)), free.shape)
        points = _walk(room, (int(start[0]), int(start[1])), brush_px / 2 + 1, length_px)
        strokes.append(points)
        for row, column in points:
            top, left = max(0, int(row) - 40), max(0, int(column) - 40)
            free[top : int(row) + 40, left : int(column) + 40] = 0
    return strokes


def mistakes(label: U8, truth: U8, count: int) -> list[tuple[list[StrokePoint], int]]:
    """Strokes over the largest areas where a labelled pixel has another class than the truth, with the true class.

    Where there is none, a dab at the border of two true classes, as wide as the brush: borders are a matter of opinion.
    """
    found: list[tuple[int, list[StrokePoint], int]] = []
    wrong = (label != UNLABELED) & (label != truth)
    if not wrong.any():
        inside = ndimage.minimum_filter(truth, 3) != ndimage.maximum_filter(truth, 3)
        point = _first_pixel(inside)
        return [([point], int(truth[int(point[0]), int(point[1])]))]
    for class_id in np.unique(truth[wrong]):
        areas, number = ndimage.label(wrong & (truth == class_id))
        for index in range(1, number + 1):
            area = areas == index
            strokes = strokes_inside(area, 1, 2, 40) or [[_first_pixel(area)]]
            found.append((int(area.sum()), strokes[0], int(class_id)))
    found.sort(key=lambda each: -each[0])
    return [(points, class_id) for _, points, class_id in found[:count]]


def _first_pixel(area: Mask) -> StrokePoint:
    row, column = np.argwhere(area)[0]
    return float(row), float(column)


def _walk(room: npt.NDArray[np.float64], start: tuple[int, int], margin: float, length_px: int) -> list[StrokePoint]:
    """From `start` step by step where there is most room ahead, turning as little as possible."""
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    points: list[StrokePoint] = [(float(start[0]), float(start[1]))]
    heading: float | None = None
    step = 4.0
    for _ in range(int(length_px / step)):
        best: tuple[float, float, StrokePoint] | None = None
        for angle in angles:
            turn = 0.0 if heading is None else abs(np.angle(np.exp(1j * (angle - heading))))
            ahead = (points[-1][0] + step * np.sin(angle), points[-1][1] + step * np.cos(angle))
            row, column = round(ahead[0]), round(ahead[1])
            if turn > np.pi / 3 or not (0 <= row < room.shape[0] and 0 <= column < room.shape[1]):
                continue
            score = float(room[row, column]) - 2 * turn
            if room[row, column] > margin and (best is None or score > best[0]):
                best = (score, float(angle), ahead)
        if best is None:
            break
        heading = best[1]
        points.append(best[2])
    return points
