"""Arrays as PNG and TIFF files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from training_core.io.atomic import atomic_write


def encode_png(array: NDArray[np.uint8], mpp_um: float | None = None, *, quick: bool = False) -> bytes:
    """A PNG file of a (H, W) or (H, W, 3) uint8 array, with its pixel size in µm/px when known.

    Parameters
    ----------
    quick
        Rather soon than small.
    """
    _check(array)
    buffer, options = io.BytesIO(), {} if mpp_um is None else {"dpi": (25_400 / mpp_um, 25_400 / mpp_um)}
    # Photographs gain little from zlib's slow levels; label maps gain a lot and are quick.
    level = 1 if quick else 6 if array.ndim == 2 else 3
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, "PNG", compress_level=level, **options)
    return buffer.getvalue()


def encode_tiff(array: NDArray[np.uint8], mpp_um: float | None = None) -> bytes:
    """A deflate-compressed TIFF file of a (H, W) or (H, W, 3) uint8 array, with its resolution when known."""
    _check(array)
    return _tiff(array, mpp_um)


def encode_numbers(numbers: NDArray[np.int32], mpp_um: float | None = None) -> bytes:
    """A deflate-compressed TIFF file of numbers (H, W) from 0 on, of 16 bits where they suffice, else of 32."""
    highest = int(numbers.max(initial=0))
    return _tiff(numbers.astype(np.uint16 if highest < 2**16 else np.uint32), mpp_um)


def _tiff(array: NDArray[Any], mpp_um: float | None) -> bytes:
    options = resolution_tags(mpp_um)
    buffer = io.BytesIO()
    photometric = "minisblack" if array.ndim == 2 else "rgb"
    tifffile.imwrite(buffer, array, photometric=photometric, compression="zlib", metadata=None, **options)
    return buffer.getvalue()


def resolution_tags(mpp_um: float | None) -> dict[str, Any]:
    """What tifffile has to be told to write the pixel size in µm/px, where it is known."""
    if mpp_um is None:
        return {}
    per_cm = 10_000 / mpp_um
    return {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}


def write_png(path: Path, array: NDArray[np.uint8]) -> None:
    """Write a (H, W) or (H, W, 3) uint8 array as PNG, atomically.

    Raises
    ------
    StorageError
        The disk is full, read-only or not writable.
    """
    atomic_write(path, encode_png(array))


def write_tiff(path: Path, array: NDArray[np.uint8], mpp_um: float | None = None) -> None:
    """Write a (H, W) or (H, W, 3) uint8 array as TIFF, atomically; `mpp_um` in µm/px.

    Raises
    ------
    StorageError
        The disk is full, read-only or not writable.
    """
    atomic_write(path, encode_tiff(array, mpp_um))


def _check(array: NDArray[np.uint8]) -> None:
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise ValueError(f"expected uint8 (H, W) or (H, W, 3), got {array.dtype} {array.shape}")
