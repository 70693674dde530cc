"""How much of each class is on each tile: pixels, areas in µm² and objects, without Qt."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from training_core.base.errors import UserError
from training_core.base.i18n import tr
from training_core.io import read_mask
from training_core.project import UNLABELED, Project, TissueClass
from training_core.project.classes import without_removed

U8 = npt.NDArray[np.uint8]
UM2_PER_MM2 = 1e6


class Unit(StrEnum):
    """What a number of the table is."""

    PERCENT = "percent"
    UM2 = "um2"
    MM2 = "mm2"
    OBJECTS = "objects"


@dataclass(frozen=True)
class TileAreas:
    """What is on one tile: annotations, and predictions where there are none.

    Attributes
    ----------
    pixels, objects
        By class id; an object is a connected region of one class, whose pixels touch at an edge.
    open_pixels
        Neither annotated nor predicted.
    mpp_um
        The pixel size in µm; None where it is not known.
    """

    name: str
    pixels: Mapping[int, int]
    objects: Mapping[int, int]
    open_pixels: int
    mpp_um: float | None

    def value(self, class_id: int, unit: Unit) -> float | None:
        """One number of the table; None where the pixel size is needed and not known."""
        pixels = self.pixels.get(class_id, 0)
        if unit is Unit.OBJECTS:
            return float(self.objects.get(class_id, 0))
        if unit is Unit.PERCENT:
            said = sum(self.pixels.values())
            return 100 * pixels / said if said else None
        if self.mpp_um is None:
            return None
        um2 = pixels * self.mpp_um**2
        return um2 if unit is Unit.UM2 else um2 / UM2_PER_MM2


def measured(name: str, ids: U8, mpp_um: float | None) -> TileAreas:
    """The areas of a mask (H, W) of class ids, 255 where nothing is said."""
    found, counts = np.unique(ids, return_counts=True)
    pixels = {int(each): int(count) for each, count in zip(found, counts, strict=True)}
    still_open = pixels.pop(UNLABELED, 0)
    objects = {class_id: int(ndimage.label(ids == class_id)[1]) for class_id in pixels}
    return TileAreas(name, pixels, objects, still_open, mpp_um)


def read_areas(project: Project, go_on: Callable[[], bool]) -> tuple[tuple[TileAreas, ...], tuple[str, ...]]:
    """All tiles of which something is said, and the names of those that could not be read.

    go_on: asked before each tile; False gives up, with what there is.
    """
    areas, failed = [], []
    for tile in project.tiles:
        if not go_on():
            break
        try:
            ids = _on_tile(project, tile.name)
        except UserError:
            failed.append(tile.name)
            continue
        if ids is not None:
            areas.append(measured(tile.name, ids, tile.mpp_um))
    return tuple(areas), tuple(failed)


def _on_tile(project: Project, name: str) -> U8 | None:
    label = project.label(name) if project.has_label(name) else None
    stored = project.prediction(name)
    if stored is None or project.is_rejected(name, stored.run_id):
        return label
    predicted: U8 = without_removed(read_mask(stored.prediction), project.classes)
    return predicted if label is None else np.where(label == UNLABELED, predicted, label)


def total(areas: Sequence[TileAreas], class_id: int, unit: Unit) -> float | None:
    """Of all tiles together; None where one of them has no such number. Per cent is that of all pixels."""
    if unit is Unit.PERCENT:
        said = sum(sum(each.pixels.values()) for each in areas)
        return 100 * sum(each.pixels.get(class_id, 0) for each in areas) / said if said else None
    values = [each.value(class_id, unit) for each in areas]
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) and known else None


def in_words(value: float | None, unit: Unit) -> str:
    """A number as the table shows it; a dash where it is not known."""
    if value is None:
        return "–"
    if unit is Unit.PERCENT:
        return tr("{percent} %").format(percent=f"{value:.1f}")
    if unit is Unit.MM2:
        return f"{value:.4f}" if value >= 0.01 or not value else f"{value:.6f}"  # to the µm²
    return f"{value:,.0f}"


def as_csv(areas: Sequence[TileAreas], classes: Sequence[TissueClass]) -> str:
    """A table with a line for each tile and class; areas are empty where the pixel size is not known."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("tile", "class", "pixels", "percent", "area_um2", "area_mm2", "objects", "pixel_size_um"))
    for each in areas:
        for tissue in classes:
            numbers = (each.value(tissue.id, unit) for unit in (Unit.PERCENT, Unit.UM2, Unit.MM2))
            percent, um2, mm2 = ("" if number is None else f"{number:.6g}" for number in numbers)
            pixels, objects = each.pixels.get(tissue.id, 0), each.objects.get(tissue.id, 0)
            writer.writerow((each.name, tissue.name, pixels, percent, um2, mm2, objects, each.mpp_um or ""))
    return table.getvalue()
