"""GeoJSON as QuPath writes it: of versions 0.4 to 0.7, and what versions 0.2 and 0.3 wrote otherwise.

Format: https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html. A file is a FeatureCollection,
a list of features or one feature; a feature may hold others (childObjects).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shapely.geometry import MultiPolygon, Polygon

from training_core.io.drawings.areas import DrawnArea, DrawnImage, broken, checked, polygon
from training_core.io.files import IMAGE_SUFFIXES
from training_core.io.outlines import Area
from training_core.io.slides import SLIDE_SUFFIXES

_LEFT_OUT = {
    "Point": "points", "MultiPoint": "points", "LineString": "lines", "MultiLineString": "lines",
    "tile": "tiles", "PathTileObject": "tiles", "tmaCore": "cores", "tma_core": "cores", "TMACoreObject": "cores",
}  # fmt: skip
"""Geometries that have no inside, and objects that say where something is and not what."""
_ROOT = ("root", "PathRootObject")
_KEPT_TYPES = ("Polygon", "MultiPolygon", "GeometryCollection")


def is_geojson(content: Any) -> bool:
    """Whether the content of a JSON file is GeoJSON: a collection, a feature, or a list of features."""
    if isinstance(content, list):
        return all(_is_feature(each) for each in content)
    return isinstance(content, dict) and content.get("type") in ("FeatureCollection", "Feature")


def read(content: Any, path: Path) -> DrawnImage:
    """The areas of a file.

    Raises
    ------
    MaskError
        A feature that cannot be used, by its number and class.
    """
    areas: list[DrawnArea] = []
    left_out: Counter[str] = Counter()
    for number, feature in enumerate(_features(content), start=1):
        found = _area(feature, number, path, left_out)
        if found is not None:
            areas.append(found)
    return DrawnImage(path, image_name(path), tuple(areas), left_out, counts_as_qupath=True)


def image_name(path: Path) -> str:
    """The image that a file is named after, with or without the image's own ending: scan.svs.geojson, scan.geojson."""
    image = Path(path.stem)
    return image.stem if image.suffix.lower() in IMAGE_SUFFIXES | SLIDE_SUFFIXES else path.stem


def _is_feature(content: Any) -> bool:
    return isinstance(content, dict) and content.get("type") == "Feature"


def _features(content: Any) -> Iterator[Mapping[str, Any]]:
    """All features, also those in others, in the order of the file; without recursion, however deep they lie."""
    waiting = [content]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += reversed(each)
        elif isinstance(each, dict) and each.get("type") == "FeatureCollection":
            waiting.append(each.get("features") or [])
        elif isinstance(each, dict):
            yield each
            properties = each.get("properties")
            if isinstance(properties, dict):
                waiting.append(properties.get("childObjects") or properties.get("children") or [])


def _area(feature: Mapping[str, Any], number: int, path: Path, left_out: Counter[str]) -> DrawnArea | None:
    given = feature.get("properties")
    properties: Mapping[str, Any] = given if isinstance(given, dict) else {}
    kind = properties.get("objectType") or properties.get("object_type") or feature.get("id")
    if kind in _ROOT:
        return None
    class_name, colour = _classification(properties.get("classification"))
    where = f"feature {number}" + (f" ({class_name})" if class_name else "")
    geometry = feature.get("geometry")
    form = geometry.get("type") if isinstance(geometry, dict) else None
    for each in (kind, form):
        if isinstance(each, str) and each in _LEFT_OUT:
            left_out[_LEFT_OUT[each]] += 1
            return None
    if not isinstance(geometry, dict) or form not in _KEPT_TYPES:
        raise broken(path, where, "it has no geometry of a kind that GeoJSON has")
    area = _geometry(geometry, path, where, left_out)
    if not area.convex_hull.area:  # a click, or a line there and back; one that crosses itself has a hull
        left_out["empty areas"] += 1
        return None
    return DrawnArea(where, class_name, checked(area, path, where), colour, _run(properties))


def _geometry(geometry: Mapping[str, Any], path: Path, where: str, left_out: Counter[str]) -> Area:
    found: list[Polygon] = []
    waiting = [geometry]
    while waiting:
        each = waiting.pop()
        form, coordinates = each.get("type"), each.get("coordinates")
        if form == "Polygon":
            found.append(polygon(coordinates, path, where))
        elif form == "MultiPolygon":
            if not isinstance(coordinates, list):
                raise broken(path, where, "it has no outline")
            found += [polygon(rings, path, where) for rings in coordinates]
        elif form == "GeometryCollection" and isinstance(each.get("geometries"), list):
            waiting += [inner for inner in each["geometries"] if isinstance(inner, dict)]
        elif form in _LEFT_OUT:
            left_out[_LEFT_OUT[form]] += 1
        else:
            raise broken(path, where, "it has no geometry of a kind that GeoJSON has")
    return found[0] if len(found) == 1 else MultiPolygon(found)


def _classification(given: Any) -> tuple[str, str | None]:
    """Name and colour; a subclass has the names of its parents before its own."""
    if isinstance(given, str):
        return given.strip(), None
    if not isinstance(given, dict):
        return "", None
    names = given.get("names")
    name = ": ".join(map(str, names)) if isinstance(names, list) and names else given.get("name")
    return str(name).strip() if name is not None else "", _colour(given)


def _colour(classification: Mapping[str, Any]) -> str | None:
    """As three numbers, or as the one of 32 bits that QuPath wrote before 0.4."""
    color = classification.get("color")
    if isinstance(color, list) and len(color) >= 3 and all(isinstance(each, int) and 0 <= each < 256 for each in color):
        return "#" + bytes(color[:3]).hex()
    packed = classification.get("colorRGB", color)
    if isinstance(packed, int) and not isinstance(packed, bool):
        return f"#{packed & 0xFFFFFF:06x}"
    return None


def _run(properties: Mapping[str, Any]) -> str | None:
    """The run of this program whose prediction this is."""
    about = properties.get("metadata")
    if isinstance(about, dict) and about.get("content") in ("predictions", "merged"):
        return str(about.get("run", "")) or None
    return None
