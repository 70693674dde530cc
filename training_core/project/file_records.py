"""What the index keeps of the files that tiles come from: pixel size, place on a slide, and how a file is to be read.

Everything has a default that says "not known" or "never asked": a tile that is a whole image file needs none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict

from training_core.io.inspection.answers import UNASKED, Answers

_STRICT = ConfigDict(extra="forbid", strict=True)


class PixelSizeSource(StrEnum):
    """Who says how large a pixel is."""

    FILE = "file"
    USER = "user"
    """Set for this one tile or file."""
    PROJECT = "project"
    """Set for all that were added together; also what a project of version 1 had, which did not say by whom."""
    NONE = "none"
    """Nobody: it is not known."""


@dataclass(frozen=True)
class FilePixelSize:
    """The pixel size in µm/px as a file itself states it, whether it is used or not.

    Attributes
    ----------
    y_um
        None where only the width was looked at.
    stated_in
        Where in the file, such as "ome_xml" or "tiff_tags".
    """

    x_um: float
    y_um: float | None = None
    stated_in: str | None = None
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@dataclass(frozen=True)
class Place:
    """Where a tile lies on a source file of the index.

    Attributes
    ----------
    file
        The key in `Index.files`.
    x_px
        Its upper left corner in pixels of the finest level.
    y_px
        Its upper left corner in pixels of the finest level.
    scale
        How many of those are one pixel of the tile; None: not known, in projects of version 1.
    """

    file: str
    x_px: int
    y_px: int
    scale: float | None = None
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@dataclass(frozen=True)
class FileAnswers:
    """The answers for an image and for its mask."""

    image: Answers = UNASKED
    mask: Answers = UNASKED
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    def over(self, other: FileAnswers) -> FileAnswers:
        """These answers, and the other's where there is none."""
        return FileAnswers(self.image.over(other.image), self.mask.over(other.mask))


NO_ANSWERS = FileAnswers()


@dataclass(frozen=True)
class SourceFile:
    """A file, such as a slide, that tiles are places on.

    Attributes
    ----------
    path
        Absolute, or an address; None: not known, in projects of version 1.
    path_from_project
        By it the file is found when project and file moved together.
    width_px
        Of the finest level.
    height_px
        Of the finest level.
    mpp_um
        The pixel size in µm/px that is used.
    mpp_set_by
        Who says so.
    objective
        Magnification, such as 40.
    sha256
        Of its bytes, where it was worth the time.
    corner_px
        Where it begins as OpenSlide and QuPath count, x and y in pixels of the finest level: not at 0 where it is one
        of several scans on a glass.
    """

    path: str | None = None
    path_from_project: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    mpp_um: float | None = None
    mpp_set_by: PixelSizeSource = PixelSizeSource.NONE
    file_mpp: FilePixelSize | None = None
    objective: float | None = None
    sha256: str | None = None
    answers: FileAnswers = NO_ANSWERS
    corner_px: tuple[int, int] = (0, 0)
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@dataclass(frozen=True)
class NumberedObjects:
    """The numbered objects of a tile's label.

    Attributes
    ----------
    path
        Of their image, relative to the project with forward slashes: 16 or 32 bits, of the label's size, 0 where no
        object is.
    count
        How many there are.
    highest
        The largest number; a new object gets the next one.
    merged
        Numbers that count as one object, group by group; 0 in a group stands for what was painted beside it.
    """

    path: str
    count: int
    highest: int
    merged: tuple[tuple[int, ...], ...] = ()
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
