"""COCO: objects of many images in one file, as polygons or run lengths.

Format: https://cocodataset.org/#format-data. The polygons of one object are joined; they have no holes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon

from training_core.base.errors import MaskError
from training_core.io.drawings.areas import DrawnArea, DrawnImage, broken, checked, polygon
from training_core.io.files import MAX_PIXELS
from training_core.io.outlines import Area, outline
from training_core.io.run_lengths import from_run_lengths


def is_coco(content: Any) -> bool:
    """Whether the content of a JSON file is COCO."""
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in ("images", "annotations"))


def read(content: Mapping[str, Any], path: Path) -> list[DrawnImage]:
    """The areas of a file, image by image; an image without any is left out.

    Raises
    ------
    MaskError
        An object that cannot be used, by its id and class, or one of an image that the file does not list.
    """
    names = _names(content.get("categories"))
    images = {_key(each.get("id")): each for each in content["images"] if isinstance(each, dict)}
    areas: dict[Any, list[DrawnArea]] = defaultdict(list)
    left_out: dict[Any, Counter[str]] = defaultdict(Counter)
    for each in content["annotations"]:
        if not isinstance(each, dict) or (image := _key(each.get("image_id"))) not in images:
            raise _damaged(path, "it has an object of an image that it does not list")
        name = names.get(_key(each.get("category_id")), "")
        where = f"object {each.get('id')}" + (f" ({name})" if name else "")
        area = _area(each.get("segmentation"), path, where)
        if area is None:
            left_out[image]["objects without an outline"] += 1
        else:
            areas[image].append(DrawnArea(where, name, area))
    return [
        _image(images[key], path, areas[key], left_out[key]) for key in images if areas.get(key) or left_out.get(key)
    ]


def _image(image: Mapping[str, Any], path: Path, areas: list[DrawnArea], left_out: Counter[str]) -> DrawnImage:
    name = image.get("file_name")
    if not isinstance(name, str) or not name:
        raise _damaged(path, "an image of it has no name")
    width, height = image.get("width"), image.get("height")
    size = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    return DrawnImage(path, PureWindowsPath(name).stem, tuple(areas), left_out, size)


def _names(categories: Any) -> dict[Any, str]:
    listed = categories if isinstance(categories, list) else []
    return {_key(each.get("id")): str(each.get("name", "")).strip() for each in listed if isinstance(each, dict)}


def _key(given: Any) -> Any:
    """An id as it tells things apart: a number or a text; anything else by how it is written."""
    return given if isinstance(given, int | float | str) else repr(given)


def _area(segmentation: Any, path: Path, where: str) -> Area | None:
    if isinstance(segmentation, dict):
        return _of_run_lengths(segmentation, path, where)
    if not isinstance(segmentation, list) or not segmentation:
        return None
    found = [_polygon(each, path, where) for each in segmentation]
    joined = shapely.union_all(found)
    return joined if joined.area else None


def _polygon(numbers: Any, path: Path, where: str) -> Polygon:
    if not isinstance(numbers, list) or len(numbers) % 2:
        raise broken(path, where, "its outline is no list of pairs of numbers")
    ring = polygon([list(zip(numbers[::2], numbers[1::2], strict=True))], path, where)
    checked(ring, path, where)
    return ring


def _of_run_lengths(segmentation: Mapping[str, Any], path: Path, where: str) -> Area | None:
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(isinstance(each, int) and each > 0 for each in size)):
        raise broken(path, where, "its mask has no size")
    if size[0] * size[1] > MAX_PIXELS or not isinstance(counts, list | str):
        raise broken(path, where, "its mask is too large, or no run lengths")
    try:
        pixels = from_run_lengths(counts, *size)
    except ValueError as cause:
        raise broken(path, where, str(cause)) from cause
    rows, columns = (np.flatnonzero(np.any(pixels, axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    found = outline(pixels[top : rows[-1] + 1, left : columns[-1] + 1], left, top)
    return found if isinstance(found, Polygon | MultiPolygon) else None


def _damaged(path: Path, reason: str) -> MaskError:
    return MaskError(f"{path} cannot be used: {reason}", "a whole COCO file", "export it again")
