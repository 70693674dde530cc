"""Whole slides, cut into tiles of tissue.

A slide is read with tiffslide (an optional dependency) at a fixed resolution, on a regular grid from its upper left
corner. Empty glass has no color, so tissue is where the saturation of a small overview exceeds Otsu's threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from training_core.base.arrays import MIN_SIDE_PX, BoolMask, Rgb8
from training_core.base.errors import ConfigError, ImageError
from training_core.io.files import MAX_PIXELS, quiet
from training_core.io.images import over_white
from training_core.io.pixel_size import CREDIBLE_MPP_UM, is_credible

SLIDE_SUFFIXES = frozenset({".svs", ".ndpi", ".mrxs", ".scn"})
_TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
_OVERVIEW_PX = 1024
# Otsu always finds two groups. On a slide that is nearly all tissue it splits the tissue, so its threshold is kept
# within what separates glass (saturation below 0.04 on the scanners seen) from the palest stroma (above 0.1).
_SATURATION_RANGE = (0.04, 0.1)


@dataclass(frozen=True)
class SlideOptions:
    """How a slide is cut into tiles.

    Attributes
    ----------
    tile_px
        Side of a tile in pixels.
    tile_mpp_um
        Resolution of a tile in µm/px.
    mpp_um
        The slide's own resolution, where its file does not state it.
    min_tissue
        Least share of tissue in a tile, 0 to 1.
    max_tiles
        Most tiles of a slide; if it has more, they are spread evenly over it.
    """

    tile_px: int = 512
    tile_mpp_um: float = 0.5
    mpp_um: float | None = None
    min_tissue: float = 0.25
    max_tiles: int = 500

    def __post_init__(self) -> None:
        """Refuse what no slide could be cut by.

        Raises
        ------
        ConfigError
            Names the value and its range.
        """
        low, high = CREDIBLE_MPP_UM
        checks = (
            ("--tile-px", self.tile_px, MIN_SIDE_PX, 8192),
            ("--tile-mpp", self.tile_mpp_um, low, high),
            ("--mpp", self.mpp_um, low, high),
            ("the minimum share of tissue", self.min_tissue, 0, 1),
            ("--max-tiles", self.max_tiles, 1, 1_000_000),
        )
        for name, value, least, most in checks:
            if value is not None and not least <= value <= most:
                raise ConfigError(f"{name} is {value}", f"{least} to {most}", f"choose a number from {least} to {most}")


@dataclass(frozen=True)
class SlideTile:
    """One place on a slide: its upper left corner in pixels of the finest level, and its share of tissue."""

    x_px: int
    y_px: int
    tissue: float


def is_slide(path: Path) -> bool:
    """Whether a file is a slide: by its ending, or a TIFF of several resolutions or above 400 million pixels."""
    suffix = path.suffix.lower()
    if suffix in SLIDE_SUFFIXES:
        return True
    if suffix not in _TIFF_SUFFIXES:
        return False
    with quiet("tifffile"):
        try:
            with tifffile.TiffFile(path) as tiff:
                series = tiff.series[0]
                height_px, width_px = (series.shape[series.axes.index(axis)] for axis in "YX")
                return len(series.levels) > 1 or height_px * width_px > MAX_PIXELS
        # Whatever is wrong with the file, reading it as an image says it better.
        except Exception:
            return False


class Slide:
    """An open slide; a context manager.

    Raises
    ------
    ImageError
        Tiffslide is not installed, it cannot open the file, or the file does not say its resolution.
    """

    def __init__(self, path: Path, options: SlideOptions) -> None:
        self.path = path
        self.options = options
        self._slide = open_slide(path)
        try:
            self.stated_mpp_um = stated_mpp_um(self._slide)
            self.mpp_um = self._resolution()
        except ImageError:
            self.close()
            raise
        self.objective = _number(self._slide.properties.get("tiffslide.objective-power"))
        """Magnification, where the file states one."""
        self.width_px, self.height_px = self._slide.dimensions
        self.side_px = options.tile_px * options.tile_mpp_um / self.mpp_um
        """Side of a tile in pixels of the finest level."""

    def __enter__(self) -> Slide:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._slide.close()

    def tiles(self) -> list[SlideTile]:
        """The tiles with enough tissue, row by row, at most `max_tiles`, evenly spread over the slide.

        Raises
        ------
        ImageError
            The slide is smaller than one tile, has no tissue, or is damaged.
        """
        columns, rows = int(self.width_px / self.side_px + 1e-6), int(self.height_px / self.side_px + 1e-6)
        if not (columns and rows):
            room = f"{self.width_px / self.side_px:.2f} x {self.height_px / self.side_px:.2f}"
            given = f"{self.path} has room for only {room} tiles"
            needed = f"at least one tile of {self.options.tile_px} px at {self.options.tile_mpp_um} µm/px"
            raise ImageError(
                given, needed, "choose a smaller tile size (--tile-px) or a smaller pixel size (--tile-mpp)"
            )
        mask = self.tissue()
        corners = [(column * self.side_px, row * self.side_px) for row in range(rows) for column in range(columns)]
        found = [SlideTile(int(x), int(y), self._share(mask, x, y)) for x, y in corners]
        kept = [tile for tile in found if tile.tissue >= self.options.min_tissue]
        if not kept:
            given = f"no tile of {self.path} has {100 * self.options.min_tissue:.0f} % tissue"
            raise ImageError(
                given, "a slide with stained tissue", "choose a smaller tile size (--tile-px), or leave the slide out"
            )
        if len(kept) > self.options.max_tiles:
            chosen = np.linspace(0, len(kept) - 1, self.options.max_tiles).round().astype(int)
            kept = [kept[position] for position in chosen]
        return kept

    def tissue(self) -> BoolMask:
        """A small overview (h, w) of the slide: True where there is tissue."""
        from skimage.color import rgb2hsv  # a third of a second that is only spent where there is a slide
        from skimage.filters import threshold_otsu

        scale = max(1.0, max(self.width_px, self.height_px) / _OVERVIEW_PX)
        size = max(1, round(self.width_px / scale)), max(1, round(self.height_px / scale))
        level = self._slide.get_best_level_for_downsample(scale)
        overview = read_level(self._slide, self.path, (0, 0), level, self._slide.level_dimensions[level])
        small = np.asarray(Image.fromarray(overview).resize(size, Image.Resampling.BOX))
        saturation: NDArray[np.float64] = rgb2hsv(small)[:, :, 1]
        saturation[small.max(axis=2) < 25] = 0  # black: pen, or where the scanner saw nothing
        otsu: float = threshold_otsu(saturation) if np.ptp(saturation) else 1.0  # type: ignore[no-untyped-call]
        mask: BoolMask = saturation > float(np.clip(otsu, *_SATURATION_RANGE))
        return mask

    def read(self, tile: SlideTile) -> Rgb8:
        """The pixels of a tile (tile_px, tile_px, 3), resampled from the best level.

        Raises
        ------
        ImageError
            The slide is damaged there.
        """
        level = self._slide.get_best_level_for_downsample(max(1.0, self.side_px / self.options.tile_px))
        side_px = max(1, round(self.side_px / self._slide.level_downsamples[level]))
        pixels = read_level(self._slide, self.path, (tile.x_px, tile.y_px), level, (side_px, side_px))
        if side_px == self.options.tile_px:
            return pixels
        size = (self.options.tile_px, self.options.tile_px)
        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))

    def _share(self, mask: BoolMask, x_px: float, y_px: float) -> float:
        scale_x, scale_y = mask.shape[1] / self.width_px, mask.shape[0] / self.height_px
        left, top = int(x_px * scale_x), int(y_px * scale_y)
        right = max(left + 1, round((x_px + self.side_px) * scale_x))
        bottom = max(top + 1, round((y_px + self.side_px) * scale_y))
        return float(mask[top:bottom, left:right].mean())

    def _resolution(self) -> float:
        stated = self.options.mpp_um or self.stated_mpp_um
        if stated is None or not is_credible(stated):
            given = f"{self.path} has no pixel size (MPP) in its metadata"
            if stated is not None:
                given = f"{self.path} states a pixel size of {stated:.4g} µm/px, which no microscope gives"
            raise ImageError(
                given,
                "its pixel size in µm/px",
                "give the pixel size (--mpp), often 0.25 µm/px for a 40x scan and 0.5 µm/px for 20x",
            )
        return stated


def states_resolution(path: Path) -> bool:
    """Whether a slide says how large its pixels are, and credibly so.

    Raises
    ------
    ImageError
        Tiffslide is not installed, or cannot open the file.
    """
    slide = open_slide(path)
    try:
        return is_credible(stated_mpp_um(slide))
    finally:
        slide.close()


def stated_mpp_um(slide: Any) -> float | None:
    """µm/px as an open slide states them, credible or not; None: it states none."""
    stated = slide.properties.get("tiffslide.mpp-x")
    return float(stated) if stated is not None else None


def open_slide(path: Path) -> Any:
    """A file opened with tiffslide.

    Raises
    ------
    ImageError
        Tiffslide is not installed, or cannot open the file.
    """
    try:
        import tiffslide
    except ImportError as cause:
        hint = 'pip install "napari-unisemalign[slides]"'
        raise ImageError(f"{path} is a slide, and tiffslide is not installed", "the package tiffslide", hint) from cause
    if not path.is_file():
        raise ImageError(f"there is no file {path}", "a slide", "check the path and the spelling")
    with quiet("tifffile"), quiet("tiffslide"):
        try:
            with tifffile.TiffFile(path) as tiff:  # tiffslide would leave a file open that it cannot read
                _ = tiff.series[0].levels
            return tiffslide.TiffSlide(path)
        # tiffslide lets the errors of every library below it through.
        except Exception as cause:
            raise _unreadable(path, cause) from cause


def read_level(slide: Any, path: Path, corner: tuple[int, int], level: int, size: tuple[int, int]) -> Rgb8:
    """Pixels (h, w, 3) of a level of an open slide.

    Parameters
    ----------
    corner
        x, y in pixels of the finest level.
    size
        Width and height of the region in pixels of the level.

    Raises
    ------
    ImageError
        The slide is damaged there.
    """
    with quiet("tifffile"), quiet("tiffslide"):
        try:
            pixels = np.asarray(slide.read_region(corner, level, size, as_array=True))
        # tiffslide, tifffile and the codecs have no common base class of errors.
        except Exception as cause:
            raise _unreadable(path, cause) from cause
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    if pixels.shape[2] == 4:
        return over_white(pixels[:, :, :3], pixels[:, :, 3])
    return np.ascontiguousarray(pixels[:, :, :3])


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _unreadable(path: Path, cause: Exception) -> ImageError:
    reason = " ".join(str(cause).split())[:160].strip(" .") or type(cause).__name__
    hint = "copy the file again, or export it as a pyramidal TIFF"
    return ImageError(f"{path} cannot be read as a slide ({reason})", "a slide that tiffslide can open", hint)
