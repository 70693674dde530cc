"""TIFF through tifffile: what a file says of itself, whatever its layout, palette, depth or compression."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from training_core.io.facts import Alpha, FileFacts, Photometric, Problem
from training_core.io.files import FileKind, type_of_error
from training_core.io.formats.stored import Stored, hex_colours
from training_core.io.formats.tiff_metadata import channel_names, in_other_files, pixel_size, significant_bits
from training_core.io.formats.tiff_pages import (
    Plane,
    check_bytes,
    check_complete,
    choose_plane,
    open_tiff,
    read_plane,
    size_px,
    tile_px,
)
from training_core.io.formats.tiff_refusals import check_segments, refusal

_P, _C = tifffile.PHOTOMETRIC, tifffile.COMPRESSION
_YCBCR_DECODED = {_C.JPEG, _C.OJPEG, _C.ALT_JPEG, _C.APERIO_JP2000_YCBC, _C.APERIO_JP2000_RGB}
"""Compressions whose decoder hands out RGB."""
_LOSSY = {
    _C.JPEG, _C.OJPEG, _C.ALT_JPEG, _C.JPEG_LOSSY, _C.JPEGXR_NDPI,
    _C.APERIO_JP2000_YCBC, _C.APERIO_JP2000_RGB, _C.JPEG_2000_LOSSY,
}  # fmt: skip
_MAYBE_LOSSY = {_C.JPEG2000, _C.WEBP, _C.WEBP_DEPRECATED, _C.JPEGXR, _C.JPEGXL, _C.JPEGXL_DNG, _C.LERC}
_TYPES = {"u": "uint", "b": "uint", "i": "int", "f": "float", "c": "complex"}
_RGB = ("red", "green", "blue")


def facts(path: Path, error: type_of_error, plane: int | None = None) -> FileFacts:
    """What the directories say of the plane number `plane`, or of the first one."""
    with open_tiff(path) as tiff:
        return facts_of(path, tiff, choose_plane(tiff, plane))


def stored(path: Path, facts: FileFacts, error: type_of_error, plane: int | None = None) -> Stored:
    """The numbers of one plane at full resolution."""
    with open_plane(path, plane) as chosen:
        return with_palette(chosen, read_plane(chosen))


@contextmanager
def open_plane(path: Path, plane: int | None) -> Iterator[Plane]:
    """A plane whose bytes are all there, while the block runs."""
    with open_tiff(path) as tiff:
        chosen = choose_plane(tiff, plane)
        check_complete(tiff, chosen)
        check_bytes(tiff, chosen)
        check_segments(chosen)
        yield chosen


def with_palette(plane: Plane, samples: NDArray[Any]) -> Stored:
    """Numbers of a plane, or of a region of it, with what they mean."""
    if samples.dtype == np.bool_:
        samples = samples.astype(np.uint8)
    return Stored(samples, palette=_palette(plane.series.keyframe))


def facts_of(path: Path, tiff: tifffile.TiffFile, plane: Plane) -> FileFacts:
    """What an open TIFF says of one of its planes."""
    page, series = plane.series.keyframe, plane.series
    height_px, width_px = size_px(plane)
    bits, lossy = _bits(page), _lossy(tiff, page)
    image = next((number for number, each in enumerate(tiff.series) if each is series), 0)
    names = channel_names(tiff, image)
    photometric = _photometric(plane, names)
    palette = _palette(page)
    known = FileFacts(
        path=path,
        kind=FileKind.TIFF,
        width_px=width_px,
        height_px=height_px,
        channels=plane.channels,
        channel_names=_names(plane, photometric, names),
        sample_type=_TYPES.get(np.dtype(series.dtype).kind, "unknown"),
        bits=bits,
        photometric=photometric,
        alpha=_alpha(plane, photometric),
        significant_bits=significant_bits(tiff, page, image, bits),
        axes=series.axes,
        shape=tuple(int(length) for length in series.shape),
        planes=plane.planes,
        levels=tuple(size_px(plane, level)[::-1] for level in range(len(series.levels))),
        tile_px=tile_px(plane),
        orientation=_orientation(page),
        pixel_size=pixel_size(tiff, page, image),
        compression=getattr(page.compression, "name", str(page.compression)).lower().replace("_", " "),
        lossy=lossy,
        palette=() if palette is None or len(palette) > 256 else hex_colours(palette),
        notes=_notes(tiff, plane, photometric),
    )
    problem = _problem(path, tiff, plane, photometric)
    return known if problem is None else replace(known, problem=problem)


def _bits(page: Any) -> int:
    bits = page.bitspersample
    return max(bits) if isinstance(bits, tuple) else int(bits)


def _photometric(plane: Plane, names: tuple[str, ...]) -> Photometric:
    page, channels = plane.series.keyframe, plane.channels
    if page.photometric == _P.PALETTE:
        return Photometric.PALETTE if channels == 1 else Photometric.OTHER
    if page.photometric == _P.RGB or (page.photometric == _P.YCBCR and page.compression in _YCBCR_DECODED):
        return Photometric.RGB if channels in (3, 4) and plane.channel_axis == "S" else Photometric.CHANNELS
    if page.photometric not in (_P.MINISBLACK, _P.MINISWHITE):
        return Photometric.OTHER
    if channels > 1 and not (channels == 2 and _extra(page) in (1, 2)):
        is_rgb = tuple(name.casefold() for name in names) == _RGB and channels == 3
        return Photometric.RGB if is_rgb else Photometric.CHANNELS
    return Photometric.WHITE_IS_ZERO if page.photometric == _P.MINISWHITE else Photometric.BLACK_IS_ZERO


def _extra(page: Any) -> int | None:
    kinds = [int(kind) for kind in page.extrasamples]
    return kinds[-1] if kinds else None


def _alpha(plane: Plane, photometric: Photometric) -> Alpha:
    if photometric in (Photometric.CHANNELS, Photometric.OTHER) or plane.channels not in (2, 4):
        return Alpha.NONE
    stated = {1: Alpha.ASSOCIATED, 2: Alpha.UNASSOCIATED}
    return stated.get(_extra(plane.series.keyframe) or 0, Alpha.UNSPECIFIED)


def _names(plane: Plane, photometric: Photometric, names: tuple[str, ...]) -> tuple[str, ...]:
    channels = plane.channels
    if photometric is Photometric.RGB:
        return (*_RGB, "alpha")[:channels]
    if photometric is Photometric.PALETTE:
        return ("index",)
    if photometric in (Photometric.BLACK_IS_ZERO, Photometric.WHITE_IS_ZERO):
        return ("grey", "alpha")[:channels]
    stated = names if len(names) == channels and all(names) else ("",) * channels
    return tuple(name or f"channel {number}" for number, name in enumerate(stated, 1))


def _orientation(page: Any) -> int:
    value = page.tags.valueof(274, default=1)
    return int(value) if value in range(1, 9) else 1


def _lossy(tiff: tifffile.TiffFile, page: Any) -> bool | None:
    if page.compression in _LOSSY:
        return True
    if page.compression not in _MAYBE_LOSSY:
        return False
    if page.compression in (_C.WEBP, _C.WEBP_DEPRECATED) and page.dataoffsets:
        tiff.filehandle.seek(page.dataoffsets[0])
        head = tiff.filehandle.read(64)
        return b"VP8L" not in head
    return None


def _palette(page: Any) -> NDArray[np.uint8] | None:
    if page.photometric != _P.PALETTE or page.colormap is None:
        return None
    colormap = np.asarray(page.colormap, dtype=np.uint32)  # (3, N), 16 bit by the TIFF specification
    if colormap.max() > 255:  # some writers store 8-bit values nevertheless
        colormap = (colormap + 128) // 257
    return colormap.T.astype(np.uint8)


def _problem(path: Path, tiff: tifffile.TiffFile, plane: Plane, photometric: Photometric) -> Problem | None:
    page = plane.series.keyframe
    needed, hint = "RGB, greyscale or palette", "convert it to an RGB TIFF or PNG"
    reason = refusal(tiff, plane)
    if reason is not None:
        return Problem(f"{path} {reason.given}", reason.needed, reason.hint)
    if photometric is Photometric.OTHER:
        name = {_P.SEPARATED: "CMYK"}.get(page.photometric, getattr(page.photometric, "name", str(page.photometric)))
        return Problem(f"{path} has the colour model {name}", needed, hint)
    if isinstance(page.bitspersample, tuple) and len(set(page.bitspersample)) > 1:
        bits = ", ".join(str(each) for each in page.bitspersample)
        return Problem(f"{path} has channels of {bits} bits", "the same number of bits in each channel", hint)
    if page.photometric == _P.PALETTE and page.colormap is None:
        return Problem(f"{path} is a palette image without a palette", needed, hint)
    if page.photometric == _P.PALETTE and np.shape(page.colormap)[-1] < 2 ** _bits(page):
        given = f"{path} has a palette of {np.shape(page.colormap)[-1]} colours, and indices of {_bits(page)} bits"
        return Problem(given, f"a palette of {2 ** _bits(page)} colours", hint)
    return None


def _notes(tiff: tifffile.TiffFile, plane: Plane, photometric: Photometric) -> tuple[str, ...]:
    inverted = "It stores white as 0; as an image it is read as viewers show it."
    notes: tuple[str, ...] = (inverted,) if photometric is Photometric.WHITE_IS_ZERO else ()
    if plane.series.keyframe.photometric == _P.RGB and plane.series.keyframe.is_jfif:
        notes += ("Its tags say RGB and its JPEG data YCbCr; the data are believed, and some programs show other "
                  "colours.",)  # fmt: skip
    if in_other_files(tiff):
        notes += ("It belongs to a set of OME-TIFF files, of which this one is read by itself.",)
    if not plane.left_out:
        return notes
    return (
        *notes,
        f"It also holds {plane.left_out} smaller or associated images (thumbnail, label, macro), which are not read.",
    )
