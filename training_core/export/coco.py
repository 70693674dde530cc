"""COCO: the objects of a whole project in one file, as run lengths, or as polygons where they have no holes.

Format: https://cocodataset.org/#format-data. Run lengths are exact; polygons lose nothing of an outline, but programs
differ in which pixels they fill.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from training_core.base.arrays import BoolMask
from training_core.export.geojson import areas_of
from training_core.export.tile_mask import TileMask
from training_core.io.outlines import Area, inside
from training_core.io.run_lengths import run_lengths


def masks_of(mask: TileMask) -> dict[str, Any]:
    """A tile with run lengths of its objects."""
    return _tile(mask, lambda area, pixels: _encoded(pixels))


def outlines_of(mask: TileMask) -> dict[str, Any]:
    """A tile with polygons of its objects, and run lengths of those with holes, which COCO's polygons cannot have."""

    def segmentation(area: Area, pixels: BoolMask) -> Any:
        polygons = shapely.get_parts(area)
        if any(len(each.interiors) for each in polygons):
            return _encoded(pixels)
        return [[int(each) for point in polygon.exterior.coords[:-1] for each in point] for polygon in polygons]

    return _tile(mask, segmentation)


def collection_of_masks(tiles: Sequence[dict[str, Any]]) -> bytes:
    """The file with these tiles; all numbers from 1 on."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, tile in enumerate(tiles, start=1):
        images.append({"id": image_id, **tile["image"]})
        for each in tile["annotations"]:
            annotations.append({"id": len(annotations) + 1, "image_id": image_id, **each, "iscrowd": 0})
    content = {
        "info": {"description": tiles[0]["about"], "version": "1.0"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": tiles[0]["categories"],
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _tile(mask: TileMask, segmentation: Callable[[Area, BoolMask], Any]) -> dict[str, Any]:
    tile, classes = mask.tile, {each.id: each for each in mask.project.classes}
    annotations = []
    for tissue_class, _, area, _, _ in areas_of(mask, classes):
        pixels = inside(area, tile.width_px, tile.height_px)
        left, top, right, bottom = (int(each) for each in area.bounds)
        annotations.append(
            {
                "category_id": tissue_class.id,
                "segmentation": segmentation(area, pixels),
                "area": int(pixels.sum()),
                "bbox": [left, top, right - left, bottom - top],
            }
        )
    return {
        "image": {"file_name": Path(tile.path).name, "width": tile.width_px, "height": tile.height_px},
        "annotations": annotations,
        "categories": [{"id": each.id, "name": each.name} for each in mask.project.classes],
        "about": f"{mask.content} of {mask.project.name}",
    }


def _encoded(pixels: BoolMask) -> dict[str, Any]:
    return {"size": list(np.shape(pixels)), "counts": run_lengths(pixels)}
