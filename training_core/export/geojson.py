"""GeoJSON as QuPath writes and reads it: an annotation or detection per object, in pixels of the image or slide.

Format: https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html. Outlines follow the edges of
pixels, so that reading them gives the same pixels again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from training_core.export.about import about
from training_core.export.objects import MeasuredObject, confidence_of, known_numbers, measure_objects, number_objects
from training_core.export.tile_mask import TileMask
from training_core.io.outlines import Area, outline, placed
from training_core.project import TissueClass
from training_core.project.classes import object_class_ids

Feature = dict[str, Any]

_DECIMALS = 4
_NAMESPACE = uuid.UUID("6a4d8a2c-7f0e-4a52-9b0a-5b8f6c1f2f11")
"""Ids are made from what a feature is, so that a second export is the same to the byte."""


def features_of(mask: TileMask) -> list[Feature]:
    """The features of a tile: one per object of classes made of objects, and one per other class."""
    classes = {each.id: each for each in mask.project.classes}
    origin = about(mask)
    features = []
    for tissue_class, number, area, measurements in areas_of(mask, classes):
        name = f"{mask.project.index.created_at}/{mask.tile.name}/{mask.content}/{tissue_class.id}/{number}"
        features.append(
            {
                "type": "Feature",
                "id": str(uuid.uuid5(_NAMESPACE, name)),
                "geometry": _geometry(_on_its_image(mask, area)),
                "properties": {
                    **_kind(mask),
                    "classification": _classification(tissue_class),
                    "measurements": measurements,
                    "metadata": origin,
                },
            }
        )
    return features


def collection_bytes(tiles: Sequence[list[Feature]]) -> bytes:
    """The file with the features of these tiles."""
    features = [feature for tile in tiles for feature in tile]
    return json.dumps(
        {"type": "FeatureCollection", "features": features}, ensure_ascii=False, separators=(",", ":")
    ).encode()


def areas_of(
    mask: TileMask, classes: dict[int, TissueClass]
) -> Iterator[tuple[TissueClass, int, Area, dict[str, float]]]:
    """Each area with its class, its number among those of the class's kind, and what is measured of it."""
    ids, tile = mask.ids, mask.tile
    of_objects = object_class_ids(mask.project.classes)
    for class_id in np.unique(ids[np.isin(ids, [key for key in classes if key not in of_objects])]).tolist():
        own = ids == class_id
        yield classes[class_id], 0, outline(own), _sizes(int(own.sum()), tile.mpp_um)
    known = known_numbers(mask.project, tile.name) if mask.content != "predictions" else None
    numbers = number_objects(ids, of_objects, known)
    confidence = confidence_of(mask.project, tile.name) if mask.content != "labels" else None
    names = {key: each.name for key, each in classes.items()}
    objects = measure_objects(tile.name, numbers, ids, names, tile.mpp_um, confidence)
    for found, area in _with_outlines(numbers, objects):
        measured = _sizes(found.area_px, tile.mpp_um)
        if found.perimeter_um is not None:
            measured["Perimeter µm"] = round(found.perimeter_um, _DECIMALS)
        if found.roundness is not None:
            measured["Circularity"] = round(found.roundness, _DECIMALS)
        if found.confidence is not None:
            measured["Confidence"] = round(found.confidence, _DECIMALS)
        yield classes[found.class_id], found.number, area, measured


def _with_outlines(
    numbers: NDArray[np.int32], objects: Sequence[MeasuredObject]
) -> Iterator[tuple[MeasuredObject, Area]]:
    places = ndimage.find_objects(numbers)
    for each in objects:
        place = places[each.number - 1]
        yield each, outline(numbers[place] == each.number, place[1].start, place[0].start)


def _sizes(pixels: int, mpp_um: float | None) -> dict[str, float]:
    sizes: dict[str, float] = {"Area px^2": pixels}
    if mpp_um is not None:
        sizes["Area µm^2"] = round(pixels * mpp_um**2, _DECIMALS)
    return sizes


def _on_its_image(mask: TileMask, area: Area) -> Area:
    """Counted as QuPath does, which may begin elsewhere than the picture."""
    place, slide = mask.tile.place, mask.project.source_file(mask.tile.name)
    if place is None or slide is None or place.scale is None:
        return area
    return placed(area, place.scale, place.x_px + slide.corner_px[0], place.y_px + slide.corner_px[1])


def _kind(mask: TileMask) -> dict[str, Any]:
    """Predictions are detections; what was annotated is an annotation, locked so that no click moves it."""
    if mask.content == "predictions":
        return {"objectType": "detection"}
    return {"objectType": "annotation", "isLocked": True}


def _classification(tissue_class: TissueClass) -> dict[str, Any]:
    """QuPath takes a colon for what joins a class and its subclass, and writes such names as a list."""
    names = [each.strip() for each in tissue_class.name.split(":")]
    color = [*bytes.fromhex(tissue_class.color[1:])]
    if len(names) > 1 and all(names):
        return {"names": names, "color": color}
    return {"name": tissue_class.name, "color": color}


def _geometry(area: Area) -> dict[str, Any]:
    """GeoJSON, with the ring around an area anticlockwise and those of its holes clockwise."""
    found: dict[str, Any] = json.loads(shapely.to_geojson(shapely.orient_polygons(area)))
    return {"type": found["type"], "coordinates": _rounded(found["coordinates"])}


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    number = round(value, _DECIMALS)
    return int(number) if number == int(number) else number
