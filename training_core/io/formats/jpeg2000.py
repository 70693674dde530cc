"""JPEG 2000, in boxes (JP2, JPX) and as a bare codestream: headers read here, decoding by Pillow or imagecodecs."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Jpeg2KImagePlugin

from training_core.io.facts import Alpha, FileFacts, Photometric, Problem
from training_core.io.files import FileKind, check_plausible, type_of_error
from training_core.io.formats.stored import Stored
from training_core.io.pixel_size import PixelSize

_INNER = {b"jp2h", b"res "}
_SRGB, _GREY, _SYCC = 16, 17, 18
_RGBA = ("red", "green", "blue", "alpha")
_NAMES = {1: ("grey",), 2: ("grey", "alpha"), 3: _RGBA[:3], 4: _RGBA}


@dataclass
class _Header:
    """What the boxes and the codestream's own header say."""

    width: int = 0
    height: int = 0
    depths: tuple[int, ...] = ()
    signed: bool = False
    even: bool = True
    in_order: bool = True
    reversible: bool | None = None
    colour: int | None = None
    has_palette: bool = False
    alpha: Alpha = Alpha.NONE
    sizes: dict[bytes, tuple[float, float]] = field(default_factory=dict)


def facts(path: Path, error: type_of_error) -> FileFacts:
    """What the file's boxes and the codestream's header say."""
    header = _header(path)
    channels, bits = len(header.depths), max(header.depths, default=0)
    alpha = header.alpha
    if channels in (2, 4) and alpha is Alpha.NONE:
        alpha = Alpha.UNSPECIFIED
    pixel_size = header.sizes.get(b"resc") or header.sizes.get(b"resd")
    known = FileFacts(
        path=path,
        kind=FileKind.JPEG2000,
        width_px=header.width,
        height_px=header.height,
        channels=channels,
        channel_names=_NAMES.get(channels, ()),
        sample_type="int" if header.signed else "uint",
        bits=bits,
        photometric=Photometric.BLACK_IS_ZERO if channels <= 2 else Photometric.RGB,
        alpha=alpha,
        axes="YX" if channels == 1 else "YXS",
        shape=(header.height, header.width) if channels == 1 else (header.height, header.width, channels),
        levels=((header.width, header.height),),
        pixel_size=None if pixel_size is None else PixelSize(*pixel_size, "jpeg2000_resolution"),
        compression="lossless JPEG 2000" if header.reversible else "JPEG 2000",
        lossy=not header.reversible,
    )
    problem = _problem(path, header)
    return (
        known if problem is None else replace(known, photometric=Photometric.OTHER, channel_names=(), problem=problem)
    )


def stored(path: Path, facts: FileFacts, error: type_of_error) -> Stored:
    """Grey or RGB, with or without alpha; more than 8 bits whole."""
    check_plausible(facts.width_px * facts.height_px * facts.channels * (facts.bits + 7) // 8, path.stat().st_size)
    if facts.bits > 8:
        import imagecodecs  # Pillow keeps 8 bits of deeper colour

        return Stored(np.asarray(imagecodecs.jpeg2k_decode(path.read_bytes())))
    with Jpeg2KImagePlugin.Jpeg2KImageFile(path) as image:
        image.load()
        return Stored(np.array(image))


def _problem(path: Path, header: _Header) -> Problem | None:
    channels = len(header.depths)
    needed, hint = "greyscale or RGB of 8 to 16 bits", "export it as TIFF or PNG"
    given = None
    if not 1 <= channels <= 4:
        given = f"{path} is a JPEG 2000 file of {channels} channels"
    elif header.signed or len(set(header.depths)) != 1 or not 8 <= header.depths[0] <= 16:
        depths = ", ".join(str(depth) for depth in header.depths)
        given = f"{path} is a JPEG 2000 file of {depths} {'signed ' if header.signed else ''}bits"
    elif header.has_palette:
        given = f"{path} is a JPEG 2000 file with a palette"
    elif header.colour not in (None, _SRGB, _GREY, _SYCC) or (header.colour == _SYCC and header.depths[0] > 8):
        given = f"{path} is a JPEG 2000 file of the colour model number {header.colour}"
    elif not header.in_order:
        given = f"{path} is a JPEG 2000 file whose channels are in another order than red, green, blue and alpha"
    elif not header.even:
        given = f"{path} is a JPEG 2000 file whose channels differ in size"
    return None if given is None else Problem(given, needed, hint)


def _header(path: Path) -> _Header:
    header, data = _Header(), path.read_bytes()
    if data.startswith(b"\xff\x4f\xff\x51"):
        _codestream(data, header)
        return header
    for kind, content in _boxes(data):
        if kind == b"jp2c":
            _codestream(content, header)
            break
        if kind == b"colr" and content[:1] == b"\x01" and header.colour is None:
            header.colour = int.from_bytes(content[3:7], "big")
        elif kind == b"pclr":
            header.has_palette = True
        elif kind == b"cdef":
            _definitions(content, header)
        elif kind in (b"resc", b"resd"):
            _resolution(kind, content, header)
    if not header.depths:
        raise ValueError("it has no codestream")
    return header


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 0
    while start + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[start : start + 8])
        head = 8
        if length == 1:
            length, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        end = len(data) if length == 0 else start + length
        if end < start + head:
            raise ValueError("its boxes overlap")
        content = data[start + head : end]
        if kind in _INNER:
            yield from _boxes(content)
        else:
            yield kind, content
        start = end


def _codestream(data: bytes, header: _Header) -> None:
    width, height, left, top = struct.unpack(">IIII", data[8:24])
    header.width, header.height = width - left, height - top
    components = int.from_bytes(data[40:42], "big")
    each = [data[42 + 3 * number : 45 + 3 * number] for number in range(components)]
    header.depths = tuple((part[0] & 0x7F) + 1 for part in each)
    header.signed = any(part[0] & 0x80 for part in each)
    header.even = all(part[1:3] == b"\x01\x01" for part in each)
    start = 4  # behind the markers SOC and SIZ
    start += int.from_bytes(data[4:6], "big")
    while start + 4 <= len(data) and data[start : start + 2] not in (b"\xff\x52", b"\xff\x90"):
        start += 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    if data[start : start + 2] == b"\xff\x52":
        header.reversible = data[start + 13] == 1


def _definitions(content: bytes, header: _Header) -> None:
    for number in range(int.from_bytes(content[:2], "big")):
        channel, kind, colour = struct.unpack(">HHH", content[2 + 6 * number : 8 + 6 * number])
        header.alpha = {1: Alpha.UNASSOCIATED, 2: Alpha.ASSOCIATED}.get(kind, header.alpha)
        header.in_order &= colour == channel + 1 if kind == 0 else True


def _resolution(kind: bytes, content: bytes, header: _Header) -> None:
    y_over, y_under, x_over, x_under, y_power, x_power = struct.unpack(">HHHHbb", content[:10])
    if not (y_over and y_under and x_over and x_under):
        return
    ratios = ((x_over, x_under, x_power), (y_over, y_under, y_power))
    per_m = [over / under * 10.0**power for over, under, power in ratios]
    header.sizes[kind] = (1e6 / per_m[0], 1e6 / per_m[1])
