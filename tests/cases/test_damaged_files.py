"""Damaged files by the thousand: a picture that plain readers see too, or one of our sentences, soon and in little memory.

`FUZZ_FILES` says how many; `nox -s fuzz`, every night, takes 50,000. A failure prints the smallest file that fails.
"""

from __future__ import annotations

import os
import struct
import sys
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tests.cases.rows import Row
from tests.cases.test_image_files import BMP_ROWS, JPEG_ROWS, OTHER_ROWS, PNG_ROWS
from tests.cases.test_mask_files import ROWS as MASK_ROWS
from tests.cases.test_tiff_files import COLOUR_ROWS, DEPTH_ROWS, LAYOUT_ROWS, PAGE_ROWS
from training_core.base.errors import UserError
from training_core.io import inspect_file, read_image, read_mask, read_mask_values
from training_core.io.facts import Use
from training_core.io.formats.tiff import facts_of
from training_core.io.formats.tiff_pages import choose_plane
from training_core.io.regions import open_regions

FILES = int(os.environ.get("FUZZ_FILES", "2000"))
SECONDS, BYTES = 10, 1_000_000_000
LARGE = ("large_", "many_", "cut", "without_", "empty", "signature", "header_only")
_SOURCES = (PNG_ROWS, JPEG_ROWS, BMP_ROWS, OTHER_ROWS, DEPTH_ROWS, COLOUR_ROWS, LAYOUT_ROWS, PAGE_ROWS, MASK_ROWS)
BASES = [row for rows in _SOURCES for row in rows if not row.name.startswith(LARGE)]
SEEN: Counter[str] = Counter()


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """The file with one to three bytes changed, put in or taken out, in its header or anywhere, or cut short."""
    result = bytearray(content)
    within = len(result) if random.random() < 0.6 else min(len(result), 300)
    for _ in range(random.integers(1, 4)):
        place, what = int(random.integers(within)), random.random()
        new = bytes(random.integers(0, 256, random.integers(1, 3), dtype=np.uint8))
        if what < 0.85:
            result[place : place + len(new)] = new
        elif what < 0.93:
            result[place:place] = new
        else:
            del result[place : place + len(new)]
    if random.random() < 0.1:
        del result[int(random.integers(len(result))) :]
    if result.startswith(b"\x89PNG") and random.random() < 0.7:
        return with_checksums(bytes(result))
    return bytes(result)


def with_checksums(content: bytes) -> bytes:
    """A PNG whose checksums are right again, so that damage reaches the decoder."""
    mended, start = bytearray(content[:8]), 8
    while start + 12 <= len(content):
        length = struct.unpack(">I", content[start : start + 4])[0]
        body = content[start + 4 : start + 8 + length]
        mended += content[start : start + 4] + body + struct.pack(">I", zlib.crc32(body))
        start += 12 + length
    return bytes(mended)


def references(path: Path) -> Iterator[NDArray[Any]]:
    """What Pillow and tifffile hand out, by the stated rules, where they read the file and the rules are plain."""
    is_tiff = path.read_bytes()[:2] in (b"II", b"MM")
    for reader in (_by_tifffile, _tiff_by_pillow) if is_tiff else (_by_pillow,):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                pixels = reader(path)
            except Exception:
                pixels = None
        if pixels is not None:
            yield pixels


def _tiff_by_pillow(path: Path) -> NDArray[Any] | None:
    """Of the many kinds of TIFF those that libtiff and the rules surely agree on."""
    with Image.open(path) as image, tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        plain = page.photometric.name in ("RGB", "MINISBLACK") and not page.extrasamples and page.bitspersample == 8
        if getattr(image, "n_frames", 1) > 1 or image.mode not in ("L", "RGB") or not plain:
            return None
        if page.compression.name == "JPEG" or image.getexif().get(274, 1) != 1 or len(tiff.pages) > 1:
            return None
        return np.asarray(image.convert("RGB"))


def _by_pillow(path: Path) -> NDArray[Any] | None:
    with Image.open(path) as image:
        image.load()
        is_deep = path.read_bytes()[24:25] == b"\x10" and image.format == "PNG"
        if image.mode == "I;16" and image.format != "JPEG2000":  # of which it spreads 10 and 12 bits to 16
            return np.repeat(np.rint(np.asarray(image)[:, :, None] / 257).astype(np.uint8), 3, axis=2)
        if is_deep or image.format == "JPEG2000" or image.mode not in ("1", "L", "P", "RGB", "RGBA", "LA"):
            return None
        key, bits = image.info.get("transparency"), path.read_bytes()[24]
        if image.format == "PNG" and image.mode != "P" and key is not None and (bits < 8 or np.max(key) > 255):
            return None  # Pillow does not spread the key with its pixels; libpng takes of a key the bits that they have
        if not image.has_transparency_data:
            return np.asarray(image.convert("RGB"))
        rgba = np.asarray(image.convert("RGBA")).astype(float)
        share = rgba[:, :, 3:] / 255
        return np.rint(rgba[:, :, :3] * share + 255 * (1 - share)).astype(np.uint8)


def _by_tifffile(path: Path) -> NDArray[Any] | None:
    with tifffile.TiffFile(path) as tiff:
        plane = choose_plane(tiff, None)
        page, pixels = plane.series.keyframe, plane.series.asarray()
        name = page.photometric.name
        is_named = plane.channel_axis == "C" or facts_of(path, tiff, plane).significant_bits is not None
        if plane.planes > 1 or page.extrasamples or is_named or name not in ("RGB", "MINISBLACK", "MINISWHITE"):
            return None
        pixels = np.moveaxis(pixels, 0, -1) if plane.series.axes == "SYX" else pixels
        if (
            pixels.dtype not in (np.uint8, np.uint16)
            or page.bitspersample not in (8, 16)
            or pixels.shape[2:] not in ((), (3,))
        ):
            return None
        if name == "MINISWHITE":
            pixels = np.iinfo(pixels.dtype).max - pixels
        pixels = pixels if pixels.dtype == np.uint8 else np.rint(pixels / 257).astype(np.uint8)
        return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)


def tried(read: Callable[[], Any]) -> Any:
    """What a reader returns, or None for one of our errors; anything else is a failure."""
    started = time.monotonic()
    try:
        return read()
    except UserError:
        return None
    finally:
        assert time.monotonic() - started < SECONDS


def peak_bytes() -> int:
    """The most memory that this process ever had; what is given back is used again, so it grows little by little."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@cache
def contents(folder: Path) -> tuple[bytes, ...]:
    """The whole files, from which damaged ones are made."""
    return tuple(_written(folder / f"{number}_{row.name}", row) for number, row in enumerate(BASES))


def _written(path: Path, row: Row) -> bytes:
    row.write(path)
    return path.read_bytes()


@settings(
    max_examples=FILES,
    deadline=None,
    derandomize="FUZZ_FILES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**40))
def test_a_damaged_file(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    check(tmp_path_factory.getbasetemp(), seed)


def check(folder: Path, seed: int) -> None:
    """Make the damaged file number `seed` and read it in every way."""
    random = np.random.default_rng(seed)
    whole = contents(folder)
    path = folder / f"damaged_{os.getpid()}"
    path.write_bytes(damaged(whole[random.integers(len(whole))], random))
    before = peak_bytes()
    for use in Use:
        tried(partial(inspect_file, path, use))
    tried(partial(read_mask, path))
    tried(partial(read_mask_values, path))
    pixels, parts = tried(partial(read_image, path)), tried(partial(_first_rows, path))
    assert peak_bytes() - before < BYTES
    SEEN["refused" if pixels is None else "read"] += 1
    if pixels is None:
        return
    assert parts is not None
    np.testing.assert_array_equal(parts, pixels[: len(parts)])
    for right in references(path):
        SEEN["compared"] += 1
        np.testing.assert_array_equal(pixels, right)


def test_the_damage_was_of_use() -> None:
    """Files that are all refused, or all whole, would show nothing."""
    assert min(SEEN["refused"], SEEN["read"], SEEN["compared"]) > (SEEN["refused"] + SEEN["read"]) / 10, dict(SEEN)


def _first_rows(path: Path) -> NDArray[Any]:
    with open_regions(path) as image:
        return image.read(0, 0, min(40, image.height_px), image.width_px)
