"""Regions of a picture, read without decoding the whole of it where its file is tiled.

Slides and other tiled TIFFs are read in parts. PNG, JPEG and untiled TIFF cannot be: they are decoded whole, once, up
to the size that `read_image` takes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from training_core.base.arrays import BoolMask, Rgb8
from training_core.base.errors import ImageError
from training_core.io.decoded_tiles import DecodedTiles
from training_core.io.facts import FileFacts, Use
from training_core.io.files import check_side, check_size
from training_core.io.images import read_image
from training_core.io.inspection.answers import UNASKED, Answers
from training_core.io.inspection.loading import header_facts, refuse_or_ask
from training_core.io.levels import Levels
from training_core.io.opening import open_levels
from training_core.io.resolution import usable_mpp_um
from training_core.io.slides import is_slide, open_slide
from training_core.io.tissue import glass


class Regions(ABC):
    """An open picture: its size, um per pixel where the file states it, whether it is a slide and is read in parts."""

    is_slide = False
    in_parts = True
    corner_px = (0, 0)
    """Where the picture begins as QuPath counts, x and y; see `Levels`."""

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

    def glass(self) -> BoolMask | None:
        """Where a small picture (h, w) of a slide is surely glass, as `tissue.glass`; None: this is no slide.

        Raises
        ------
        ImageError
            The file is damaged.
        """
        return None


class ArrayRegions(Regions):
    """A picture (H, W, 3) that is in memory."""

    def __init__(self, pixels: Rgb8) -> None:
        super().__init__(Path("array"), pixels.shape[0], pixels.shape[1], None)
        self._pixels = pixels

    def read(self, top: int, left: int, bottom: int, right: int) -> Rgb8:
        """As `Regions.read`."""
        return self._pixels[top:bottom, left:right]


@contextmanager
def open_regions(path: Path, answers: Answers = UNASKED) -> Iterator[Regions]:
    """The picture, open for as long as the block runs; where it is tiled, only what is read is decoded.

    Raises
    ------
    ImageError
        Missing, damaged, not a picture, below 32 px on a side, above 400 million pixels and not tiled, or a question
        that `answers` leaves open.
    """
    if is_slide(path):
        with open_slide(path, answers) as levels:
            yield _LevelRegions(levels, is_slide=True)
        return
    facts = header_facts(path, Use.IMAGE, answers.plane)
    if facts.in_parts:
        with open_levels(path, answers) as levels:
            yield _LevelRegions(levels)
    else:
        yield _WholeRegions(facts, answers)


class _LevelRegions(Regions):
    def __init__(self, levels: Levels, *, is_slide: bool = False) -> None:
        if levels.facts.tile_px is None:  # each window would decode whole rows of the picture again
            check_size(levels.path, levels.height_px, levels.width_px, ImageError)
        check_side(levels.path, levels.height_px, levels.width_px, ImageError)
        super().__init__(levels.path, levels.height_px, levels.width_px, usable_mpp_um(levels.facts))
        self.is_slide, self.corner_px = is_slide, levels.corner_px
        self._levels = levels
        is_upright = levels.facts.orientation == 1 or levels.answers.orientation != "as_shown"
        width, height = levels.facts.tile_px or (0, 0)
        size = levels.height_px, levels.width_px
        self._tiles = DecodedTiles(self._decode, size, (height, width)) if width and height and is_upright else None

    def read(self, top: int, left: int, bottom: int, right: int) -> Rgb8:
        return (self._tiles.read if self._tiles is not None else self._decode)(top, left, bottom, right)

    def glass(self) -> BoolMask | None:
        return glass(self._levels) if self.is_slide else None

    def _decode(self, top: int, left: int, bottom: int, right: int) -> Rgb8:
        return self._levels.read(0, left, top, right - left, bottom - top)


class _WholeRegions(Regions):
    in_parts = False

    def __init__(self, facts: FileFacts, answers: Answers) -> None:
        refuse_or_ask(facts, Use.IMAGE, answers)
        is_swapped = answers.orientation == "as_shown" and facts.orientation >= 5
        height_px, width_px = (facts.width_px, facts.height_px) if is_swapped else (facts.height_px, facts.width_px)
        super().__init__(facts.path, height_px, width_px, usable_mpp_um(facts))
        self._answers = answers

    @cached_property
    def _pixels(self) -> Rgb8:
        return read_image(self.path, self._answers)

    def read(self, top: int, left: int, bottom: int, right: int) -> Rgb8:
        return self._pixels[top:bottom, left:right]
