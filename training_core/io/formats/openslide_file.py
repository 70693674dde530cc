"""Slides through OpenSlide: those of makers whose files are no TIFF, or TIFF that this program's own reader refuses.

OpenSlide is an extra (`slides`), imported when the first such slide is opened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from training_core.base.arrays import Rgb8
from training_core.base.errors import ImageError
from training_core.io.facts import FileFacts, Photometric
from training_core.io.files import INSTALL_OPENSLIDE, SLIDE_NAMES, FileKind
from training_core.io.formats.stored import Stored
from training_core.io.pixel_size import PixelSize
from training_core.io.unread import MICROSCOPE_HINT

if TYPE_CHECKING:
    from openslide import OpenSlide

_MISSING = "the packages openslide-python and openslide-bin"
_COLOUR, _WHITE = re.compile("#[0-9a-f]{6}"), "#ffffff"
_USUAL_TILE_PX = 256
_TILE_SIDES_PX = (64, 1024)
"""Other sides that a file states are those of whole strips, or of what was scanned at once."""
_MAX_REASON = 160


class Area(NamedTuple):
    """What of OpenSlide's canvas is shown: the scanned area where the file states its bounds, else all of it.

    QuPath shows the same, and counts from the same corner (`OpenslideImageServer.java`: `readTile` adds the bounds to
    what is asked for).

    Attributes
    ----------
    corners
        Where it begins on each level, x and y in pixels of that level.
    sizes
        Width and height on each level.
    """

    corners: tuple[tuple[int, int], ...]
    sizes: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, canvas: Sequence[tuple[int, int]], downsamples: Sequence[float], properties: Mapping[str, str]) -> Area:
        """By the width and height of each level of the canvas, and OpenSlide's properties."""
        numbers = [_number(properties.get(f"openslide.bounds-{side}")) for side in ("x", "y", "width", "height")]
        stated = [int(each) for each in numbers if each is not None and each >= 0]
        if len(stated) < len(numbers) or not (stated[2] and stated[3]):
            return cls(((0, 0),) * len(canvas), tuple(canvas))
        corners, sizes = [], []
        for level, step in zip(canvas, downsamples, strict=True):
            # Whole pixels of the level, as OpenSlide resamples everything else.
            corner = [min(length - 1, round(at / step)) for at, length in zip(stated[:2], level, strict=True)]
            size = [
                max(1, min(length - at, int(side / step + 1e-6)))
                for at, length, side in zip(corner, level, stated[2:], strict=True)
            ]
            corners.append((corner[0], corner[1]))
            sizes.append((size[0], size[1]))
        return cls(tuple(corners), tuple(sizes))


class OpenedSlide:
    """An open slide. Several threads may read it.

    Attributes
    ----------
    facts
        What it says of itself.
    objective
        Magnification, where it states one.

    Raises
    ------
    ImageError
        OpenSlide is not installed or does not read the slide; parts of it are missing or damaged.
    """

    def __init__(self, path: Path, kind: FileKind) -> None:
        self._slide = _opened(path, kind)
        properties = dict(self._slide.properties)
        self._steps = self._slide.level_downsamples
        self._area = Area.of(self._slide.level_dimensions, self._steps, properties)
        stated = f"#{properties.get('openslide.background-color', '').lower()}"
        self._background = stated if _COLOUR.fullmatch(stated) else _WHITE
        self.facts = _facts(path, kind, properties, self._area, self._slide.dimensions, self._background)
        self.objective = _number(properties.get("openslide.objective-power"))

    def close(self) -> None:
        """Close the file."""
        self._slide.close()

    def read(self, level: int, left: int, top: int, width: int, height: int) -> Rgb8:
        """The pixels (height, width, 3) of a region of a level, in that level's pixels.

        Raises
        ------
        ImageError
            The slide is damaged there.
        """
        step, corner = self._steps[level], self._area.corners[level]
        place = round((corner[0] + left) * step), round((corner[1] + top) * step)
        image = self._region(place, level, (width, height))
        if image.getchannel("A").getextrema() == (255, 255):
            return np.array(image.convert("RGB"))
        shown = Image.new("RGB", image.size, self._background)
        shown.paste(image, mask=image)
        return np.array(shown)

    def _region(self, place: tuple[int, int], level: int, size: tuple[int, int]) -> Image.Image:
        from openslide import OpenSlideError

        try:
            return self._slide.read_region(place, level, size)
        except OpenSlideError:
            pass  # after one failure OpenSlide refuses every place of the slide, also those that are whole
        path, kind = self.facts.path, self.facts.kind
        again = _opened(path, kind)
        try:
            image = again.read_region(place, level, size)
        except OpenSlideError as cause:
            again.close()
            raise _damaged(path, kind, cause) from cause
        self._slide = again  # the other one is closed when no thread reads it any more
        return image


def facts(path: Path, kind: FileKind) -> FileFacts:
    """What a slide says of itself.

    Raises
    ------
    ImageError
        As `OpenedSlide`.
    """
    slide = OpenedSlide(path, kind)
    slide.close()
    return slide.facts


def stored(facts: FileFacts) -> Stored:
    """The whole of a small slide.

    Raises
    ------
    ImageError
        It is damaged.
    """
    slide = OpenedSlide(facts.path, facts.kind)
    try:
        return Stored(slide.read(0, 0, 0, facts.width_px, facts.height_px))
    finally:
        slide.close()


def is_read(path: Path) -> bool:
    """Whether OpenSlide takes a TIFF for a slide of a maker that it knows, and is installed."""
    try:
        import openslide
    except (ImportError, OSError):
        return False
    try:
        maker = openslide.OpenSlide.detect_format(path)
        if maker in (None, "generic-tiff"):
            return False
        openslide.OpenSlide(path).close()
    except openslide.OpenSlideError:
        return False
    return True


def _library(path: Path, kind: FileKind) -> ModuleType:
    try:
        import openslide
    except (ImportError, OSError):  # the second: only a part of it is there
        given = f"{path} is {SLIDE_NAMES[kind]}, which needs OpenSlide, and that is not installed"
        raise ImageError(given, _MISSING, f"install them ({INSTALL_OPENSLIDE}), or {MICROSCOPE_HINT}") from None
    return openslide


def _opened(path: Path, kind: FileKind) -> OpenSlide:
    openslide = _library(path, kind)
    try:
        if openslide.OpenSlide.detect_format(path) is None:
            raise _unknown(path, kind)
        slide: OpenSlide = openslide.OpenSlide(path)
    except openslide.OpenSlideError as cause:
        raise _damaged(path, kind, cause) from cause
    return slide


def _unknown(path: Path, kind: FileKind) -> ImageError:
    """Why OpenSlide finds no slide in a file that begins as one."""
    name, folder = SLIDE_NAMES[kind], path.with_suffix("")
    if kind is FileKind.MIRAX and not (folder / "Slidedat.ini").is_file():
        given = f"{path} is {name}, of which this file holds only a preview, and there is no {folder / 'Slidedat.ini'}"
        hint = f"copy the folder too, or {MICROSCOPE_HINT}"
        return ImageError(given, f"the folder {folder.name} with its other files beside it", hint)
    if kind is FileKind.DICOM:
        given = f"{path} is {name}, but no whole-slide image that OpenSlide reads"
        hint = f"export an image of it as TIFF or PNG, for example with QuPath, Fiji or 3D Slicer, or {_OUT}"
        return ImageError(given, "a whole-slide image, tiled and in RGB", hint)
    return ImageError(f"{path} is {name} that OpenSlide does not read", "a complete slide", MICROSCOPE_HINT)


def _damaged(path: Path, kind: FileKind, cause: Exception) -> ImageError:
    reason = " ".join(str(cause).split())[:_MAX_REASON].strip(" .")
    given = f"{path} is {SLIDE_NAMES[kind]} that OpenSlide cannot read ({reason})"
    return ImageError(given, "a complete slide", f"copy it again with all of its files, or {MICROSCOPE_HINT}")


_OUT = "leave it out"


def _facts(
    path: Path,
    kind: FileKind,
    properties: Mapping[str, str],
    area: Area,
    canvas: tuple[int, int],
    background: str,
) -> FileFacts:
    width_px, height_px = area.sizes[0]
    tile = [int(_number(properties.get(f"openslide.level[0].tile-{side}")) or 0) for side in ("width", "height")]
    is_usual = all(_TILE_SIDES_PX[0] <= side <= _TILE_SIDES_PX[1] for side in tile)
    return FileFacts(
        path=path,
        kind=kind,
        width_px=width_px,
        height_px=height_px,
        channels=3,
        channel_names=("red", "green", "blue"),
        sample_type="uint",
        bits=8,
        photometric=Photometric.RGB,
        shape=(height_px, width_px, 3),
        levels=area.sizes,
        tile_px=(tile[0], tile[1]) if is_usual else (_USUAL_TILE_PX, _USUAL_TILE_PX),
        pixel_size=_pixel_size(properties),
        compression="not stated",
        lossy=None,
        notes=_notes(properties, area, canvas, background),
    )


def _pixel_size(properties: Mapping[str, str]) -> PixelSize | None:
    x_um, y_um = (_number(properties.get(f"openslide.mpp-{axis}")) for axis in "xy")
    if x_um is None or x_um <= 0:
        return None
    return PixelSize(x_um, y_um or x_um, properties.get("openslide.vendor", "openslide"))


def _notes(properties: Mapping[str, str], area: Area, canvas: tuple[int, int], background: str) -> tuple[str, ...]:
    notes = [f"It is read by OpenSlide; what was not scanned is {'white' if background == _WHITE else background}."]
    if area.sizes[0] != canvas:
        (width, height), (x, y) = area.sizes[0], area.corners[0]
        notes.append(
            f"Only what was scanned is read, as in QuPath: {width} x {height} px from ({x}, {y}) on, of "
            f"{canvas[0]} x {canvas[1]} px."
        )
    regions = sum(name.startswith("openslide.region[") and name.endswith(".x") for name in properties)
    if regions > 1:
        notes.append(f"It holds {regions} scanned regions, which are read as one image.")
    return tuple(notes)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "nan")
    except ValueError:
        return None
    return number if isfinite(number) else None
