"""The objects of a predicted image or slide as GeoJSON for QuPath, written one by one: memory holds what is open.

An object is a connected area (edges touch) of a class made of objects, wherever it lies. Its outline follows the edges
of its pixels; one of more than a million sides follows larger squares, and is named.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.class_maps.connected_areas import Box, ConnectedAreas
from training_core.class_maps.predicted_areas import Readable
from training_core.class_maps.traced_areas import MOST_SIDES, TracedArea, traced
from training_core.export.geojson import DECIMALS, Feature, classification, sizes_in, stable_id
from training_core.io.atomic import atomic_file
from training_core.project import TissueClass

_NAMED = 3


@dataclass(frozen=True)
class ObjectsOf:
    """Whose objects they are.

    Attributes
    ----------
    name
        Of the image, as its result has it.
    mpp_um
        Pixel size in µm/px; None: not known.
    corner_px
        Where the image begins as QuPath counts, x and y.
    """

    name: str
    run: str
    mpp_um: float | None
    corner_px: tuple[int, int]


@contextmanager
def objects_file(
    path: Path, of: ObjectsOf, confidence: Readable
) -> Iterator[Callable[[TissueClass, ConnectedAreas], None]]:
    """A file that takes the objects of one class after the other, and its name when the block ends.

    Parameters
    ----------
    confidence
        (H, W), 0 to 255 for 0 to 1.

    Raises
    ------
    StorageError
        The disk is full or not writable; an older file is untouched.
    """
    coarse: list[str] = []
    with atomic_file(path) as file:
        before = b'{"type":"FeatureCollection","features":['

        def write(tissue_class: TissueClass, areas: ConnectedAreas) -> None:
            nonlocal before
            for traced_area, mean in _with_confidence(areas, confidence):
                feature = _feature(tissue_class, traced_area, int(areas.pixels[traced_area.number]), mean, of)
                file.write(before + json.dumps(feature, ensure_ascii=False, separators=(",", ":")).encode())
                before = b","
                if traced_area.step > 1:
                    coarse.append(f"{tissue_class.name}, squares of {traced_area.step} px")

        yield write
        file.write((b"" if before == b"," else before) + b"]}")
    if coarse:
        named = "; ".join(coarse[:_NAMED]) + (" …" if len(coarse) > _NAMED else "")
        said = (
            f"{path.name}: outlines of more than {MOST_SIDES:,} sides follow larger squares: {named}. Areas are exact"
        )
        warnings.warn(said, RuntimeWarning, stacklevel=2)


def _with_confidence(areas: ConnectedAreas, confidence: Readable) -> Iterator[tuple[TracedArea, float]]:
    """Each object with its mean confidence, 0 to 1."""
    sums = np.zeros(len(areas.pixels))

    def seen(box: Box, pieces: NDArray[np.int32], area_of: NDArray[np.int64]) -> None:
        own = np.asarray(confidence[box.slices]).ravel()
        np.add.at(sums, area_of, np.bincount(pieces.ravel(), own, minlength=len(area_of)))

    for each in traced(areas, seen):
        yield each, float(sums[each.number] / areas.pixels[each.number] / 255)


def _feature(tissue_class: TissueClass, found: TracedArea, pixels: int, confidence: float, of: ObjectsOf) -> Feature:
    metadata: dict[str, Any] = {"image": of.name, "content": "predictions", "run": of.run}
    if found.step > 1:
        metadata["outline"] = f"squares of {found.step} px"
    rings = [(ring + of.corner_px).tolist() for ring in found.rings]
    return {
        "type": "Feature",
        "id": stable_id(f"{of.run}/{of.name}/{tissue_class.id}/{found.number}"),
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]] for ring in rings]},
        "properties": {
            "objectType": "detection",
            "classification": classification(tissue_class),
            "measurements": {**sizes_in(pixels, of.mpp_um), "Confidence": round(confidence, DECIMALS)},
            "metadata": metadata,
        },
    }
