"""What napari saves of a layer of labels: class ids in the colours of the classes, not the layer's own values."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_unisemalign.app.layer_values import LABELS
from training_core.base.errors import MaskError
from training_core.export import FORMATS
from training_core.export.tile_mask import TileMask
from training_core.project import Project, Tile

ENDINGS = (".png", ".tiff", ".tif", ".ome.tiff", ".ome.tif")
_MOST_IN_PNG = 2**16


def class_mask_bytes(path: Path, ids: NDArray[np.uint8], role: str, project: Project, tile: Tile) -> bytes:
    """A mask as the export writes it: PNG or TIFF in the colours of the classes, or OME-TIFF, by the path's ending.

    Parameters
    ----------
    ids
        What the layer of this role shows, (H, W) class ids, 255 where nothing is.
    """
    content: Any = "labels" if role == LABELS else "predictions"
    data: bytes = FORMATS[_format_of(path)].encode(TileMask(project, tile, ids, content))
    return data


def plain_bytes(path: Path, values: NDArray[Any]) -> bytes:
    """Numbers that are no classes, as they are.

    Raises
    ------
    MaskError
        A PNG cannot hold them.
    """
    buffer = io.BytesIO()
    if path.suffix.lower() != ".png":
        tifffile.imwrite(buffer, values, compression="zlib", photometric="minisblack")
        return buffer.getvalue()
    least, most = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if values.ndim != 2 or least < 0 or most >= _MOST_IN_PNG:
        size = " x ".join(map(str, values.shape))
        given = f"a PNG cannot hold labels of {size} with values from {least} to {most}"
        raise MaskError(given, "a plane with values from 0 to 65535", "save it as TIFF")
    Image.fromarray(values.astype(np.uint8 if most < 256 else np.uint16)).save(buffer, "PNG")
    return buffer.getvalue()


def _format_of(path: Path) -> str:
    name = path.name.lower()
    if name.endswith((".ome.tif", ".ome.tiff")):
        return "ome-tiff"
    return "palette-tiff" if name.endswith((".tif", ".tiff")) else "palette-png"
