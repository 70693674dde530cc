"""How large a pixel is, as an image file says itself: TIFF (ImageJ and OME too), PNG and JPEG."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import tifffile
from PIL import Image

from training_core.base.errors import ImageError
from training_core.io.files import FileKind, file_kind, quiet
from training_core.io.pixel_size import is_credible

_UM_PER_UNIT = {"micron": 1.0, "microns": 1.0, "um": 1.0, "µm": 1.0, "μm": 1.0, "\\u00B5m": 1.0, "nm": 1e-3, "mm": 1e3}
_OME_SIZE = re.compile(r'PhysicalSizeX="([0-9.eE+-]+)"(?:[^>]*?PhysicalSizeXUnit="([^"]+)")?')


def file_mpp_um(path: Path) -> float | None:
    """µm/px that the file states; None: it states none, or one that no microscope gives.

    Raises
    ------
    ImageError
        Missing, empty, or not a picture file.
    """
    kind = file_kind(path, ImageError)
    # Whatever else is wrong with the file, reading it as an image says it better.
    try:
        stated = _tiff_mpp_um(path) if kind is FileKind.TIFF else _pillow_mpp_um(path)
    except Exception:
        return None
    return stated if is_credible(stated) else None


def _tiff_mpp_um(path: Path) -> float | None:
    with quiet("tifffile"), tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages[0]
        if tiff.is_ome and (found := _OME_SIZE.search(tiff.ome_metadata or "")):
            return float(found[1]) * _UM_PER_UNIT[found[2] or "µm"]
        if "XResolution" not in page.tags:
            return None
        if tiff.is_imagej and (unit := (tiff.imagej_metadata or {}).get("unit")) is not None:
            return _UM_PER_UNIT[unit] / float(page.get_resolution()[0])
        return 1 / float(page.get_resolution(tifffile.RESUNIT.MICROMETER)[0])


def _pillow_mpp_um(path: Path) -> float | None:
    with Image.open(path) as image:
        dpi = image.info.get("dpi")
    return 25_400 / float(dpi[0]) if dpi else None
