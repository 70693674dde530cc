"""What a TIFF may hold that its reader would get wrong, or not at all, for another reason than damage."""

from __future__ import annotations

from typing import Any

import tifffile

from training_core.io.files import INSTALL_OPENSLIDE, Refused
from training_core.io.formats.tiff_metadata import ventana_overlap
from training_core.io.formats.tiff_pages import Plane

_C = tifffile.COMPRESSION
_JPEG = {_C.JPEG, _C.ALT_JPEG}
_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_TAIL_BYTES = 64
_PHOTOMETRIC = 262
_PREDICTED = {_C.LZW, _C.ADOBE_DEFLATE, _C.DEFLATE, _C.ZSTD, _C.LZMA}
"""Compressions that every program takes a predictor with; without them the tag means nothing to most."""
_COMPRESSIONS = "compression by LZW, deflate, JPEG or JPEG 2000, or none"
_AGAIN = "save it again with LZW compression, or as PNG, for example with Fiji or GIMP"


def refusal(tiff: tifffile.TiffFile, plane: Plane) -> Refused | None:
    """Why a plane is not read, beside its colour model; None: it is."""
    page = plane.series.keyframe
    name = getattr(page.compression, "name", str(int(page.compression))).replace("_", " ")
    if not _is_decoded(page) or (page.compression == _C.OJPEG and not _holds_whole_jpeg(tiff, page)):
        name = "old-style JPEG (number 6)" if page.compression == _C.OJPEG else name
        return Refused(f"is compressed as {name}, which is not read", _COMPRESSIONS, _AGAIN)
    if page.predictor != 1 and page.compression not in _PREDICTED and not _ignores_predictor(page):
        given = f"states a predictor beside {name.lower()} as its compression, which programs read differently"
        return Refused(given, "a predictor with LZW or deflate only", _AGAIN)
    if _PHOTOMETRIC not in page.tags and plane.channels == 1:
        given = "does not state whether 0 is black or white (no tag PhotometricInterpretation)"
        return Refused(given, "a TIFF with this tag", "save it again as TIFF or PNG, and check that it is not inverted")
    overlap_px = ventana_overlap(tiff) if tiff.is_bif else 0
    if overlap_px:
        given = f"is a slide whose tiles overlap by up to {overlap_px} px, which are not stitched"
        hint = f"OpenSlide stitches most of them ({INSTALL_OPENSLIDE}); or export it as a pyramidal TIFF with QuPath"
        return Refused(given, "a slide without overlaps, or OpenSlide", hint)
    return None


def check_segments(plane: Plane) -> None:
    """Have every JPEG tile or strip checked for its end when it is decoded: libjpeg fills what is missing with grey.

    Tiles of NDPI have no end of their own.
    """
    for level in plane.series.levels:
        page = level.keyframe
        if page.compression in _JPEG and page.jpegheader is None:
            page.__dict__["decode"] = _checked(page.decode)  # a cached property, which frames take from the keyframe


def _checked(decode: Any) -> Any:
    def checked(data: Any, *args: Any, **options: Any) -> Any:
        if data is not None and _EOI not in bytes(data[-_TAIL_BYTES:]):
            raise ValueError("the JPEG data of a tile or strip are cut short")
        return decode(data, *args, **options)

    return checked


def _is_decoded(page: Any) -> bool:
    try:
        return tifffile.TIFF.DECOMPRESSORS[page.compression] is not None or page.compression == _C.NONE
    except (KeyError, ValueError, ImportError):
        return False


def _ignores_predictor(page: Any) -> bool:
    """Whether the decoder makes whole pixels, to which no predictor was ever applied."""
    return page.compression not in (_C.NONE, _C.PACKBITS)


def _holds_whole_jpeg(tiff: tifffile.TiffFile, page: Any) -> bool:
    """Old-style JPEG may keep its tables elsewhere; the readers that people have piece them together differently."""
    for offset in page.dataoffsets:
        tiff.filehandle.seek(offset)
        if tiff.filehandle.read(2) != _SOI:
            return False
    return True
