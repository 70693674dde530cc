"""The objects of a predicted image or slide, as GeoJSON for QuPath and as a table, written one by one.

Memory holds what is open.

An object is a connected area (edges touch) of a class made of objects, wherever it lies. Its outline follows the edges
of its pixels; one of more than a million sides follows larger squares, and is named.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from training_core.class_maps.connected_areas import Box, ConnectedAreas
from training_core.class_maps.predicted_areas import Readable
from training_core.class_maps.traced_areas import MOST_SIDES, TracedArea, traced
from training_core.export.geojson import DECIMALS, Feature, classification, sizes_in, stable_id
from training_core.export.objects import csv_bytes, csv_row
from training_core.io.atomic import atomic_file
from training_core.project import TissueClass

ObjectFormat = Literal["geojson", "csv"]
OBJECT_COLUMNS = (
    "image", "object", "class_id", "class_name", "area_px", "area_um2", "x_px", "y_px", "mean_confidence",
)  # fmt: skip
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


@dataclass(frozen=True)
class _Found:
    """An object; the centroid in columns and rows from the centre of the image's first pixel, confidence 0 to 1."""

    traced: TracedArea
    pixels: int
    x_px: float
    y_px: float
    confidence: float


@contextmanager
def objects_files(
    paths: Mapping[ObjectFormat, Path], of: ObjectsOf, confidence: Readable
) -> Iterator[Callable[[TissueClass, ConnectedAreas], None]]:
    """Files that take the objects of one class after the other, and their names when the block ends.

    Parameters
    ----------
    confidence
        (H, W), 0 to 255 for 0 to 1.

    Raises
    ------
    StorageError
        The disk is full or not writable; older files are untouched.
    """
    coarse: list[str] = []
    with ExitStack() as stack:
        writers = [_WRITERS[kind](stack.enter_context(atomic_file(path)), of) for kind, path in paths.items()]

        def write(tissue_class: TissueClass, areas: ConnectedAreas) -> None:
            for found in _measured(areas, confidence):
                for writer in writers:
                    writer.add(tissue_class, found)
                if found.traced.step > 1:
                    coarse.append(f"{tissue_class.name}, squares of {found.traced.step} px")

        yield write
        for writer in writers:
            writer.end()
    if coarse and "geojson" in paths:
        named = "; ".join(coarse[:_NAMED]) + (" …" if len(coarse) > _NAMED else "")
        name = paths["geojson"].name
        said = f"{name}: outlines of more than {MOST_SIDES:,} sides follow larger squares: {named}. Areas are exact"
        warnings.warn(said, RuntimeWarning, stacklevel=2)


def _measured(areas: ConnectedAreas, confidence: Readable) -> Iterator[_Found]:
    sums = np.zeros((len(areas.pixels), 3))
    """Of columns, rows and confidence."""

    def seen(box: Box, pieces: NDArray[np.int32], area_of: NDArray[np.int64]) -> None:
        rows, columns = np.nonzero(pieces)
        own = pieces[rows, columns]
        values = columns + box.left, rows + box.top, np.asarray(confidence[box.slices])[rows, columns]
        of_pieces = [np.bincount(own, each, minlength=len(area_of)) for each in values]
        np.add.at(sums, area_of, np.stack(of_pieces, axis=1))

    for each in traced(areas, seen):
        pixels = int(areas.pixels[each.number])
        x_px, y_px, mean = (sums[each.number] / pixels).tolist()
        yield _Found(each, pixels, x_px, y_px, mean / 255)


class _GeoJson:
    """A feature collection."""

    def __init__(self, file: BinaryIO, of: ObjectsOf) -> None:
        self._file, self._of = file, of
        self._before = b'{"type":"FeatureCollection","features":['

    def add(self, tissue_class: TissueClass, found: _Found) -> None:
        feature = json.dumps(_feature(tissue_class, found, self._of), ensure_ascii=False, separators=(",", ":"))
        self._file.write(self._before + feature.encode())
        self._before = b","

    def end(self) -> None:
        self._file.write((b"" if self._before == b"," else self._before) + b"]}")


class _Table:
    """A row for each object, with the id that it has in the GeoJSON."""

    def __init__(self, file: BinaryIO, of: ObjectsOf) -> None:
        self._file, self._of = file, of
        file.write(csv_bytes(OBJECT_COLUMNS, ()))

    def add(self, tissue_class: TissueClass, found: _Found) -> None:
        of = self._of
        x_px, y_px = found.x_px + of.corner_px[0], found.y_px + of.corner_px[1]
        self._file.write(
            csv_row(
                (
                    of.name,
                    _id(tissue_class, found, of),
                    tissue_class.id,
                    tissue_class.name,
                    found.pixels,
                    None if of.mpp_um is None else found.pixels * of.mpp_um**2,
                    f"{x_px:.2f}",
                    f"{y_px:.2f}",
                    found.confidence,
                )
            )
        )

    def end(self) -> None:
        """Nothing follows the rows."""


_WRITERS: dict[ObjectFormat, type[_GeoJson] | type[_Table]] = {"geojson": _GeoJson, "csv": _Table}


def _id(tissue_class: TissueClass, found: _Found, of: ObjectsOf) -> str:
    return stable_id(f"{of.run}/{of.name}/{tissue_class.id}/{found.traced.number}")


def _feature(tissue_class: TissueClass, found: _Found, of: ObjectsOf) -> Feature:
    metadata: dict[str, Any] = {"image": of.name, "content": "predictions", "run": of.run}
    if found.traced.step > 1:
        metadata["outline"] = f"squares of {found.traced.step} px"
    rings = [(ring + of.corner_px).tolist() for ring in found.traced.rings]
    return {
        "type": "Feature",
        "id": _id(tissue_class, found, of),
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]] for ring in rings]},
        "properties": {
            "objectType": "detection",
            "classification": classification(tissue_class),
            "measurements": {
                **sizes_in(found.pixels, of.mpp_um),
                "Confidence": round(found.confidence, DECIMALS),
            },
            "metadata": metadata,
        },
    }
