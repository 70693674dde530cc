"""Regions of a picture, read without decoding the whole of it where its file is tiled.

Slides are read with tiffslide, as when they are cut into tiles; other tiled TIFFs with tifffile; both through zarr.
PNG, JPEG and untiled TIFF cannot be read in parts: they are decoded whole, once, up to the size `read_image` takes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from training_core.base.arrays import Rgb8
from training_core.base.errors import ImageError
from training_core.io.files import FileKind, check_size, file_kind
from training_core.io.images import read_image, tiff_rgb
from training_core.io.pillow_files import pillow_size
from training_core.io.pixel_size import is_credible
from training_core.io.resolution import file_mpp_um
from training_core.io.slides import is_slide, open_slide, read_level, stated_mpp_um
from training_core.io.tiff_files import decoding, open_tiff, picture, size_px


class Regions(ABC):
    """An open picture: its size, um per pixel where the file states it, and whether it is a slide."""

    is_slide = False

    def __init__(self, path: Path, height_px: int, width_px: int, mpp_um: float | None) -> None:
        self.path, self.height_px, self.width_px, self.mpp_um = path, height_px, width_px, mpp_um

    @abstractmethod
    def read(self, top: int, left: int, bottom: int, right: int) -> Rgb8:
        """The pixels (bottom - top, right - left, 3) of a region that lies within the picture.

        Raises
        ------
        ImageError
            The file is damaged there, or cannot be read in parts and is too large to be read whole.
        """


class ArrayRegions(Regions):
    """A picture (H, W, 3) that is in memory."""

    def __init__(self, pixels: Rgb8) -> None:
        super().__init__(Path("array"), pixels.shape[0], pixels.shape[1], None)
        self._pixels = pixels

    def read(self, top: int, left: int, bottom: int, right: int) -> Rgb8:
        """As `Regions.read`."""
        return self._pixels[top:bottom, left:right]


@contextmanager
def open_regions(path: Path) -> Iterator[Regions]:
    """The picture, open for as long as the block runs; no pixel is decoded before `read`.

    Raises
    ------
    ImageError
        Missing, damaged, not a picture, below 32 px on a side, or above 400 million pixels and not tiled.
    """
    if is_slide(path):
        slide = open_slide(path)
        try:
            yield _SlideRegions(path, slide)
        finally:
            slide.close()
    elif (kind := file_kind(path, ImageError)) is FileKind.TIFF:
        with open_tiff(path, ImageError) as tiff:
            yield _TiledRegions(path, tiff) if _is_tiled(tiff) else _WholeRegions(path, *size_px(tiff.series[0]))
    else:
        yield _WholeRegions(path, *pillow_size(path, kind, ImageError))


class _SlideRegions(Regions):
    is_slide = True

    def __init__(self, path: Path, slide: Any) -> None:
        width_px, height_px = slide.dimensions
        with tifffile.TiffFile(path) as tiff:
            if not _is_tiled(tiff):  # each window would decode whole rows of the picture again
                check_size(path, height_px, width_px, ImageError)
        stated = stated_mpp_um(slide)
        super().__init__(path, height_px, width_px, stated if is_credible(stated) else None)
        self._slide = slide

    def read(self, top: int, left: int, bottom: int, right: int) -> Rgb8:
        return read_level(self._slide, self.path, (left, top), 0, (right - left, bottom - top))


class _TiledRegions(Regions):
    def __init__(self, path: Path, tiff: tifffile.TiffFile) -> None:
        import zarr  # takes a while, and most commands never read a part

        self._series = tiff.series[0]
        super().__init__(path, *size_px(self._series), file_mpp_um(path))
        self._array: Any = zarr.open_array(self._series.aszarr(level=0), mode="r")

    def read(self, top: int, left: int, bottom: int, right: int) -> Rgb8:
        span = {"Y": slice(top, bottom), "X": slice(left, right)}
        with decoding(self.path, ImageError):
            samples = np.asarray(self._array[tuple(span.get(axis, slice(None)) for axis in self._series.axes)])
            part = picture(self._series, samples)
        return tiff_rgb(part, self.path)


class _WholeRegions(Regions):
    def __init__(self, path: Path, height_px: int, width_px: int) -> None:
        check_size(path, height_px, width_px, ImageError)
        super().__init__(path, height_px, width_px, file_mpp_um(path))

    @cached_property
    def _pixels(self) -> Rgb8:
        return read_image(self.path)

    def read(self, top: int, left: int, bottom: int, right: int) -> Rgb8:
        return self._pixels[top:bottom, left:right]


def _is_tiled(tiff: tifffile.TiffFile) -> bool:
    return bool(tiff.series[0].keyframe.is_tiled)
