"""JPEG: its markers are read here, since Pillow says little of what it cannot decode; decoding is Pillow's."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from PIL import JpegImagePlugin

from training_core.io.facts import FileFacts, Photometric, Problem
from training_core.io.files import FileKind, type_of_error
from training_core.io.formats.exif import orientation
from training_core.io.formats.stored import Stored, pixels_of
from training_core.io.pixel_size import PixelSize

_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_LOSSLESS = {0xC3, 0xC7, 0xCB, 0xCF}
_JPEG_LS = 0xF7
_NO_LENGTH = {0x01, *range(0xD0, 0xDA)}
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"


def facts(path: Path, error: type_of_error) -> FileFacts:
    """What the markers before the first scan say."""
    marker, frame, exif, xmp, pixel_size = 0, b"", b"", b"", None
    for kind, data in _segments(path):
        if kind in _FRAMES or kind == _JPEG_LS:
            marker, frame = kind, data
        elif kind == 0xE1 and data.startswith(_EXIF):
            exif = exif or data[len(_EXIF) :]
        elif kind == 0xE1 and data.startswith(_XMP):
            xmp = xmp or data
        elif kind == 0xE0 and data.startswith(b"JFIF\0"):
            pixel_size = _density(data)
    if len(frame) < 6:
        raise ValueError("it has no frame header")
    bits, height, width, channels = struct.unpack(">BHHB", frame[:6])
    colour = Photometric.BLACK_IS_ZERO if channels == 1 else Photometric.RGB
    known = FileFacts(
        path=path,
        kind=FileKind.JPEG,
        width_px=width,
        height_px=height,
        channels=channels,
        channel_names=("grey",) if channels == 1 else ("red", "green", "blue"),
        sample_type="uint",
        bits=bits,
        photometric=colour,
        axes="YX" if channels == 1 else "YXS",
        shape=(height, width) if channels == 1 else (height, width, channels),
        levels=((width, height),),
        orientation=orientation(exif, xmp),
        pixel_size=pixel_size,
        compression="lossless JPEG" if marker in _LOSSLESS else "JPEG",
        lossy=marker not in _LOSSLESS,
    )
    problem = _problem(path, bits, channels, marker)
    return (
        known if problem is None else replace(known, photometric=Photometric.OTHER, channel_names=(), problem=problem)
    )


def stored(path: Path, facts: FileFacts, error: type_of_error) -> Stored:
    """Grey or RGB with 8 bits."""
    with JpegImagePlugin.JpegImageFile(path) as image:
        image.load()
        return Stored(pixels_of(image))


def _problem(path: Path, bits: int, channels: int, marker: int) -> Problem | None:
    if marker == _JPEG_LS:
        return Problem(f"{path} is a JPEG-LS file", "an ordinary JPEG", "export it as TIFF or PNG")
    if channels == 4:
        return Problem(f"{path} has the colour model CMYK", "RGB or greyscale", "convert it to an RGB PNG or TIFF")
    if bits != 8:
        return Problem(f"{path} is a JPEG of {bits} bits per channel", "8 bits", "export it as TIFF or PNG")
    if channels not in (1, 3):
        return Problem(f"{path} is a JPEG of {channels} channels", "RGB or greyscale", "export it as TIFF or PNG")
    if marker in _LOSSLESS:
        return Problem(f"{path} is a lossless JPEG (ITU T.81 annex H)", "an ordinary JPEG", "export it as TIFF or PNG")
    return None


def _segments(path: Path) -> Iterator[tuple[int, bytes]]:
    """Marker and content of each segment before the first scan."""
    with path.open("rb") as file:
        file.seek(2)
        while byte := file.read(1):
            if byte != b"\xff":
                continue  # libjpeg skips what stands between segments, too
            while (byte := file.read(1)) == b"\xff":
                pass
            if not byte or byte in (b"\xda", b"\xd9"):
                return
            if byte == b"\0" or byte[0] in _NO_LENGTH:
                continue
            length = int.from_bytes(file.read(2), "big")
            yield byte[0], file.read(max(0, length - 2))


def _density(data: bytes) -> PixelSize | None:
    if len(data) < 12:
        return None
    unit, x, y = struct.unpack(">BHH", data[7:12])
    um = {1: 25_400.0, 2: 10_000.0}.get(unit)
    return PixelSize(um / x, um / y, "jpeg_density") if um and x and y else None
