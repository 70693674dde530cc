"""The table of areas beside predictions: a row for each image and class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from training_core.class_maps.predicted import read_predicted
from training_core.class_maps.predicted_areas import ImageAreas, read_areas
from training_core.export.objects import csv_bytes
from training_core.io import atomic_write

AREAS_NAME = "areas.csv"
AREA_COLUMNS = (
    "image", "class_id", "class_name", "area_px", "area_mm2", "percent", "objects", "mean_confidence",
    "not_predicted_px", "pixel_size_um",
)  # fmt: skip
_UM2_PER_MM2 = 1e6


def write_areas_table(folder: Path) -> int:
    """Write areas.csv of all images that the folder has results of; returns how many of them were never measured.

    Raises
    ------
    StorageError
        The disk is full or not writable.
    """
    names = sorted(read_predicted(folder))
    measured = [areas for name in names if (areas := read_areas(folder, name)) is not None]
    if measured:
        atomic_write(folder / AREAS_NAME, csv_bytes(AREA_COLUMNS, area_rows(measured)))
    return len(names) - len(measured)


def area_rows(images: Iterable[ImageAreas]) -> Iterator[tuple[object, ...]]:
    """Also of classes that an image has nothing of; per cent are of what was predicted."""
    for image in images:
        predicted_px = sum(each.pixels for each in image.classes)
        mm2 = None if image.mpp_um is None else image.mpp_um**2 / _UM2_PER_MM2
        for each in image.classes:
            yield (
                image.name,
                each.class_id,
                each.class_name,
                each.pixels,
                None if mm2 is None else each.pixels * mm2,
                100 * each.pixels / predicted_px if predicted_px else None,
                each.objects,
                each.confidence,
                image.not_predicted_px,
                image.mpp_um,
            )
