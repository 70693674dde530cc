"""Slides of Hamamatsu in several files: VMS with JPEG whose rows can be found, and VMU without compression."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_UM_PER_PX = 0.25
MAP_STEP = 4
"""How many pixels of the image are one of the map, a smaller level."""


def write_vms(path: Path, pixels: NDArray[np.uint8]) -> None:
    """The slide, and beside it NAME.jpg, NAME_map.jpg and NAME_macro.jpg."""
    names = [f"{path.stem}{part}.jpg" for part in ("", "_map", "_macro")]
    for name, step in zip(names, (1, MAP_STEP, 8), strict=True):
        image = Image.fromarray(np.ascontiguousarray(pixels[::step, ::step]))
        image.save(path.with_name(name), quality=95, subsampling=0, restart_marker_blocks=7)
    files = f"NoJpegColumns=1\nNoJpegRows=1\nImageFile={names[0]}\nMapFile={names[1]}\nOptimisationFile=\n"
    path.write_text(f"[Virtual Microscope Specimen]\n{files}{_common(pixels, names[2])}")


def write_vmu(path: Path, pixels: NDArray[np.uint8]) -> None:
    """The slide, and beside it NAME.ngr and NAME_map.ngr, with 12 bits per channel, and NAME_macro.jpg."""
    names = [f"{path.stem}{part}" for part in (".ngr", "_map.ngr", "_macro.jpg")]
    for name, step in zip(names[:2], (1, MAP_STEP), strict=True):
        samples = pixels[::step, ::step].astype("<u2") << 4
        height, width = samples.shape[:2]
        across = 64 // step
        head = b"GN\0\0" + struct.pack("<iii8xi", width, height, across, 64)
        columns = [samples[:, left : left + across].tobytes() for left in range(0, width, across)]
        path.with_name(name).write_bytes(head.ljust(64, b"\0") + b"".join(columns))
    Image.fromarray(np.ascontiguousarray(pixels[::8, ::8])).save(path.with_name(names[2]))
    files = f"BitsPerPixel=36\nPixelOrder=RGB\nImageFile={names[0]}\nMapFile={names[1]}\n"
    path.write_text(f"[Uncompressed Virtual Microscope Specimen]\n{files}{_common(pixels, names[2])}")


def _common(pixels: NDArray[np.uint8], macro: str) -> str:
    height_nm, width_nm = (round(1000 * _UM_PER_PX * length) for length in pixels.shape[:2])
    return f"NoLayers=1\nMacroImage={macro}\nPhysicalWidth={width_nm}\nPhysicalHeight={height_nm}\nSourceLens=20\n"
