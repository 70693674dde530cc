"""TIFF through tifffile: one image, whatever its layout, palette, depth or compression."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from training_core.io.files import FileKind, check_size, damaged, quiet, type_of_error

_PHOTOMETRIC = tifffile.PHOTOMETRIC
_READABLE = {_PHOTOMETRIC.MINISBLACK, _PHOTOMETRIC.MINISWHITE, _PHOTOMETRIC.RGB, _PHOTOMETRIC.PALETTE}
_LAYOUTS = ("YX", "YXS", "SYX", "CYX")


@dataclass(frozen=True)
class TiffPicture:
    """The samples of a TIFF, and what they mean.

    Attributes
    ----------
    samples
        (H, W) or (H, W, S).
    palette
        (N, 3) uint8 when the samples are indices.
    bits
        Significant bits of a sample.
    """

    samples: NDArray[Any]
    palette: NDArray[np.uint8] | None
    bits: int
    white_is_zero: bool
    alpha: str | None
    """How the last of 2 or 4 samples is meant: "associated" (premultiplied), "unassociated", or None: not alpha."""


def load_tiff(path: Path, error: type_of_error) -> TiffPicture:
    """The first image of a TIFF, at full resolution.

    Raises
    ------
    ImageError, MaskError
        Damaged, cut short, a stack, an unknown colour model, wrong size; `error` says which of the two.
    """
    with open_tiff(path, error) as tiff, decoding(path, error):
        series = tiff.series[0]
        check_size(path, *size_px(series), error)
        return picture(series, series.asarray())


@contextmanager
def open_tiff(path: Path, error: type_of_error) -> Iterator[tifffile.TiffFile]:
    """A TIFF whose first image can be read: its layout and colours are known, and all of its bytes are there.

    Raises
    ------
    ImageError, MaskError
        As `load_tiff`, but for the size; `error` says which of the two.
    """
    with ExitStack() as stack:
        with decoding(path, error):
            tiff = stack.enter_context(tifffile.TiffFile(path))
            series = tiff.series[0]
            page = series.keyframe
            _check_layout(series.axes, series.shape, path, error)
            if page.photometric not in _READABLE and not _decodes_to_rgb(page):
                name = getattr(page.photometric, "name", str(page.photometric))
                needed, hint = "RGB, greyscale or palette", "convert it to an RGB TIFF or PNG"
                raise error(f"{path} has the colour model {name}", needed, hint)
            _check_complete(tiff, series, path)
        yield tiff


@contextmanager
def decoding(path: Path, error: type_of_error) -> Iterator[None]:
    """Turn whatever tifffile and its codecs raise into `error`; they have no common base class of errors."""
    with quiet("tifffile"):
        try:
            yield
        except error:
            raise
        except Exception as cause:
            raise damaged(path, FileKind.TIFF, error, cause) from cause


def size_px(series: tifffile.TiffPageSeries) -> tuple[int, int]:
    """Height and width."""
    height_px, width_px = (int(series.shape[series.axes.index(axis)]) for axis in "YX")
    return height_px, width_px


def picture(series: tifffile.TiffPageSeries, samples: NDArray[Any]) -> TiffPicture:
    """Samples of a series, or of a region of it, in its own order of axes, with what they mean."""
    page = series.keyframe
    if samples.ndim != len(series.axes) or not samples.size:
        raise ValueError("its size does not match its pixels")
    if series.axes in ("SYX", "CYX"):
        samples = np.moveaxis(samples, 0, -1)
    return TiffPicture(
        samples=samples,
        palette=_palette(page),
        bits=int(page.bitspersample),
        white_is_zero=page.photometric == _PHOTOMETRIC.MINISWHITE,
        alpha=_alpha(page, samples),
    )


def _check_layout(axes: str, shape: tuple[int, ...], path: Path, error: type_of_error) -> None:
    channels = shape[0] if axes == "CYX" else 3
    if axes in _LAYOUTS and channels in (3, 4):
        return
    layout = " x ".join(f"{axis}={length}" for axis, length in zip(axes, shape, strict=True))
    raise error(f"{path} is a stack ({layout})", "one two-dimensional image", "export one plane as an RGB TIFF or PNG")


def _check_complete(tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path) -> None:
    """tifffile fills missing strips with zeros; a file that was cut short must not become a black corner."""
    file_bytes = tiff.filehandle.size
    for page in series.pages:
        if page is None:
            continue
        ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
        if ends and max(ends) > file_bytes:
            raise ValueError(f"it has {file_bytes:,} bytes instead of {max(ends):,}")
        if not all(page.databytecounts):
            raise ValueError("parts of the image were never written")


def _decodes_to_rgb(page: Any) -> bool:
    jpeg = page.compression in (tifffile.COMPRESSION.JPEG, tifffile.COMPRESSION.OJPEG)
    aperio = page.compression in (tifffile.COMPRESSION.APERIO_JP2000_YCBC, tifffile.COMPRESSION.APERIO_JP2000_RGB)
    return bool(page.photometric == _PHOTOMETRIC.YCBCR and (jpeg or aperio))


def _palette(page: Any) -> NDArray[np.uint8] | None:
    if page.photometric != _PHOTOMETRIC.PALETTE or page.colormap is None:
        return None
    colormap = np.asarray(page.colormap, dtype=np.uint32)  # (3, N), 16 bit by the TIFF specification
    if colormap.max() > 255:  # some writers store 8-bit values nevertheless
        colormap = (colormap + 128) // 257
    return colormap.T.astype(np.uint8)


def _alpha(page: Any, samples: NDArray[Any]) -> str | None:
    if samples.ndim != 3 or samples.shape[2] not in (2, 4):
        return None
    kinds = [int(kind) for kind in page.extrasamples]
    if not kinds:
        return None
    return {1: "associated", 2: "unassociated"}.get(kinds[-1])
