"""Which picture of a TIFF is meant, and its numbers: pages, slices, levels and regions, through tifffile."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from training_core.io.files import check_plausible, no_such_plane
from training_core.io.formats.tiff_metadata import leica_images

_DECODING = 2
"""More than one: tiles are decoded in threads, as tifffile by itself does on six cores and more only."""
_ALL = slice(None)
_HEADER_BYTES = 8
_MAX_TILE_PIXELS = 1 << 26
_VENDORS = ("svs", "ndpi", "bif", "philips")


@dataclass(frozen=True)
class Plane:
    """One two-dimensional picture of a TIFF.

    Attributes
    ----------
    series
        Of tifffile: pages that belong together, with their levels.
    index
        Which one of its planes, counted over all axes but those of a picture.
    planes
        How many pictures the file has to choose from.
    left_out
        What is no choice: thumbnails, labels and macro pictures of a slide.
    """

    series: Any
    index: int
    planes: int
    left_out: int = 0

    @property
    def axes(self) -> str:
        """The axes of the series."""
        return str(self.series.axes)

    @property
    def channel_axis(self) -> str:
        """S for samples of one page, C for channels in pages of their own, or nothing."""
        axes = self.axes
        return "S" if "S" in axes else "C" if "C" in axes else ""

    @property
    def channels(self) -> int:
        """Numbers per pixel."""
        axis = self.channel_axis
        return int(self.series.shape[self.axes.index(axis)]) if axis else 1


def open_tiff(path: Path) -> tifffile.TiffFile:
    """A TIFF by itself: what OME metadata refer to in other files is another image, and may be gone tomorrow."""
    return tifffile.TiffFile(path, _multifile=False)


def choose_plane(tiff: tifffile.TiffFile, wanted: int | None) -> Plane:
    """The plane number `wanted`, counted from 1, or the first one; the only one, whatever was chosen for other files.

    Raises
    ------
    Refused
        There is no such plane.
    """
    series, left_out = _choices(tiff)
    counts = [_plane_count(each) for each in series]
    number = (wanted or 1) - 1 if sum(counts) > 1 else 0
    if not 0 <= number < sum(counts):
        raise no_such_plane(sum(counts), number + 1)
    for each, count in zip(series, counts, strict=True):
        if number < count:
            return Plane(each, number, sum(counts), left_out)
        number -= count
    raise AssertionError("unreachable: the number is below the sum of the counts")


def read_plane(
    plane: Plane, level: int = 0, rows: slice = _ALL, columns: slice = _ALL, array: Any = None
) -> NDArray[Any]:
    """The numbers (h, w) or (h, w, S) of a region, by default of the whole finest level.

    Parameters
    ----------
    array
        The level as `open_level` gives it, where it is open already.
    """
    series = plane.series.levels[level]
    if array is None and _plane_count(series) == 1 and rows == columns == _ALL:
        samples = series.asarray()
    else:
        opened = open_level(plane, level) if array is None else array
        samples = np.asarray(opened[_selection(plane, series, rows, columns)])
    kept = [axis for axis in series.axes if axis in "YX" + plane.channel_axis]
    if samples.ndim == len(series.axes):
        others = tuple(position for position, axis in enumerate(series.axes) if axis not in kept)
        samples = samples.squeeze(others)
    if samples.ndim != len(kept) or not samples.size:
        raise ValueError("its size does not match its pixels")
    order = [kept.index(axis) for axis in "YX" + plane.channel_axis]
    return np.transpose(samples, order)


def open_level(plane: Plane, level: int, fill: int = 0) -> Any:
    """A level as an array, which decodes what is asked for; tiles that were never written hold `fill`."""
    series = plane.series.levels[level]
    if series.dataoffset is not None:
        return _Flat(series)
    import zarr  # takes a while, and most commands never read a part

    store = plane.series.aszarr(level=level, fillvalue=fill, maxworkers=_DECODING)
    return zarr.open_array(store, mode="r")


class _Flat:
    """Numbers that lie uncompressed one after the other: zarr would read all of them for each part."""

    def __init__(self, series: Any) -> None:
        self._series = series

    def __getitem__(self, region: Any) -> NDArray[Any]:
        series = self._series
        tiff = series.keyframe.parent
        dtype = tiff.byteorder + series.dtype.char
        mapped = tiff.filehandle.memmap_array(dtype, series.shape, series.dataoffset, mode="r")
        # a copy in the machine's own order of bytes: what stays mapped counts as memory of this process
        return np.array(mapped[region], dtype=series.dtype)


def piece_bytes(plane: Plane) -> int:
    """What has to be decoded at once for any pixel of the finest level, in bytes; 0: nothing has to be decoded."""
    page = plane.series.keyframe
    if plane.series.dataoffset is not None:
        return 0
    return int(prod(page.chunks)) * int(plane.series.dtype.itemsize)


def size_px(plane: Plane, level: int = 0) -> tuple[int, int]:
    """Height and width."""
    series = plane.series.levels[level]
    height_px, width_px = (int(series.shape[series.axes.index(axis)]) for axis in "YX")
    return height_px, width_px


def check_complete(tiff: tifffile.TiffFile, plane: Plane, *, sparse: bool = False) -> None:
    """tifffile fills missing strips with zeros; a file that was cut short must not become a black corner.

    Parameters
    ----------
    sparse
        Whether tiles may be left out, as scanners do with those of bare glass.

    Raises
    ------
    ValueError
        Names what is missing.
    """
    file_bytes = tiff.filehandle.size
    _check_layout(plane.series.keyframe)
    start = plane.series.dataoffset  # where the planes of a stack follow each other without pages of their own
    if start is not None and start + plane.series.nbytes > file_bytes:
        raise ValueError(f"it has {file_bytes:,} bytes instead of {start + plane.series.nbytes:,}")
    for page in (page for level in plane.series.levels for page in level.pages):
        if page is None:
            raise ValueError("parts of the image were never written")
        ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
        if ends and max(ends) > file_bytes:
            raise ValueError(f"it has {file_bytes:,} bytes instead of {max(ends):,}")
        if any(
            offset < _HEADER_BYTES
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
            if count
        ):
            raise ValueError("its pixels are stated to lie where its header is")
        if len(ends) < prod(page.chunked):
            raise ValueError(f"it lists {len(ends)} parts of the image instead of {prod(page.chunked)}")
        if not (sparse or all(page.databytecounts)):
            raise ValueError("parts of the image were never written")


def _check_layout(page: Any) -> None:
    """Refuse tags that no writer means: readers make different pictures of them, or run out of memory."""
    if page.planarconfig not in (1, 2):
        raise ValueError(f"its planar configuration is {page.planarconfig}, which does not exist")
    if page.is_tiled and page.tilewidth * page.tilelength > _MAX_TILE_PIXELS:
        raise ValueError(f"its tiles are stated to be {page.tilewidth} x {page.tilelength} px")


def check_bytes(tiff: tifffile.TiffFile, plane: Plane) -> None:
    """Refuse a picture that its bytes cannot hold."""
    height_px, width_px = size_px(plane)
    decoded = height_px * width_px * plane.channels * plane.series.dtype.itemsize
    check_plausible(decoded, tiff.filehandle.size)


def tile_px(plane: Plane) -> tuple[int, int] | None:
    """Width and height of a tile; None: stored in rows."""
    page = plane.series.keyframe
    return (int(page.tilewidth), int(page.tilelength)) if page.is_tiled else None


def _choices(tiff: tifffile.TiffFile) -> tuple[list[Any], int]:
    series = [each for each in tiff.series if {"Y", "X"} <= set(each.axes)]
    if not series:
        raise ValueError("it holds no image")
    if any(getattr(tiff, f"is_{vendor}") for vendor in _VENDORS):
        return series[:1], len(series) - 1
    if tiff.is_scn:
        scans = [each for each, image in zip(series, leica_images(tiff), strict=True) if not image.is_macro]
        return scans or series, len(series) - len(scans or series)
    full = [each for each in series if not each.keyframe.is_reduced] or series
    pyramids = [each for each in full if len(each.levels) > 1]
    chosen = pyramids if len(pyramids) == 1 else full
    return chosen, len(series) - len(chosen)


def _plane_count(series: Any) -> int:
    of_one = "YXS" if "S" in series.axes else "YXC"
    return prod(length for axis, length in zip(series.axes, series.shape, strict=True) if axis not in of_one)


def _selection(plane: Plane, series: Any, rows: slice, columns: slice) -> tuple[Any, ...]:
    spans: dict[str, Any] = {"Y": rows, "X": columns, plane.channel_axis: slice(None)}
    others = [(axis, length) for axis, length in zip(series.axes, series.shape, strict=True) if axis not in spans]
    place = dict(
        zip(
            (axis for axis, _ in others),
            np.unravel_index(plane.index, [length for _, length in others]) if others else (),
            strict=True,
        )
    )
    return tuple(
        spans.get(axis, slice(int(place[axis]), int(place[axis]) + 1) if axis in place else None)
        for axis in series.axes
    )
