"""The objects of the tile on screen: which there are, where, how large and how certain; without Qt and without layers.

As an export counts them: of the annotations and, where there are none, of the prediction. All maps are (H, W).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unisemalign.annotate.accept_plan import Scene
from napari_unisemalign.app.layer_values import U8, Mask
from training_core.base.i18n import ntr, tr
from training_core.export.object_numbers import number_objects
from training_core.project import UNLABELED, TissueClass
from training_core.project.objects import KnownObjects

Numbers = NDArray[np.int32]
Box = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True)
class TileObject:
    """One object.

    Attributes
    ----------
    place
        (row, column) of a pixel of it, by which it is found again after a change.
    confidence
        Mean over its pixels, 0 to 1; None where nothing of it is predicted only.
    open_px
        How many of its pixels are predicted and not annotated.
    """

    number: int
    class_id: int
    place: tuple[int, int]
    box: Box
    area_px: int
    confidence: float | None
    open_px: int


@dataclass(frozen=True, eq=False)
class ObjectMap:
    """Class ids with 255 for nothing, the number of the object at each pixel (0: none), and the objects by number."""

    ids: U8
    numbers: Numbers
    objects: dict[int, TileObject]

    def at(self, place: tuple[int, int]) -> TileObject | None:
        """The object at (row, column), which may lie outside the tile."""
        inside = all(0 <= each < side for each, side in zip(place, self.numbers.shape, strict=True))
        return self.objects.get(int(self.numbers[place])) if inside else None

    def mask(self, chosen: Sequence[TileObject]) -> Mask:
        """The pixels of objects."""
        return np.isin(self.numbers, [each.number for each in chosen])

    def to_review(self) -> list[TileObject]:
        """Those that are not wholly annotated, least certain first."""
        found = [each for each in self.objects.values() if each.open_px]
        return sorted(found, key=lambda each: (each.confidence, each.number))


def numbered(
    predicted: U8, rejected: Mask, label: U8, object_classes: Sequence[int], known: KnownObjects | None
) -> tuple[U8, Numbers]:
    """Class ids of what is annotated or else predicted and not rejected, and the numbers of the objects in it.

    known: objects that came numbered with the tile's mask: they stay apart where they touch, unless they were merged.
    """
    left = np.where(rejected, np.uint8(UNLABELED), predicted)
    ids = np.where(label == UNLABELED, left, label)
    return ids, number_objects(ids, object_classes, known)


def object_map(tile: Scene, object_classes: Sequence[int], known: KnownObjects | None = None) -> ObjectMap:
    """The objects of a tile. known: as in `numbered`."""
    ids, numbers = numbered(tile.ids, tile.rejected, tile.label, object_classes, known)
    area = np.bincount(numbers.ravel())
    certain = np.bincount(numbers.ravel(), tile.confidence.ravel())
    is_open = np.bincount(numbers[tile.label == UNLABELED], minlength=len(area))
    objects = {}
    for number, box in enumerate(ndimage.find_objects(numbers), start=1):
        if box is None:
            continue
        row, column = np.argwhere(numbers[box] == number)[0]
        place = int(row) + box[0].start, int(column) + box[1].start
        confidence = certain[number] / area[number] / 255 if is_open[number] else None
        objects[number] = TileObject(
            number, int(ids[place]), place, box, int(area[number]), confidence, int(is_open[number])
        )
    return ObjectMap(ids, numbers, objects)


def outline(mask: Mask, width_px: int) -> Mask:
    """The border of an area, inside it."""
    return mask & ~ndimage.binary_erosion(mask, iterations=width_px)


def in_words(chosen: Sequence[TileObject], classes: Sequence[TissueClass], mpp_um: float | None) -> str:
    """Such as "gland · 1,234 µm² · confidence 87 %"; of several, how many of each class and their area in all."""
    if not chosen:
        return ""
    area = area_in_words(sum(each.area_px for each in chosen), mpp_um)
    if len(chosen) > 1:
        return f"{counted(chosen, classes)} · {area}"
    (one,) = chosen
    name = _names(classes).get(one.class_id, "?")
    if one.confidence is None:
        state = tr("annotated")
    else:
        state = tr("confidence {percent:.0f} %").format(percent=100 * one.confidence)
        if one.open_px < one.area_px:
            state = f"{state} · {tr('partly annotated')}"
    return f"{name} · {area} · {state}"


def counted(chosen: Sequence[TileObject], classes: Sequence[TissueClass]) -> str:
    """Such as "2 objects (gland)"."""
    names = _names(classes)
    of = ", ".join(sorted({names.get(each.class_id, "?") for each in chosen}))
    words = ntr("{count} object ({classes})", "{count} objects ({classes})", len(chosen))
    return words.format(count=len(chosen), classes=of)


def area_in_words(area_px: int, mpp_um: float | None) -> str:
    """In µm² where the size of a pixel is known, else in pixels."""
    if mpp_um is None:
        return tr("{area} px").format(area=f"{area_px:,}")
    um2 = area_px * mpp_um**2
    return tr("{area} µm²").format(area=f"{um2:,.0f}" if um2 >= 10 else f"{um2:.2g}")


def _names(classes: Sequence[TissueClass]) -> dict[int, str]:
    return {each.id: each.name for each in classes}
