"""The formats of an export: the one list, which the command line and the window ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from training_core.base.i18n import tr
from training_core.export.coco import collection_of_masks, masks_of, outlines_of
from training_core.export.geojson import collection_bytes, features_of
from training_core.export.ome_tiff import ome_tiff_bytes
from training_core.export.overlay import overlay_bytes
from training_core.export.palette import palette_png_bytes, palette_tiff_bytes
from training_core.export.png import png_bytes
from training_core.export.tiff import tiff_bytes
from training_core.export.tile_mask import TileMask
from training_core.export.tile_zarr import files_of_04, files_of_05


@dataclass(frozen=True)
class ExportFormat:
    """A file format.

    Attributes
    ----------
    title
        As people write it.
    ending
        Of its files, after their names; the whole name of the only file of a project.
    encode
        A tile to what `join` takes, or to the file's bytes where each tile has a file; the bytes of several files, by
        their paths, where each tile has a folder.
    join
        What the tiles of a file became, to the file's bytes.
    a_file_per
        What a file is of. An image is a tile, or the slide that tiles are places on.
    holds
        What its files hold: a value per pixel, outlines or masks of objects, or a picture to look at.
    """

    title: str
    ending: str
    encode: Callable[[TileMask], Any]
    join: Callable[[Sequence[Any]], bytes] | None = None
    a_file_per: Literal["tile", "image", "project"] = "tile"
    holds: Literal["masks", "objects", "overlays"] = "masks"

    @property
    def is_mask(self) -> bool:
        """Whether it is an image with a value per pixel."""
        return self.holds == "masks"


_COCO = "annotations.coco.json"

FORMATS = {
    "png": ExportFormat("PNG", "png", png_bytes),
    "tiff": ExportFormat("TIFF", "tiff", tiff_bytes),
    "palette-png": ExportFormat(tr("PNG in class colours"), "png", palette_png_bytes),
    "palette-tiff": ExportFormat(tr("TIFF in class colours"), "tiff", palette_tiff_bytes),
    "ome-tiff": ExportFormat("OME-TIFF", "ome.tiff", ome_tiff_bytes),
    "ome-zarr": ExportFormat("OME-Zarr", "ome.zarr", files_of_04),
    "ome-zarr-0.5": ExportFormat("OME-Zarr 0.5", "ome.zarr", files_of_05),
    "geojson": ExportFormat("GeoJSON", "geojson", features_of, collection_bytes, "image", "objects"),
    "coco": ExportFormat("COCO", _COCO, masks_of, collection_of_masks, "project", "objects"),
    "coco-polygons": ExportFormat(
        tr("COCO with polygons"), _COCO, outlines_of, collection_of_masks, "project", "objects"
    ),
    "overlay": ExportFormat(tr("JPEG overlay"), "overlay.jpg", overlay_bytes, holds="overlays"),
}
"""By the names that the command line has for them."""
