"""What an image file is, told by its first bytes and hardly by its name; and the checks that images and masks share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from training_core.base.addresses import is_address, path_or_address
from training_core.base.arrays import MIN_SIDE_PX
from training_core.base.bounded import check_regular, what_to_try
from training_core.base.errors import ImageError, MaskError, UserError
from training_core.io.unread import HEAD_BYTES, preview_only, unread
from training_core.io.zarr_folders import is_zarr_folder

MAX_PIXELS = 400_000_000
IMAGE_SUFFIXES = frozenset(
    {
        ".png",
        ".tif",
        ".tiff",
        ".btf",
        ".tf8",
        ".qptiff",
        ".jpg",
        ".jpeg",
        ".bmp",
        ".webp",
        ".jp2",
        ".j2k",
        ".j2c",
        ".jpx",
        ".jpf",
    }
)
_MAX_RATIO = 3000
"""Deflate reaches 1,032 at most and LZW about 2,700; a header that promises more is wrong or a trap."""
_ALWAYS_PLAUSIBLE_BYTES = 1 << 26

_NO_MASK = "export the masks again as PNG"
INSTALL_OPENSLIDE = 'pip install "napari-unisemalign[slides]"'
READ_KINDS = "PNG, TIFF, JPEG, BMP, WebP or JPEG 2000"

type_of_error = type[ImageError] | type[MaskError]


class FileKind(StrEnum):
    """The kinds of image files that are read."""

    PNG = "PNG"
    TIFF = "TIFF"
    JPEG = "JPEG"
    BMP = "BMP"
    WEBP = "WebP"
    JPEG2000 = "JPEG 2000"
    MIRAX = "MIRAX"
    HAMAMATSU = "Hamamatsu"
    DICOM = "DICOM"
    CZI = "CZI"
    SAKURA = "Sakura"
    OME_ZARR = "OME-Zarr"
    """A folder, not a file."""
    MAKER_TIFF = "TIFF slide"
    """A slide that is a TIFF, and that the reader of TIFF refuses; only its facts say so."""


SLIDE_NAMES = {
    FileKind.MIRAX: "a MIRAX slide (3DHISTECH)",
    FileKind.HAMAMATSU: "a VMS slide (Hamamatsu)",
    FileKind.DICOM: "a DICOM file",
    FileKind.CZI: "a CZI file (Zeiss)",
    FileKind.SAKURA: "a slide of Sakura",
    FileKind.MAKER_TIFF: "a slide",
}
OPENSLIDE_KINDS = frozenset(SLIDE_NAMES)
"""What only OpenSlide reads."""
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", FileKind.PNG),
    (b"II*\x00", FileKind.TIFF),
    (b"MM\x00*", FileKind.TIFF),
    (b"II+\x00", FileKind.TIFF),
    (b"MM\x00+", FileKind.TIFF),
    (b"\xff\xd8\xff", FileKind.JPEG),
    (b"BM", FileKind.BMP),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", FileKind.JPEG2000),
    (b"\xff\x4f\xff\x51", FileKind.JPEG2000),
)
_SLIDE_SIGNATURES = (
    (0, b"ZISRAWFILE", FileKind.CZI),
    (128, b"DICM", FileKind.DICOM),
    (0, b"[Virtual Microscope Specimen]", FileKind.HAMAMATSU),
    (0, b"[Uncompressed Virtual Microscope Specimen]", FileKind.HAMAMATSU),
)
_SLIDE_ENDINGS = {".mrxs": FileKind.MIRAX, ".svslide": FileKind.SAKURA}
"""Of slides whose files begin as other files do: a JPEG, a database."""


class Refused(ValueError):
    """Why a reader does not take a file that is not damaged; `decoding` turns it into an error that names the file.

    Parameters
    ----------
    given
        What follows the file's name: "has 3 planes, and number 4 was chosen".
    """

    def __init__(self, given: str, needed: str, hint: str) -> None:
        super().__init__(given)
        self.given, self.needed, self.hint = given, needed, hint


def file_kind(path: Path, error: type_of_error) -> FileKind:
    """The kind of an image file, or of a folder that is one image; a mask is none of `OPENSLIDE_KINDS`.

    Raises
    ------
    ImageError, MaskError
        Missing, a folder, not readable, empty, or another kind of file; `error` says which of the two.
    """
    what = noun(error)
    if is_address(str(path)):
        path = path_or_address(str(path))  # a plain path is what could not become an address
    if is_zarr_folder(path):
        if issubclass(error, ImageError):
            return FileKind.OME_ZARR
        given = f"{path} is an OME-Zarr folder, which is not read as a mask"
        raise error(given, f"{what} as {READ_KINDS}", "import its labels as annotations, once the image has tiles")
    try:
        check_regular(path)
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError as cause:
        raise error(f"there is no file {path}", f"{what} file", "check the path and the spelling") from cause
    except IsADirectoryError as cause:
        raise error(f"{path} is a folder", f"{what} file", "choose a file in it") from cause
    except OSError as cause:
        reason = cause.strerror or str(cause)
        raise error(f"{path} cannot be read ({reason})", "a file that can be read", what_to_try(cause)) from cause
    if not head:
        raise error(f"{path} is empty", what, "copy or export the file again, or leave it out")
    slide = _slide_kind(path, head)
    if slide is not None:
        if issubclass(error, ImageError):
            return slide
        raise error(f"{path} is {SLIDE_NAMES[slide]}, which is not read as a mask", f"{what} as {READ_KINDS}", _NO_MASK)
    other = preview_only(path)
    if other is None:
        for signature, kind in _SIGNATURES:
            if head.startswith(signature):
                return kind
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return FileKind.WEBP
        other = unread(head)
    if other is None:
        raise error(
            f"{path} is not a readable image",
            f"{what} as {READ_KINDS}",
            "convert the file to PNG or TIFF, or leave it out",
        )
    raise error(f"{path} is {other.what}, which is not read", f"{what} as {READ_KINDS}", other.hint)


def _slide_kind(path: Path, head: bytes) -> FileKind | None:
    by_content = (kind for at, start, kind in _SLIDE_SIGNATURES if head[at:].startswith(start))
    return _SLIDE_ENDINGS.get(path.suffix.lower()) or next(by_content, None)


def no_such_plane(count: int, wanted: int) -> Refused:
    """The error for a page, slice or frame that the file does not have."""
    given = f"has {count} planes, and number {wanted} was chosen"
    return Refused(given, f"a number from 1 to {count}", "choose another plane")


def check_size(path: Path, height_px: int, width_px: int, error: type_of_error) -> None:
    """Refuse sides below `MIN_SIDE_PX` and more than `MAX_PIXELS` pixels, before any pixel is decoded."""
    check_side(path, height_px, width_px, error)
    if height_px * width_px > MAX_PIXELS:
        needed = f"at most {MAX_PIXELS // 1_000_000} megapixels"
        raise error(
            _size(path, height_px, width_px),
            needed,
            "convert it to a tiled slide (SVS, NDPI, pyramidal TIFF), or cut it into tiles",
        )


def check_side(path: Path, height_px: int, width_px: int, error: type_of_error) -> None:
    """Refuse sides below `MIN_SIDE_PX`."""
    if min(height_px, width_px) < MIN_SIDE_PX:
        needed = f"at least {MIN_SIDE_PX} px on each side"
        raise error(_size(path, height_px, width_px), needed, "export it larger, or leave it out")


def _size(path: Path, height_px: int, width_px: int) -> str:
    return f"{path} is {width_px} x {height_px} px"


def check_plausible(decoded_bytes: int, stored_bytes: int) -> None:
    """Refuse a header that promises more than its bytes can hold, before memory for it is taken.

    Raises
    ------
    ValueError
        For `decoding` to turn into an error that names the file.
    """
    if decoded_bytes > _ALWAYS_PLAUSIBLE_BYTES and decoded_bytes > _MAX_RATIO * stored_bytes:
        raise ValueError(f"{stored_bytes:,} bytes cannot hold {decoded_bytes:,} bytes of pixels")


@contextmanager
def decoding(path: Path, kind: FileKind, error: type_of_error) -> Iterator[None]:
    """Turn whatever the libraries raise on a damaged file into `error`; they have no common base class of errors.

    Raises
    ------
    ImageError, MaskError
        Names the file and the reason; `error` says which of the two.
    """
    with quiet("tifffile"):
        try:
            yield
        except UserError:
            raise
        except Refused as cause:
            raise error(f"{path} {cause.given}", cause.needed, cause.hint) from cause
        except MemoryError as cause:
            given = f"{path} does not fit into this computer's memory"
            raise error(given, "a smaller file", "convert it to a tiled slide, or cut it into tiles") from cause
        except Exception as cause:
            raise _damaged(path, kind, error, cause) from cause


def _damaged(path: Path, kind: FileKind, error: type_of_error, cause: Exception) -> ImageError | MaskError:
    """The error for a file that starts like an image and cannot be decoded."""
    reason = " ".join(str(cause).split())[:160].strip(" .") or type(cause).__name__
    hint = "copy or export the file again, or leave it out"
    return error(f"{path} is damaged or incomplete ({reason})", f"a complete {kind} file", hint)


def noun(error: type_of_error) -> str:
    """What was being read, with its article."""
    return "a mask" if issubclass(error, MaskError) else "an image"


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
