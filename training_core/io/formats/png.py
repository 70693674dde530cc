"""PNG: its chunks are walked here, since Pillow hides the bit depth and limits text and profiles.

Decoding is a library's. Only the chunks that hold pixels are handed on: a large profile or text is no reason to refuse
a picture.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from training_core.io.facts import Alpha, FileFacts, Photometric
from training_core.io.files import FileKind, Refused, check_plausible, type_of_error
from training_core.io.formats.exif import orientation
from training_core.io.formats.stored import Stored, hex_colours, pixels_of
from training_core.io.pixel_size import PixelSize

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGBA = ("red", "green", "blue", "alpha")
_NAMES = {0: ("grey",), 2: _RGBA[:3], 3: ("index",), 4: ("grey", "alpha"), 6: _RGBA}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PHOTOMETRIC = {0: Photometric.BLACK_IS_ZERO, 4: Photometric.BLACK_IS_ZERO, 3: Photometric.PALETTE}
_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_READ = (b"tRNS", b"pHYs", b"eXIf", b"acTL", b"iTXt", b"tEXt", b"zTXt")
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row, first column and steps of the passes of an interlaced picture."""
_RAW_EXIF = b"Raw profile type exif\0"
"""Where ImageMagick and others kept EXIF before there was a chunk for it."""
_MAX_METADATA = 1 << 20
_INFLATE_BYTES = 1 << 16


@dataclass
class _Chunks:
    """What the chunks hold; of the pixels only where they are asked for."""

    header: tuple[int, ...] = ()
    data: dict[bytes, bytes] = field(default_factory=dict)
    pixels: bytearray = field(default_factory=lambda: bytearray(_SIGNATURE))
    compressed: list[range] = field(default_factory=list)
    xmp: bytes = b""
    raw_exif: bytes = b""
    has_pixels: bool = False


def facts(path: Path, error: type_of_error) -> FileFacts:
    """What the chunks before and after the pixels say."""
    chunks = _read(path, with_pixels=False)
    width, height, bits, colour = chunks.header[:4]
    names, palette = _NAMES[colour], _palette(chunks)
    return FileFacts(
        path=path,
        kind=FileKind.PNG,
        width_px=width,
        height_px=height,
        channels=len(names),
        channel_names=names,
        sample_type="uint",
        bits=bits,
        photometric=_PHOTOMETRIC.get(colour, Photometric.RGB),
        alpha=_alpha(chunks),
        axes="YX" if len(names) == 1 else "YXS",
        shape=(height, width) if len(names) == 1 else (height, width, len(names)),
        levels=((width, height),),
        orientation=orientation(chunks.data.get(b"eXIf") or chunks.raw_exif, chunks.xmp),
        pixel_size=_pixel_size(chunks.data.get(b"pHYs", b"")),
        compression="deflate",
        palette=() if palette is None else hex_colours(palette),
        notes=("It is animated; its still image is read.",) if b"acTL" in chunks.data else (),
    )


def stored(path: Path, facts: FileFacts, error: type_of_error) -> Stored:
    """The numbers as they are stored: 0 to 3 for 2 bits, indices for a palette, 16 bits whole."""
    chunks = _read(path, with_pixels=True)
    data = bytes(chunks.pixels)
    check_plausible(facts.width_px * facts.height_px * facts.channels * facts.bits // 8, len(data))
    _check_rows(chunks, facts)
    if facts.bits == 16:
        samples = _decode_16(data)
    else:
        with PngImagePlugin.PngImageFile(io.BytesIO(data)) as image:
            image.load()
            samples = pixels_of(image)
    if samples.dtype == np.bool_:
        samples = samples.astype(np.uint8)
    if facts.photometric is Photometric.BLACK_IS_ZERO and facts.bits in (2, 4):
        samples //= np.uint8(255 // (2**facts.bits - 1))  # Pillow spreads them over 0 to 255
    return _with_transparency(samples, chunks, facts)


def _check_rows(chunks: _Chunks, facts: FileFacts) -> None:
    """Refuse fewer pixels than the header promises: the decoder would leave the rest black.

    Raises
    ------
    ValueError
        Says how many bytes there are.
    """
    steps = _ADAM7 if chunks.header[6] else ((0, 0, 1, 1),)
    needed = 0
    for top, left, down, across in steps:
        rows, columns = len(range(top, facts.height_px, down)), len(range(left, facts.width_px, across))
        needed += rows * (1 + (columns * facts.channels * facts.bits + 7) // 8) if columns else 0
    inflate, found = zlib.decompressobj(), 0
    with memoryview(chunks.pixels) as pixels:
        for span in chunks.compressed:
            for start in range(span.start, span.stop, _INFLATE_BYTES):
                if found < needed and not inflate.eof:
                    found += len(inflate.decompress(pixels[start : min(start + _INFLATE_BYTES, span.stop)]))
    if found < needed:
        raise ValueError(f"its pixels are {found:,} bytes instead of {needed:,}")


def _with_transparency(samples: NDArray[Any], chunks: _Chunks, facts: FileFacts) -> Stored:
    palette, key = _palette(chunks), chunks.data.get(b"tRNS", b"")
    if palette is not None:
        full = np.zeros((256, 3), np.uint8)
        full[: len(palette)] = palette
        if not key:
            return Stored(samples, full)
        opacity = np.full(256, 255, np.uint8)
        opacity[: len(key)] = np.frombuffer(key[:256], np.uint8)
        return Stored(samples, full, opacity)
    if facts.alpha is Alpha.COLOUR_KEY:
        used = 2**facts.bits - 1  # of the 16 bits of a key, those that a sample has
        return Stored(samples, transparent=tuple(value & used for value in struct.unpack(f">{facts.channels}H", key)))
    return Stored(samples)


def _alpha(chunks: _Chunks) -> Alpha:
    colour, key = chunks.header[3], chunks.data.get(b"tRNS", b"")
    if colour in (4, 6):
        return Alpha.UNASSOCIATED
    is_key = bool(key) if colour == 3 else len(key) == 2 * len(_NAMES[colour])
    return Alpha.COLOUR_KEY if is_key else Alpha.NONE


def _decode_16(data: bytes) -> NDArray[Any]:
    import imagecodecs  # Pillow keeps the high bytes of 16-bit colour only

    samples: NDArray[Any] = imagecodecs.png_decode(data)
    return samples


def _read(path: Path, *, with_pixels: bool) -> _Chunks:
    chunks = _Chunks()
    with path.open("rb") as file:
        for kind, length in _walk(file):
            data = b""
            if kind in _PIXELS and (with_pixels or kind in (b"IHDR", b"PLTE")):
                data = _checked(file, kind, length)
                if kind == b"IDAT":
                    start = len(chunks.pixels) + 8
                    chunks.compressed.append(range(start, start + length))
                chunks.pixels += struct.pack(">I", length) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            elif kind in _READ and length <= _MAX_METADATA:
                data = _checked(file, kind, length) if kind == b"tRNS" else file.read(length)
            _keep(chunks, kind, data)
    if not (chunks.header and chunks.has_pixels):
        raise ValueError("it has no pixels")
    if chunks.header[3] == 3 and b"PLTE" not in chunks.data:
        raise ValueError("it has no palette")
    return chunks


def _walk(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each chunk, with the file at the chunk's content."""
    size, start = file.seek(0, 2), len(_SIGNATURE)
    while True:
        file.seek(start)
        head = file.read(8)
        length, kind = struct.unpack(">I4s", head) if len(head) == 8 else (0, b"")
        if not kind or start + 12 + length > size:
            raise ValueError("it is cut short")
        yield kind, length
        if kind == b"IEND":
            return
        start += 12 + length


def _checked(file: BinaryIO, kind: bytes, length: int) -> bytes:
    data, checksum = file.read(length), file.read(4)
    if struct.pack(">I", zlib.crc32(kind + data)) != checksum:
        raise ValueError(f"the checksum of {kind.decode('latin-1')} does not match")
    return data


def _keep(chunks: _Chunks, kind: bytes, data: bytes) -> None:
    if kind == b"IHDR" and not chunks.header:
        header = struct.unpack(">IIBBBBB", data)
        if header[2] not in _DEPTHS.get(header[3], ()):
            raise ValueError(f"colour type {header[3]} with {header[2]} bits is not PNG")
        chunks.header = header
    elif not chunks.header and kind != b"CgBI":
        raise ValueError("it does not begin with its header")
    elif kind == b"IDAT":
        chunks.has_pixels = True
    elif kind == b"iTXt" and data.startswith(b"XML:com.adobe.xmp\0\0"):
        chunks.xmp = data
    elif kind in (b"tEXt", b"zTXt", b"iTXt"):
        if data.startswith(_RAW_EXIF):
            chunks.raw_exif = chunks.raw_exif or _raw_profile(kind, data)
    elif kind == b"CgBI":
        raise Refused("is a PNG file in Apple's own form, for iPhones", "a PNG file", "export it again as PNG")
    elif data:
        chunks.data.setdefault(kind, data)


def _raw_profile(kind: bytes, data: bytes) -> bytes:
    """EXIF that stands in a text as hexadecimal digits, after its name and length."""
    text = data.partition(b"\0")[2]
    try:
        if kind == b"zTXt":
            text = zlib.decompressobj().decompress(text[1:], _MAX_METADATA)
        elif kind == b"iTXt":
            text = text[2:].split(b"\0", 2)[-1]
        digits = text.strip().split(b"\n", 2)[-1]
        return bytes.fromhex(digits.decode("ascii"))
    except (ValueError, zlib.error):
        return b""


def _palette(chunks: _Chunks) -> NDArray[np.uint8] | None:
    if chunks.header[3] != 3:
        return None
    entries = np.frombuffer(chunks.data[b"PLTE"], np.uint8)
    return entries[: len(entries) // 3 * 3].reshape(-1, 3)[:256]


def _pixel_size(data: bytes) -> PixelSize | None:
    if len(data) != 9:
        return None
    x_per_m, y_per_m, unit = struct.unpack(">IIB", data)
    return PixelSize(1e6 / x_per_m, 1e6 / y_per_m, "png_phys") if unit == 1 and x_per_m and y_per_m else None
