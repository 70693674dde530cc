"""Simulated annotators: what people paint on a tile, made from its full mask, by habit and seed.

The strokes are those with which the figures for sparse annotations were measured: four a class, of about 120 px, 12 px
wide, at least 8 px inside the class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds
from training_core.class_maps.object_scores import connected_objects
from training_core.measuring.accuracy.choices import Habit

MARGIN_PX = 8
"""Strokes and dots stay this far inside their class, or half as far and so on where it is thinner than that."""
WIDTH_PX = 12
DOT_PX = 10
OUTLINE_PX = 6
"""Width of the line on either side of a border."""
STEP_PX, STEPS, TURNS = 5, 24, 12
SMALLEST_OBJECT_PX = 200
LARGEST_OBJECT_SHARE = 0.25
"""Of the tile: what is larger is ground rather than an object, and nobody fills or outlines it as a whole."""
OBJECTS_A_CLASS = 4


@dataclass(frozen=True)
class Annotator:
    """A habit, and the seed of everything that is left to chance."""

    habit: Habit
    seed: int

    @property
    def title(self) -> str:
        """Habit and seed, for a table."""
        return f"{self.habit} (seed {self.seed})"

    def paint(self, masks: Mapping[str, ClassIds]) -> dict[str, ClassIds]:
        """What is painted on each tile, by name: class ids (H, W), `UNLABELED` where nothing is.

        One generator serves all tiles in their order, so the same masks in another order are painted differently.

        Parameters
        ----------
        masks
            Full masks (H, W) of class ids; `UNLABELED` where the truth is not known, which nobody paints.
        """
        rng = np.random.default_rng(self.seed)
        times: dict[int, int] = {}  # one-class: how often each class was painted
        painted = {}
        for name, mask in masks.items():
            classes = [int(c) for c in np.unique(mask) if c != UNLABELED]
            if self.habit == "one-class":
                classes = (
                    [min(classes, key=lambda c: (times.get(c, 0), (c - self.seed) % UNLABELED))] if classes else []
                )
                times.update({c: times.get(c, 0) + 1 for c in classes})
            painted[name] = _PAINT[self.habit](mask, classes, rng)
        return painted


def _strokes(mask: ClassIds, classes: Sequence[int], rng: np.random.Generator, count: int, steps: int) -> ClassIds:
    picture, draw = _blank(mask)
    for class_id in classes:
        inside, margin = _inside(mask == class_id)
        width = WIDTH_PX if margin == MARGIN_PX else max(1, 2 * margin)
        rows, cols = np.nonzero(inside)
        for _ in range(count):
            start = rng.integers(len(rows))
            points = _walk(inside, float(rows[start]), float(cols[start]), steps, rng)
            if len(points) > 1:
                draw.line(points, fill=class_id, width=width)
            else:
                _dot(draw, *points[0], width, class_id)
    return _only_true(picture, mask)


def _walk(inside: BoolMask, y: float, x: float, steps: int, rng: np.random.Generator) -> list[tuple[float, float]]:
    """The points (x, y) of a stroke that bends as a hand does and turns where it would leave the class."""
    height, columns = inside.shape
    angle = rng.uniform(0, 2 * np.pi)
    points = [(x, y)]
    for _ in range(steps):
        for _ in range(TURNS):
            turned = angle + rng.normal(0, 0.5)
            row, col = y + STEP_PX * np.sin(turned), x + STEP_PX * np.cos(turned)
            if 0 <= int(row) < height and 0 <= int(col) < columns and inside[int(row), int(col)]:
                angle, y, x = turned, row, col
                points.append((x, y))
                break
            angle = rng.uniform(0, 2 * np.pi)
    return points


def _dots(mask: ClassIds, classes: Sequence[int], rng: np.random.Generator) -> ClassIds:
    picture, draw = _blank(mask)
    for class_id in classes:
        inside, margin = _inside(mask == class_id)
        rows, cols = np.nonzero(inside)
        for chosen in rng.integers(len(rows), size=40):
            _dot(draw, float(cols[chosen]), float(rows[chosen]), min(DOT_PX, max(1, 2 * margin)), class_id)
    return _only_true(picture, mask)


def _outlines(mask: ClassIds, classes: Sequence[int], rng: np.random.Generator) -> ClassIds:
    painted = np.full_like(mask, UNLABELED)
    objects = {class_id: _objects(mask == class_id) for class_id in classes}
    if not any(objects.values()):  # nothing but ground: the borders between its areas, where there are any
        objects = {class_id: [mask == class_id] for class_id in classes[1:]}
    for found in objects.values():
        for number in rng.permutation(len(found))[:OBJECTS_A_CLASS]:
            shape = found[number]
            inner = shape & (ndimage.distance_transform_edt(shape) <= OUTLINE_PX)
            outer = ~shape & (ndimage.distance_transform_edt(~shape) <= OUTLINE_PX)
            if outer.any():
                painted[inner | outer] = mask[inner | outer]
    return painted


def _one_object(mask: ClassIds, classes: Sequence[int], rng: np.random.Generator) -> ClassIds:
    """One object of each class; of ground, what a disc of a sixteenth of the tile holds of it."""
    painted = np.full_like(mask, UNLABELED)
    for class_id in classes:
        found = _objects(mask == class_id)
        if found:
            filled = found[rng.integers(len(found))]
        else:
            rows, cols = np.nonzero(mask == class_id)
            chosen = rng.integers(len(rows))
            y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
            radius = np.sqrt(mask.size / 16 / np.pi)
            filled = (mask == class_id) & (np.hypot(y - rows[chosen], x - cols[chosen]) <= radius)
        painted[filled] = class_id
    return painted


def _objects(class_pixels: BoolMask) -> list[BoolMask]:
    """The connected areas of a class that are neither specks nor ground."""
    labels = connected_objects(class_pixels, SMALLEST_OBJECT_PX)
    sizes = np.bincount(labels.ravel())
    kept = np.flatnonzero(sizes <= LARGEST_OBJECT_SHARE * labels.size)
    return [labels == number for number in kept if number]


def _inside(class_pixels: BoolMask) -> tuple[BoolMask, int]:
    """The pixels of a class at least a margin inside it, and that margin: halved until there are such pixels."""
    margin = MARGIN_PX
    while margin:
        inside: BoolMask = ndimage.binary_erosion(class_pixels, iterations=margin)
        if inside.any():
            return inside, margin
        margin //= 2
    return class_pixels, 0


def _blank(mask: ClassIds) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("L", mask.shape[::-1], UNLABELED)
    return picture, ImageDraw.Draw(picture)


def _dot(draw: ImageDraw.ImageDraw, x: float, y: float, width: float, class_id: int) -> None:
    draw.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=class_id)


def _only_true(picture: Image.Image, mask: ClassIds) -> ClassIds:
    """What was drawn, without the pixels that lie over a border."""
    painted: NDArray[np.uint8] = np.array(picture)
    painted[painted != mask] = UNLABELED
    return painted


_Paint = Callable[[ClassIds, Sequence[int], np.random.Generator], ClassIds]
_PAINT: dict[Habit, _Paint] = {
    "strokes": lambda mask, classes, rng: _strokes(mask, classes, rng, 4, STEPS),
    "long": lambda mask, classes, rng: _strokes(mask, classes, rng, 1, 4 * STEPS),
    "dots": _dots,
    "outlines": _outlines,
    "object": _one_object,
    "one-class": lambda mask, classes, rng: _strokes(mask, classes, rng, 4, STEPS),
}
