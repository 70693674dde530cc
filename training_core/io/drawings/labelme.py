"""Labelme's JSON: the shapes of one image, named by the image's file.

Format: https://github.com/wkentaro/labelme. A shape has a label, a kind and points in pixels.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import shapely
from PIL import Image, UnidentifiedImageError

from training_core.io.drawings.areas import DrawnArea, DrawnImage, broken, checked, polygon
from training_core.io.files import MAX_PIXELS
from training_core.io.outlines import Area, outline

_LEFT_OUT = {"point": "points", "points": "points", "line": "lines", "linestrip": "lines"}
_CIRCLE_CORNERS = 32
"""Of a quarter of a circle: at a radius of 1,000 px it is off by less than half a pixel."""


def is_labelme(content: Any) -> bool:
    """Whether the content of a JSON file is labelme's."""
    return isinstance(content, dict) and isinstance(content.get("shapes"), list) and "imagePath" in content


def read(content: Mapping[str, Any], path: Path) -> DrawnImage:
    """The areas of a file.

    Raises
    ------
    MaskError
        A shape that cannot be used, by its number and label.
    """
    areas: list[DrawnArea] = []
    left_out: Counter[str] = Counter()
    for number, shape in enumerate(content["shapes"], start=1):
        if not isinstance(shape, dict):
            raise broken(path, f"shape {number}", "it is no shape")
        label, kind = str(shape.get("label") or "").strip(), str(shape.get("shape_type") or "polygon")
        where = f"shape {number}" + (f" ({label})" if label else "")
        if kind in _LEFT_OUT:
            left_out[_LEFT_OUT[kind]] += 1
            continue
        area = _area(shape, kind, path, where)
        if not area.convex_hull.area:
            left_out["empty areas"] += 1
        else:
            areas.append(DrawnArea(where, label, checked(area, path, where)))
    named, size = content.get("imagePath"), (content.get("imageWidth"), content.get("imageHeight"))
    image = PureWindowsPath(named).stem if isinstance(named, str) and named else path.stem
    known = (size[0], size[1]) if isinstance(size[0], int) and isinstance(size[1], int) else None
    return DrawnImage(path, image, tuple(areas), left_out, known)


def _area(shape: Mapping[str, Any], kind: str, path: Path, where: str) -> Area:
    points = shape.get("points")
    if kind == "polygon":
        return polygon([points], path, where)
    if kind in ("rectangle", "circle", "mask"):
        (x1, y1), (x2, y2) = _two(points, path, where)
        if kind == "rectangle":
            return shapely.box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        if kind == "circle":
            return shapely.Point(x1, y1).buffer(float(np.hypot(x2 - x1, y2 - y1)), quad_segs=_CIRCLE_CORNERS)
        return outline(_mask(shape.get("mask"), path, where), int(min(x1, x2)), int(min(y1, y2)))
    raise broken(path, where, f"it is a {kind}, which is not known")


def _two(points: Any, path: Path, where: str) -> list[tuple[float, float]]:
    # a third corner, so that the checks of polygons hold for two points, too
    found = polygon([[*points, points[0]]] if isinstance(points, list) and len(points) == 2 else None, path, where)
    first, second = found.exterior.coords[:2]
    return [first, second]


def _mask(data: Any, path: Path, where: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """A picture of the shape's box, in text."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(data, validate=True)), formats=["PNG"]) as image:
            if image.width * image.height > MAX_PIXELS:
                raise broken(path, where, "its mask is too large")
            return np.asarray(image.convert("L")) > 0
    except (TypeError, ValueError, binascii.Error, UnidentifiedImageError, OSError, Image.DecompressionBombError):
        raise broken(path, where, "its mask is damaged") from None
