"""Writers of unusual files, byte by byte or with libraries, none of which is what the program reads them with."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

HEIGHT, WIDTH = 40, 56


def rgb8() -> NDArray[np.uint8]:
    """Noise, so that every shift, turn and swap of channels shows, with flat quarters that compress."""
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = (200, 120, 180)
    return pixels


def grey(bits: int) -> NDArray[Any]:
    """Every number that `bits` allow, the highest included."""
    dtype = np.uint8 if bits <= 8 else np.uint16
    values = np.random.default_rng(bits).integers(0, 2**bits, (HEIGHT, WIDTH))
    values[0, 0], values[0, 1] = 2**bits - 1, 0
    return values.astype(dtype)


def ids() -> NDArray[np.uint8]:
    """Class ids 0 to 3 in unequal areas."""
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    values[5:20, 3:30], values[25:, :20], values[10:33, 40:] = 1, 2, 3
    return values


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(samples: NDArray[Any], bits: int) -> list[bytes]:
    """Rows of samples (H, W) or (H, W, S) with their bits packed, most significant first, padded to bytes."""
    lines = samples.reshape(len(samples), -1)
    if bits == 16:
        return [line.astype(">u2").tobytes() for line in lines]
    if bits == 8:
        return [line.astype(np.uint8).tobytes() for line in lines]
    spread = (lines[:, :, None].astype(np.uint8) >> np.arange(bits - 1, -1, -1).astype(np.uint8)) & 1
    return [np.packbits(line.ravel()).tobytes() for line in spread]


def png(
    samples: NDArray[Any], bits: int, color_type: int, *, before: bytes = b"", palette: bytes = b"", key: bytes = b""
) -> bytes:
    """A PNG of any depth and colour type; `before`: chunks between the header and the pixels."""
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + line for line in packed(samples, bits)))
    parts = chunk(b"IHDR", header) + before
    parts += (chunk(b"PLTE", palette) if palette else b"") + (chunk(b"tRNS", key) if key else b"")
    return b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def interlaced_png(samples: NDArray[Any], bits: int, color_type: int) -> bytes:
    """A PNG in the seven passes of Adam7."""
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 1)
    starts = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    lines = [line for top, left, down, across in starts for line in packed(samples[top::down, left::across], bits)]
    body = zlib.compress(b"".join(b"\0" + line for line in lines))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def exif(orientation: int) -> bytes:
    """A block of EXIF that states an orientation and nothing else."""
    return b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + struct.pack("<HHI", orientation, 0, 0)


def bmp(rows: list[bytes], bits: int, size: tuple[int, int], *, palette: bytes = b"", **options: Any) -> bytes:
    """A BMP with the common header of 40 bytes; `rows` from the lowest up, `size` as width and height."""
    compression, masks = options.get("compression", 0), options.get("masks", b"")
    pad = (lambda line: line) if compression in (1, 2) else (lambda line: line + bytes(-len(line) % 4))
    data = b"".join(pad(line) for line in rows)
    start = 14 + 40 + len(masks) + len(palette)
    per_m = options.get("per_m", 0)
    colours = len(palette) // 4
    info = struct.pack(
        "<IiiHHIIiiII",
        108 if options.get("version4") else 40,
        size[0],
        size[1],
        1,
        bits,
        compression,
        len(data),
        per_m,
        per_m,
        colours,
        0,
    )
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + info + masks + palette + data


def turn(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Stored pixels as EXIF says that they are shown: where row 0 and column 0 are on the screen."""
    height, width = pixels.shape[:2]
    shown = np.empty((width, height, *pixels.shape[2:]), pixels.dtype) if orientation > 4 else np.empty_like(pixels)
    bottom, right = shown.shape[0] - 1, shown.shape[1] - 1
    for row in range(height):
        for column in range(width):
            place = {
                1: (row, column),
                2: (row, right - column),  # row 0: top, column 0: right
                3: (bottom - row, right - column),  # bottom, right
                4: (bottom - row, column),  # bottom, left
                5: (column, row),  # row 0: left, column 0: top
                6: (column, right - row),  # right, top
                7: (bottom - column, right - row),  # right, bottom
                8: (bottom - column, row),  # left, bottom
            }[orientation]
            shown[place] = pixels[row, column]
    return shown


def pages(path: Path, *written: tuple[NDArray[Any], dict[str, Any]], **file_options: Any) -> None:
    """A TIFF of several pages, each with its options."""
    with tifffile.TiffWriter(path, **file_options) as writer:
        for samples, options in written:
            writer.write(samples, **{"metadata": None, **options})


def pyramid(path: Path, samples: NDArray[Any], *, by_pages: bool = False, y_axis: int = 0, **options: Any) -> None:
    """A TIFF of two levels, the second in a SubIFD or as a page of its own."""
    step: list[Any] = [slice(None)] * samples.ndim
    step[y_axis] = step[y_axis + 1] = slice(None, None, 2)
    half = np.ascontiguousarray(samples[tuple(step)])
    common = {"tile": (64, 64), "compression": "zlib", **options}
    metadata, extratags = common.pop("metadata", None), common.pop("extratags", ())
    ome = path.name.endswith(".ome.tif")
    with tifffile.TiffWriter(path, ome=ome) as writer:
        more = {} if by_pages else {"subifds": 1}
        writer.write(samples, metadata=metadata, extratags=extratags, **more, **common)
        writer.write(half, subfiletype=1, metadata=None, **{**common, "resolution": None, "resolutionunit": None})


def reversed_bits(content: bytes) -> bytes:
    """Each byte with its lowest bit first, as FillOrder 2 stores them."""
    mirrored = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
    return content.translate(mirrored)


def raw_tiff(
    content: bytes,
    bits: int | tuple[int, ...],
    samples: int = 1,
    photometric: int | None = 1,
    compression: int = 1,
    more: dict[int, tuple[str, Any]] | None = None,
) -> bytes:
    """A TIFF of one strip, tag by tag; `more`: further tags, as the letter of `struct` and the value or values.

    A value "start" is where the strip begins.
    """
    of_bits = bits if isinstance(bits, tuple) else (bits,) * samples
    tags: dict[int, tuple[str, Any]] = {
        256: ("H", WIDTH), 257: ("H", HEIGHT), 258: ("H", of_bits), 259: ("H", compression), 273: ("I", "start"),
        277: ("H", samples), 278: ("H", HEIGHT), 279: ("I", len(content)), **(more or {}),
    }  # fmt: skip
    if photometric is not None:
        tags[262] = ("H", photometric)
    start = 8 + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    strip = start + sum(_tag_bytes(*each) for each in tags.values())
    kinds = {"B": 1, "H": 3, "I": 4}
    for code, (letter, value) in sorted(tags.items()):
        numbers = value if isinstance(value, tuple) else (strip if value == "start" else value,)
        packed_value = struct.pack(f"<{len(numbers)}{letter}", *numbers)
        if len(packed_value) <= 4:
            place = packed_value.ljust(4, b"\0")
        else:
            place = struct.pack("<I", start + len(values))
            values += packed_value
        entries += struct.pack("<HHI", code, kinds[letter], len(numbers)) + place
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + values + content


def _tag_bytes(letter: str, value: Any) -> int:
    size = struct.calcsize(letter) * (len(value) if isinstance(value, tuple) else 1)
    return size if size > 4 else 0
