"""The orientation that EXIF and XMP blocks state."""

from __future__ import annotations

import io
import re

import tifffile
from PIL import Image

from training_core.base.ignored_warnings import ignored_warnings
from training_core.io.files import quiet

_ORIENTATION = 274
_EXIF = b"Exif\0\0"
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


def orientation(exif: bytes | None, xmp: bytes | None = None) -> int:
    """1 to 8; 1 where none is stated.

    Of a damaged block, one reader may still make out what another does not. A turn that either finds counts: it is
    asked about, while one that is overlooked puts every label in another place.
    """
    block = exif.removeprefix(_EXIF) if exif else b""
    stated = [value for value in (_by_tifffile(block), _by_pillow(block)) if 1 <= value <= 8] if block else []
    if stated:
        return max(stated)  # 1 is no turn
    found = _XMP.search(xmp) if xmp else None
    return int(found[1]) if found else 1


def _by_tifffile(block: bytes) -> int:
    with quiet("tifffile"):
        try:
            with tifffile.TiffFile(io.BytesIO(block)) as tiff:  # a block of EXIF is a TIFF without pixels
                return _number(tiff.pages.first.tags.valueof(_ORIENTATION))
        except Exception:  # it lets errors of every kind through; the other reader may do better
            return 0


def _by_pillow(block: bytes) -> int:
    exif = Image.Exif()
    with ignored_warnings():  # of damaged tags beside this one
        try:
            exif.load(block)
            return _number(exif.get(_ORIENTATION))
        except Exception:  # as above
            return 0


def _number(value: object) -> int:
    """The value of the tag, which some programs write as a byte; 0: no number."""
    if isinstance(value, bytes) and len(value) == 1:
        return value[0]
    return value if isinstance(value, int) else 0
