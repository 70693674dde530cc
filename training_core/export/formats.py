"""The formats of an export: the one list, which the command line and the window ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from training_core.export.geojson import collection_bytes, features_of
from training_core.export.png import png_bytes
from training_core.export.tiff import tiff_bytes
from training_core.export.tile_mask import TileMask


@dataclass(frozen=True)
class ExportFormat:
    """A file format.

    Attributes
    ----------
    title
        As people write it.
    ending
        Of its files, after their names.
    encode
        A tile to what `join` takes, or to the file's bytes where each tile has a file.
    join
        What the tiles of a file became, to the file's bytes.
    a_file_per
        What a file is of. An image is a tile, or the slide that tiles are places on.
    """

    title: str
    ending: str
    encode: Callable[[TileMask], Any]
    join: Callable[[Sequence[Any]], bytes] | None = None
    a_file_per: Literal["tile", "image"] = "tile"

    @property
    def is_mask(self) -> bool:
        """Whether it is an image with a value per pixel."""
        return self.join is None


FORMATS = {
    "png": ExportFormat("PNG", "png", png_bytes),
    "tiff": ExportFormat("TIFF", "tiff", tiff_bytes),
    "geojson": ExportFormat("GeoJSON", "geojson", features_of, collection_bytes, "image"),
}
"""By the names that the command line has for them."""
