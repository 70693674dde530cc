"""PNG, JPEG and BMP through Pillow.

The format classes are used directly: `Image.open` would add its own size limit, which warns or raises by a global
setting that belongs to the process (napari) and not to us. Our limit is checked on the header instead.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from PIL import BmpImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin

from training_core.io.files import FileKind, check_size, damaged, type_of_error

_READERS: dict[FileKind, type[ImageFile.ImageFile]] = {
    FileKind.PNG: PngImagePlugin.PngImageFile,
    FileKind.JPEG: JpegImagePlugin.JpegImageFile,
    FileKind.BMP: BmpImagePlugin.BmpImageFile,
}
# What Pillow raises on damaged files, seen when feeding it truncated and bit-flipped ones.
_FAILURES = (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, TypeError, struct.error, zlib.error)


def load_pillow(path: Path, kind: FileKind, error: type_of_error) -> Image.Image:
    """The decoded file in Pillow's own mode.

    Raises
    ------
    ImageError, MaskError
        Damaged, cut short, too small or too large; `error` says which of the two.
    """
    with _opened(path, kind, error) as image:
        try:
            image.load()
        except _FAILURES as cause:
            raise damaged(path, kind, error, cause) from cause
        return image


def pillow_size(path: Path, kind: FileKind, error: type_of_error) -> tuple[int, int]:
    """Height and width in pixels, from the file's header.

    Raises
    ------
    ImageError, MaskError
        Damaged, too small or too large; `error` says which of the two.
    """
    with _opened(path, kind, error) as image:
        return image.height, image.width


def _opened(path: Path, kind: FileKind, error: type_of_error) -> Image.Image:
    try:
        image = _READERS[kind](path)
    except _FAILURES as cause:
        raise damaged(path, kind, error, cause) from cause
    try:
        check_size(path, image.height, image.width, error)
    except error:
        image.close()
        raise
    return image
