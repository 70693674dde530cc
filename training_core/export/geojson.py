"""GeoJSON as QuPath writes and reads it: an annotation or detection per object, in pixels of the image or slide.

An object that the edges of touching tiles cut is one on their slide.

Format: https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html. Outlines follow the edges of
pixels, so that reading them gives the same pixels again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from scipy import ndimage
from shapely.geometry import Polygon

from training_core.export.about import about
from training_core.export.crossing import Part, joined_pixels, same_objects
from training_core.export.object_numbers import known_objects, number_objects
from training_core.export.objects import MeasuredObject, confidence_of, measure_objects
from training_core.export.tile_mask import TileMask
from training_core.io.outlines import Area, outline, placed
from training_core.project import TissueClass
from training_core.project.classes import object_class_ids

Feature = dict[str, Any]

DECIMALS = 4
_NAMESPACE = uuid.UUID("6a4d8a2c-7f0e-4a52-9b0a-5b8f6c1f2f11")


class PlacedArea(NamedTuple):
    """A feature whose geometry is still an area; and its part of an object that the edge of the tile cuts."""

    feature: Feature
    area: Area
    part: Part | None


class MeasuredArea(NamedTuple):
    """An area of a tile.

    Attributes
    ----------
    number
        Among those of the class's kind.
    part
        Of an object; None: of a class that is not made of objects.
    """

    tissue_class: TissueClass
    number: int
    area: Area
    measurements: dict[str, float]
    part: Part | None


def features_of(mask: TileMask) -> list[PlacedArea]:
    """The features of a tile: one per object of classes made of objects, and one per other class."""
    classes = {each.id: each for each in mask.project.classes}
    origin = about(mask)
    features = []
    for tissue_class, number, area, measurements, part in areas_of(mask, classes):
        name = f"{mask.project.index.created_at}/{mask.tile.name}/{mask.content}/{tissue_class.id}/{number}"
        feature = {
            "type": "Feature",
            "id": stable_id(name),
            "geometry": None,
            "properties": {
                **_kind(mask),
                "classification": classification(tissue_class),
                "measurements": measurements,
                "metadata": origin,
            },
        }
        features.append(PlacedArea(feature, _on_its_image(mask, area), part if part and part.is_cut else None))
    return features


def collection_bytes(tiles: Sequence[list[PlacedArea]]) -> bytes:
    """The file with the features of these tiles."""
    placed_areas = [each for tile in tiles for each in tile]
    cut = [number for number, each in enumerate(placed_areas) if each.part is not None]
    for group in same_objects([part for each in placed_areas if (part := each.part) is not None]):
        first, *others = (cut[number] for number in group)
        placed_areas[first] = _whole([placed_areas[number] for number in (first, *others)])
        for number in others:
            placed_areas[number] = placed_areas[number]._replace(area=Polygon())
    features = [{**each.feature, "geometry": _geometry(each.area)} for each in placed_areas if not each.area.is_empty]
    return json.dumps(
        {"type": "FeatureCollection", "features": features}, ensure_ascii=False, separators=(",", ":")
    ).encode()


def _whole(parts: Sequence[PlacedArea]) -> PlacedArea:
    """One object of its parts on several tiles, measured as a whole; its confidence is the mean over its pixels."""
    pieces = [part for each in parts if (part := each.part) is not None]
    feature, pixels = parts[0].feature, joined_pixels(pieces)
    ids = np.full(pixels.shape, pieces[0].class_id, np.uint8)
    numbers, mpp_um = pixels.astype(np.int32), pieces[0].tile.mpp_um
    (found,) = measure_objects("", numbers, ids, {pieces[0].class_id: ""}, mpp_um)
    measured = _measurements(found, mpp_um)
    own = [each.feature["properties"]["measurements"] for each in parts]
    if all("Confidence" in each for each in own):
        total = sum(each["Confidence"] * each["Area px^2"] for each in own)
        measured["Confidence"] = round(total / sum(each["Area px^2"] for each in own), DECIMALS)
    properties = feature["properties"]
    tiles = ", ".join(dict.fromkeys(each.tile.name for each in pieces))
    name = "+".join(each.feature["id"] for each in parts)
    joined = {
        **feature,
        "id": stable_id(name),
        "properties": {
            **properties, "measurements": measured, "metadata": {**properties["metadata"], "tile": tiles},
        },
    }  # fmt: skip
    return PlacedArea(joined, shapely.simplify(shapely.union_all([each.area for each in parts]), 0), None)


def areas_of(mask: TileMask, classes: dict[int, TissueClass]) -> Iterator[MeasuredArea]:
    """Each area of a tile with what is measured of it."""
    ids, tile = mask.ids, mask.tile
    of_objects = object_class_ids(mask.project.classes)
    for class_id in np.unique(ids[np.isin(ids, [key for key in classes if key not in of_objects])]).tolist():
        own = ids == class_id
        yield MeasuredArea(classes[class_id], 0, outline(own), sizes_in(int(own.sum()), tile.mpp_um), None)
    known = known_objects(mask.project, tile.name) if mask.content != "predictions" else None
    numbers = number_objects(ids, of_objects, known)
    confidence = confidence_of(mask.project, tile.name) if mask.content != "labels" else None
    names = {key: each.name for key, each in classes.items()}
    objects = measure_objects(tile.name, numbers, ids, names, tile.mpp_um, confidence)
    places = ndimage.find_objects(numbers)
    for found in objects:
        rows, columns = places[found.number - 1]
        pixels = numbers[rows, columns] == found.number
        area, part = (
            outline(pixels, columns.start, rows.start),
            Part(tile, found.class_id, pixels, columns.start, rows.start),
        )
        yield MeasuredArea(classes[found.class_id], found.number, area, _measurements(found, tile.mpp_um), part)


def _measurements(found: MeasuredObject, mpp_um: float | None) -> dict[str, float]:
    measured = sizes_in(found.area_px, mpp_um)
    if found.perimeter_um is not None:
        measured["Perimeter µm"] = round(found.perimeter_um, DECIMALS)
    if found.roundness is not None:
        measured["Circularity"] = round(found.roundness, DECIMALS)
    if found.confidence is not None:
        measured["Confidence"] = round(found.confidence, DECIMALS)
    return measured


def sizes_in(pixels: int, mpp_um: float | None) -> dict[str, float]:
    """The measurements of an area, in px and, where the pixel size is known, in µm²."""
    sizes: dict[str, float] = {"Area px^2": pixels}
    if mpp_um is not None:
        sizes["Area µm^2"] = round(pixels * mpp_um**2, DECIMALS)
    return sizes


def _on_its_image(mask: TileMask, area: Area) -> Area:
    """Counted as QuPath does, which may begin elsewhere than the picture."""
    place, slide = mask.tile.place, mask.project.source_file(mask.tile.name)
    if place is None or slide is None or place.scale is None:
        return area
    return placed(area, place.scale, place.x_px + slide.corner_px[0], place.y_px + slide.corner_px[1])


def stable_id(name: str) -> str:
    """Made from what a feature is, so that a second export is the same to the byte."""
    return str(uuid.uuid5(_NAMESPACE, name))


def _kind(mask: TileMask) -> dict[str, Any]:
    """Predictions are detections; what was annotated is an annotation, locked so that no click moves it."""
    if mask.content == "predictions":
        return {"objectType": "detection"}
    return {"objectType": "annotation", "isLocked": True}


def classification(tissue_class: TissueClass) -> dict[str, Any]:
    """A class by name and colour.

    QuPath takes a colon for what joins a class and its subclass, and writes such names as a list.
    """
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
    number = round(value, DECIMALS)
    return int(number) if number == int(number) else number
