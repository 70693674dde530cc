"""BMP through Pillow; palettes and depth from its header."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from PIL import BmpImagePlugin, Image

from training_core.io.facts import Alpha, FileFacts, Photometric
from training_core.io.files import FileKind, type_of_error
from training_core.io.formats.stored import Stored, hex_colours
from training_core.io.pixel_size import PixelSize

_COMPRESSION = {0: "none", 1: "RLE8", 2: "RLE4", 3: "none", 6: "none"}


def facts(path: Path, error: type_of_error) -> FileFacts:
    """What the header says."""
    with path.open("rb") as file:
        head = file.read(54)
    compression = struct.unpack("<I", head[30:34])[0] if len(head) >= 34 and head[14] >= 40 else 0
    with BmpImagePlugin.BmpImageFile(path) as image:
        palette = _palette(image)
        names = {"P": ("index",), "RGB": ("red", "green", "blue"), "RGBA": ("red", "green", "blue", "alpha")}
        channels = names.get(image.mode, ("grey",))
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
            alpha=Alpha.UNASSOCIATED if image.mode == "RGBA" else Alpha.NONE,
            axes="YX" if len(channels) == 1 else "YXS",
            shape=(image.height, image.width) if len(channels) == 1 else (image.height, image.width, len(channels)),
            levels=((image.width, image.height),),
            pixel_size=_pixel_size(head),
            compression=_COMPRESSION.get(compression, "unknown"),
            palette=() if palette is None else hex_colours(palette),
        )


def stored(path: Path, facts: FileFacts, error: type_of_error) -> Stored:
    """Grey, RGB, RGBA, or indices and their palette."""
    with BmpImagePlugin.BmpImageFile(path) as image:
        image.load()
        samples = np.array(image)
        palette = _palette(image)
    if samples.dtype == np.bool_:
        samples = samples.astype(np.uint8)
    if palette is None:
        return Stored(samples)
    full = np.zeros((256, 3), np.uint8)
    full[: len(palette)] = palette
    return Stored(samples, full)


def _photometric(mode: str) -> Photometric:
    if mode == "P":
        return Photometric.PALETTE
    return Photometric.RGB if mode in ("RGB", "RGBA") else Photometric.BLACK_IS_ZERO


def _palette(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None:
    if image.mode != "P":
        return None
    return np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)


def _pixel_size(head: bytes) -> PixelSize | None:
    if len(head) < 46 or head[14] < 40:
        return None
    x_per_m, y_per_m = struct.unpack("<ii", head[38:46])
    return PixelSize(1e6 / x_per_m, 1e6 / y_per_m, "bmp_header") if x_per_m > 0 and y_per_m > 0 else None
