"""The one way to files of drawn areas: which program wrote one is told from its ending and its content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training_core.base.bounded import check_regular, in_short, read_json
from training_core.base.errors import MaskError
from training_core.io.drawings import coco, geojson, imagej, labelme, ome_zarr
from training_core.io.drawings.areas import DrawnImage

_IMAGEJ = frozenset({".roi", ".zip"})
DRAWING_SUFFIXES = frozenset({".geojson", ".json"}) | _IMAGEJ
MAX_DRAWING_BYTES = 512 * 2**20
"""QuPath's files of a slide with all its detections are large."""
_READ = "GeoJSON as QuPath writes it, COCO, labelme's JSON, regions of ImageJ (.roi, .zip), or OME-Zarr folders"


def is_drawing(path: Path) -> bool:
    """Whether a path may hold drawn areas: a file with such an ending, or the folder of an OME-Zarr image."""
    return ome_zarr.is_ome_zarr(path) if path.is_dir() else path.suffix.lower() in DRAWING_SUFFIXES


def read_drawings(path: Path) -> list[DrawnImage]:
    """The areas in a file or OME-Zarr folder, image by image.

    Raises
    ------
    MaskError
        Missing, damaged, of no program that is known, or with an area that cannot be used, which is named.
    """
    if ome_zarr.is_ome_zarr(path):
        return [ome_zarr.read(path)]
    try:
        if path.suffix.lower() in _IMAGEJ:
            check_regular(path)
            return [imagej.read(path)]
        content = read_json(path, MAX_DRAWING_BYTES)
    except FileNotFoundError:
        raise MaskError(f"there is no file {path}", "a file of annotations", "check the path") from None
    except (OSError, ValueError) as cause:
        given = f"{path} cannot be read ({in_short(cause)})"
        raise MaskError(given, f"a whole file of annotations: {_READ}", "export it again") from cause
    return _read(content, path)


def _read(content: Any, path: Path) -> list[DrawnImage]:
    if geojson.is_geojson(content):
        return [geojson.read(content, path)]
    if coco.is_coco(content):
        return coco.read(content, path)
    if labelme.is_labelme(content):
        return [labelme.read(content, path)]
    given = f"{path} holds no annotations of a program that is known"
    raise MaskError(given, _READ, "in QuPath choose File > Export objects as GeoJSON")
