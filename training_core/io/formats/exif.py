"""The orientation that EXIF and XMP blocks state."""

from __future__ import annotations

import io
import re

import tifffile

from training_core.io.files import quiet

_ORIENTATION = 274
_EXIF = b"Exif\0\0"
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


def orientation(exif: bytes | None, xmp: bytes | None = None) -> int:
    """1 to 8; 1 where none is stated, or the block cannot be read."""
    stated = _of_exif(exif.removeprefix(_EXIF)) if exif else None
    if stated is not None:
        return stated
    found = _XMP.search(xmp) if xmp else None
    return int(found[1]) if found else 1


def _of_exif(block: bytes) -> int | None:
    with quiet("tifffile"):
        try:
            with tifffile.TiffFile(io.BytesIO(block)) as tiff:  # a block of EXIF is a TIFF without pixels
                value = tiff.pages.first.tags.valueof(_ORIENTATION)
        except Exception:  # a broken block states nothing; tifffile lets errors of every kind through
            return None
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else None
