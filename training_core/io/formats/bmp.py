"""BMP through Pillow; palettes and depth from its header."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image

from training_core.io.facts import Alpha, FileFacts, Photometric, Problem
from training_core.io.files import FileKind, type_of_error
from training_core.io.formats.stored import Stored, hex_colours, pixels_of
from training_core.io.pixel_size import PixelSize

_RGBA = ("red", "green", "blue", "alpha")
_RUN_LENGTH = (1, 2)
_MAX_PADDED_PIXELS = 16_000_000
"""Rows that end early are filled up pixel by pixel, 10 million a second."""
_COMPRESSION = {0: "none", 1: "RLE8", 2: "RLE4", 3: "none", 6: "none"}


def facts(path: Path, error: type_of_error) -> FileFacts:
    """What the header says."""
    with path.open("rb") as file:
        head = file.read(54)
    compression = struct.unpack("<I", head[30:34])[0] if len(head) >= 34 and head[14] >= 40 else 0
    with BmpImagePlugin.BmpImageFile(path) as image:
        palette = _palette(image)
        is_unstated = _has_unstated_byte(head)
        names = {"P": ("index",), "RGB": _RGBA[: 4 if is_unstated else 3], "RGBA": _RGBA}
        channels = names.get(image.mode, ("grey",))
        stated = Alpha.UNASSOCIATED if image.mode == "RGBA" else Alpha.NONE
        return FileFacts(
            path=path,
            kind=FileKind.BMP,
            width_px=image.width,
            height_px=image.height,
            channels=len(channels),
            channel_names=channels,
            sample_type="uint",
            bits=1 if image.mode == "1" else 8,
            photometric=_photometric(image.mode),
            alpha=Alpha.UNSPECIFIED if is_unstated else stated,
            axes="YX" if len(channels) == 1 else "YXS",
            shape=(image.height, image.width) if len(channels) == 1 else (image.height, image.width, len(channels)),
            levels=((image.width, image.height),),
            pixel_size=_pixel_size(head),
            compression=_COMPRESSION.get(compression, "unknown"),
            palette=() if palette is None else hex_colours(palette),
            problem=_problem(path, image.width * image.height) if compression in _RUN_LENGTH else None,
        )


def stored(path: Path, facts: FileFacts, error: type_of_error) -> Stored:
    """Grey, RGB, RGBA, or indices and their palette."""
    with BmpImagePlugin.BmpImageFile(path) as image:
        palette = _palette(image)
        image.load()
        samples = pixels_of(image)
    if facts.alpha is Alpha.UNSPECIFIED:
        samples = np.dstack([samples, _fourth_bytes(path, facts)])
    if samples.dtype == np.bool_:
        samples = samples.astype(np.uint8)
    if palette is None:
        return Stored(samples)
    full = np.zeros((256, 3), np.uint8)
    full[: len(palette)] = palette
    return Stored(samples, full)


def _problem(path: Path, pixels: int) -> Problem | None:
    """Two bytes hold a run of 255 pixels at most; many more can only be a damaged size."""
    size = path.stat().st_size
    if pixels <= 128 * size + _MAX_PADDED_PIXELS:
        return None
    given = f"{path} states {pixels:,} pixels, of which its {size:,} bytes can hold few"
    return Problem(given, "a BMP file that is whole", "export or copy it again, as PNG for example")


def _has_unstated_byte(head: bytes) -> bool:
    """Whether pixels have 32 bits of which the header names 24: some writers put transparency into the others."""
    bits, compression = struct.unpack("<HI", head[28:34]) if len(head) >= 34 and head[14] >= 40 else (0, 0)
    return bool(bits == 32 and compression == 0)


def _fourth_bytes(path: Path, facts: FileFacts) -> NDArray[np.uint8]:
    data = path.read_bytes()
    start, height = struct.unpack("<I", data[10:14])[0], struct.unpack("<i", data[22:26])[0]
    count = 4 * facts.width_px * facts.height_px
    bytes_ = np.frombuffer(data, np.uint8, count, start).reshape(facts.height_px, facts.width_px, 4)[:, :, 3]
    return bytes_ if height < 0 else bytes_[::-1]


def _photometric(mode: str) -> Photometric:
    if mode == "P":
        return Photometric.PALETTE
    return Photometric.RGB if mode in ("RGB", "RGBA") else Photometric.BLACK_IS_ZERO


def _palette(image: Image.Image) -> NDArray[np.uint8] | None:
    """The colours as the header holds them; Pillow's own way to them decodes the whole picture first."""
    if image.mode != "P" or image.palette is None:
        return None
    step = len(image.palette.rawmode or "BGRX")
    stored_bytes = np.frombuffer(bytes(image.palette.palette), np.uint8)
    return stored_bytes[: len(stored_bytes) // step * step].reshape(-1, step)[:, 2::-1]


def _pixel_size(head: bytes) -> PixelSize | None:
    if len(head) < 46 or head[14] < 40:
        return None
    x_per_m, y_per_m = struct.unpack("<ii", head[38:46])
    return PixelSize(1e6 / x_per_m, 1e6 / y_per_m, "bmp_header") if x_per_m > 0 and y_per_m > 0 else None
