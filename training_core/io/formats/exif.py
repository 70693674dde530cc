"""The orientation that EXIF and XMP blocks state."""

from __future__ import annotations

import re
from typing import Any

from PIL import Image

_ORIENTATION = 0x0112
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


def orientation(exif: bytes | None, xmp: bytes | None = None) -> int:
    """1 to 8; 1 where none is stated, or the block cannot be read."""
    if exif:
        found: Any = None
        block = Image.Exif()
        try:
            block.load(exif)
            found = block.get(_ORIENTATION)
        except Exception:  # a broken block states nothing; Pillow lets errors of every kind through
            found = None
        if found in range(1, 9):
            return int(found)
    stated = _XMP.search(xmp) if xmp else None
    return int(stated[1]) if stated else 1
