"""What an image file is, told by its first bytes and not by its name; and the checks that images and masks share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from training_core.base.arrays import MIN_SIDE_PX
from training_core.base.errors import ImageError, MaskError

MAX_PIXELS = 400_000_000
IMAGE_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp"})

type_of_error = type[ImageError] | type[MaskError]


class FileKind(StrEnum):
    """The kinds of image files that are read."""

    PNG = "PNG"
    TIFF = "TIFF"
    JPEG = "JPEG"
    BMP = "BMP"


_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", FileKind.PNG),
    (b"II*\x00", FileKind.TIFF),
    (b"MM\x00*", FileKind.TIFF),
    (b"II+\x00", FileKind.TIFF),
    (b"MM\x00+", FileKind.TIFF),
    (b"\xff\xd8\xff", FileKind.JPEG),
    (b"BM", FileKind.BMP),
)


def file_kind(path: Path, error: type_of_error) -> FileKind:
    """The kind of an image file.

    Raises
    ------
    ImageError, MaskError
        Missing, a folder, not readable, empty, or another kind of file; `error` says which of the two.
    """
    what = noun(error)
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError as cause:
        raise error(f"there is no file {path}", f"a {what} file", "check the path and the spelling") from cause
    except IsADirectoryError as cause:
        raise error(f"{path} is a folder", f"a {what} file", "choose a file in it") from cause
    except OSError as cause:
        reason = cause.strerror or str(cause)
        raise error(f"{path} cannot be read ({reason})", "a readable file", "check its permissions") from cause
    if not head:
        raise error(f"{path} is empty", f"a {what}", "copy or export the file again, or leave it out")
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    hint = "convert the file to PNG, or leave it out"
    raise error(f"{path} is not a readable image", f"a {what} as PNG, TIFF, JPEG or BMP", hint)


def check_size(path: Path, height_px: int, width_px: int, error: type_of_error) -> None:
    """Refuse sides below `MIN_SIDE_PX` and more than `MAX_PIXELS` pixels, before any pixel is decoded."""
    size = f"{path} is {width_px} x {height_px} px"
    if min(height_px, width_px) < MIN_SIDE_PX:
        raise error(size, f"at least {MIN_SIDE_PX} px on each side", "export it larger, or leave it out")
    if height_px * width_px > MAX_PIXELS:
        needed = f"at most {MAX_PIXELS // 1_000_000} megapixels"
        raise error(size, needed, "convert it to a tiled slide (SVS, NDPI, pyramidal TIFF), or cut it into tiles")


def damaged(path: Path, kind: FileKind, error: type_of_error, cause: Exception) -> ImageError | MaskError:
    """The error for a file that starts like an image and cannot be decoded."""
    reason = " ".join(str(cause).split())[:160].strip(" .") or type(cause).__name__
    hint = "copy or export the file again, or leave it out"
    return error(f"{path} is damaged or incomplete ({reason})", f"a complete {kind} file", hint)


def noun(error: type_of_error) -> str:
    """The word for what was being read."""
    return "mask" if issubclass(error, MaskError) else "image"


@contextmanager
def quiet(logger_name: str) -> Iterator[None]:
    """Keep a library's own log lines off the terminal while its failures are turned into our errors."""
    logger = logging.getLogger(logger_name)
    drop = _Drop()
    logger.addFilter(drop)
    try:
        yield
    finally:
        logger.removeFilter(drop)


class _Drop(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return False
