"""What a picture file is, in words that its readers, the terminal and the window share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from training_core.io.files import FileKind
from training_core.io.pixel_size import PixelSize

_MIN_TILE_PIXELS = 64 * 64


class Use(StrEnum):
    """What a file is taken for: the same file raises other questions as a mask than as an image."""

    IMAGE = "image"
    MASK = "mask"


class Photometric(StrEnum):
    """How stored numbers become grey or colour."""

    BLACK_IS_ZERO = "black_is_zero"
    WHITE_IS_ZERO = "white_is_zero"
    RGB = "rgb"
    PALETTE = "palette"
    CHANNELS = "channels"
    """Several measured channels, none of which is red, green or blue by the file's word."""
    OTHER = "other"
    """A colour model that is not read, such as CMYK; `FileFacts.problem` names it."""


class Alpha(StrEnum):
    """What a file says of its transparency."""

    NONE = "none"
    UNASSOCIATED = "unassociated"
    """Beside the colour, which is kept whole."""
    ASSOCIATED = "associated"
    """Multiplied into the colour already."""
    UNSPECIFIED = "unspecified"
    """A further sample whose meaning is not stated."""
    COLOUR_KEY = "colour_key"
    """One colour, or some palette entries, that stand for transparency."""


class Content(StrEnum):
    """What the numbers of a mask look like."""

    CLASSES = "classes"
    NUMBERED_OBJECTS = "numbered_objects"
    COLOURS = "colours"
    SOFT_EDGES = "soft_edges"
    """Few values, and blends of two of them along the borders."""
    SOFT_COLOURS = "soft_colours"
    """The same of colours."""
    SHADES = "shades"
    """Many values that run into each other: a photograph, a map of probabilities."""


@dataclass(frozen=True)
class PixelFacts:
    """What only the pixels tell; looked at where a question depends on it.

    Attributes
    ----------
    low
        Smallest stored number.
    high
        Largest stored number.
    values
        How many different numbers or colours there are; None: not counted.
    content
        What a mask holds.
    alpha_matters
        Whether transparency changes any pixel.
    invisible
        Whether every pixel is transparent, or as good as that.
    """

    low: float
    high: float
    values: int | None = None
    content: Content | None = None
    alpha_matters: bool = False
    invisible: bool = False


@dataclass(frozen=True)
class FileFacts:
    """What a picture file says of itself.

    Attributes
    ----------
    width_px
        As stored; an orientation of 5 to 8 swaps it with the height where the picture is shown.
    channels
        Numbers per pixel, alpha and channels in planes of their own included.
    channel_names
        Their meaning: red, green, blue, alpha, grey, index, or the name that the file gives.
    sample_type
        "uint", "int", "float" or "complex".
    bits
        Stored bits of a sample.
    significant_bits
        Bits that are used, where the file states them.
    axes
        Axes of the stored array as letters, such as YXS or ZCYX; `shape` is its lengths.
    planes
        How many pictures one could choose from: pages, slices, times.
    levels
        Width and height of each resolution, finest first.
    tile_px
        Width and height of a tile; None: stored in rows or as a whole.
    orientation
        1 to 8 as EXIF and TIFF count it; 1: as stored.
    pixel_size
        What the file states, believable or not; None: nothing.
    compression
        Its name.
    lossy
        Whether it changes values; None: it may.
    palette
        The colours of a palette as #rrggbb.
    problem
        Why no reader takes the file; None: it is read.
    notes
        What a person should know and need not decide.
    pixels
        None: the pixels were not looked at.
    """

    path: Path
    kind: FileKind
    width_px: int
    height_px: int
    channels: int
    channel_names: tuple[str, ...]
    sample_type: str
    bits: int
    photometric: Photometric
    alpha: Alpha = Alpha.NONE
    significant_bits: int | None = None
    axes: str = "YXS"
    shape: tuple[int, ...] = ()
    planes: int = 1
    levels: tuple[tuple[int, int], ...] = ()
    tile_px: tuple[int, int] | None = None
    orientation: int = 1
    pixel_size: PixelSize | None = None
    compression: str = "none"
    lossy: bool | None = False
    palette: tuple[str, ...] = ()
    problem: Problem | None = None
    notes: tuple[str, ...] = ()
    pixels: PixelFacts | None = None

    @property
    def in_parts(self) -> bool:
        """Whether a part is better read without the whole: tiny tiles take longer one by one than all at once."""
        return self.tile_px is not None and self.tile_px[0] * self.tile_px[1] >= _MIN_TILE_PIXELS

    def to_json(self) -> dict[str, Any]:
        """The facts as JSON knows it."""
        return {name: _plain(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Problem:
    """Why a file is not read, as `UserError` says it: what was given, what is needed, what to try."""

    given: str
    needed: str
    hint: str


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
