"""Whole slides, cut into tiles of tissue.

A slide is read at a fixed resolution, on a regular grid from its upper left corner, where `tissue.py` sees tissue.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from training_core.base.arrays import MIN_SIDE_PX, BoolMask, Rgb8
from training_core.base.errors import ConfigError, ImageError
from training_core.io.files import MAX_PIXELS, OPENSLIDE_KINDS, FileKind, file_kind
from training_core.io.inspection.answers import UNASKED, Answers
from training_core.io.inspection.loading import header_facts
from training_core.io.levels import Levels
from training_core.io.opening import open_levels
from training_core.io.pixel_size import CREDIBLE_MPP_UM
from training_core.io.resolution import usable_mpp_um
from training_core.io.surroundings import cut_tile
from training_core.io.tissue import overview, tissue_mask

SLIDE_SUFFIXES = frozenset(
    {".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".dcm", ".vms", ".vmu", ".svslide", ".czi", ".zarr"}
)


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
    min_saturation
        The saturation above which a pixel is tissue, 0 to 1; None: found for each slide (`tissue.tissue_mask`).
    """

    tile_px: int = 512
    tile_mpp_um: float = 0.5
    mpp_um: float | None = None
    min_tissue: float = 0.25
    max_tiles: int = 500
    min_saturation: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no slide could be cut by.

        Raises
        ------
        ConfigError
            Names the value and its range.
        """
        low, high = CREDIBLE_MPP_UM
        checks = (
            ("the side of a tile in pixels", self.tile_px, MIN_SIDE_PX, 8192),
            ("the pixel size of the tiles", self.tile_mpp_um, low, high),
            ("the pixel size", self.mpp_um, low, high),
            ("the minimum share of tissue", self.min_tissue, 0, 1),
            ("the most tiles of a slide", self.max_tiles, 1, 1_000_000),
            ("the least saturation of tissue", self.min_saturation, 0, 1),
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


@dataclass(frozen=True)
class SlidePlan:
    """What a slide would be cut into.

    Attributes
    ----------
    overview
        The slide (h, w, 3), small.
    tissue
        Where it shows tissue, (h, w).
    saturation
        The saturation above which it does, 0 to 1.
    tiles
        What is cut.
    too_little
        How many places of the grid have some tissue, but less than `min_tissue`.
    too_many
        How many have enough and are left out because of `max_tiles`.
    most_tissue
        The largest share of tissue in a place of the grid, 0 to 1.
    """

    overview: Rgb8
    tissue: BoolMask
    saturation: float
    tiles: tuple[SlideTile, ...]
    too_little: int
    too_many: int
    most_tissue: float


def is_slide(path: Path) -> bool:
    """Whether a file is a slide: by its ending, or a TIFF of several resolutions or from 400 million pixels on."""
    if path.suffix.lower() in SLIDE_SUFFIXES:
        return True
    try:
        kind = file_kind(path, ImageError)
        if kind is not FileKind.TIFF:
            return kind is FileKind.OME_ZARR or kind in OPENSLIDE_KINDS
        facts = header_facts(path)
    except ImageError:
        return False  # whatever is wrong with the file, reading it as an image says it better
    is_slide = facts.kind in OPENSLIDE_KINDS or len(facts.levels) > 1
    return is_slide or facts.width_px * facts.height_px >= MAX_PIXELS


class Slide:
    """An open slide; a context manager.

    Raises
    ------
    ImageError
        It cannot be opened, or the file does not say its resolution.
    """

    def __init__(
        self, path: Path, options: SlideOptions, answers: Answers = UNASKED, set_um: float | None = None
    ) -> None:
        self.path = path
        self.options = options
        self.set_um = set_um
        """The user's correction of its pixel size, used whatever the file states."""
        self._stack = ExitStack()
        self._levels = self._stack.enter_context(open_slide(path, answers))
        self.facts = self._levels.facts
        try:
            self.mpp_um = self._resolution()
        except ImageError:
            self.close()
            raise
        self.objective = self._levels.objective
        """Magnification, where the file states one."""
        self.corner_px = self._levels.corner_px
        """Where it begins as QuPath counts, x and y in pixels of the finest level."""
        self.width_px, self.height_px = self._levels.width_px, self._levels.height_px
        self.side_px = options.tile_px * options.tile_mpp_um / self.mpp_um
        """Side of a tile in pixels of the finest level."""

    def __enter__(self) -> Slide:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def plan(self) -> SlidePlan:
        """What the slide would be cut into, row by row, at most `max_tiles`, evenly spread over it.

        Raises
        ------
        ImageError
            The slide is smaller than one tile, or damaged.
        """
        columns, rows = int(self.width_px / self.side_px + 1e-6), int(self.height_px / self.side_px + 1e-6)
        if not (columns and rows):
            room = f"{self.width_px / self.side_px:.2f} x {self.height_px / self.side_px:.2f}"
            given = f"{self.path} has room for only {room} tiles"
            needed = f"at least one tile of {self.options.tile_px} px at {self.options.tile_mpp_um} µm/px"
            hint = "choose smaller tiles, or a smaller pixel size of the tiles"
            terminal = "choose a smaller tile size (--tile-px) or a smaller pixel size (--tile-mpp)"
            raise ImageError(given, needed, hint, terminal=terminal)
        small = overview(self._levels)
        mask, saturation = tissue_mask(small, self.options.min_saturation)
        corners = [(column * self.side_px, row * self.side_px) for row in range(rows) for column in range(columns)]
        found = [SlideTile(int(x), int(y), self._share(mask, x, y)) for x, y in corners]
        enough = [tile for tile in found if tile.tissue >= self.options.min_tissue]
        kept = enough
        if len(enough) > self.options.max_tiles:
            chosen = np.linspace(0, len(enough) - 1, self.options.max_tiles).round().astype(int)
            kept = [enough[position] for position in chosen]
        return SlidePlan(
            small,
            mask,
            saturation,
            tuple(kept),
            too_little=sum(0 < tile.tissue < self.options.min_tissue for tile in found),
            too_many=len(enough) - len(kept),
            most_tissue=max(tile.tissue for tile in found),
        )

    def tiles(self) -> list[SlideTile]:
        """The tiles of `plan`.

        Raises
        ------
        ImageError
            The slide is smaller than one tile, has no tissue, or is damaged.
        """
        plan = self.plan()
        if not plan.tiles:
            given = f"no tile of {self.path} has {100 * self.options.min_tissue:.3g} % tissue; most has one of "
            given += f"{100 * plan.most_tissue:.1f} %"
            given += f", where tissue is what has a saturation above {100 * plan.saturation:.3g} %"
            hint = "lower that saturation or the share that a tile needs, choose smaller tiles, or leave the slide out"
            terminal = (
                "lower the share that a tile needs (--min-tissue) or the saturation of tissue (--tissue-saturation), "
                "choose a smaller tile size (--tile-px), or leave the slide out"
            )
            raise ImageError(given, "a slide with stained tissue", hint, terminal=terminal)
        return list(plan.tiles)

    def read(self, tile: SlideTile) -> Rgb8:
        """The pixels of a tile (tile_px, tile_px, 3), resampled from the best level.

        Raises
        ------
        ImageError
            The slide is damaged there.
        """
        side_px = self.options.tile_px
        return cut_tile(self._levels, tile.x_px, tile.y_px, (side_px, side_px), self.side_px / side_px)

    def _share(self, mask: BoolMask, x_px: float, y_px: float) -> float:
        scale_x, scale_y = mask.shape[1] / self.width_px, mask.shape[0] / self.height_px
        left, top = int(x_px * scale_x), int(y_px * scale_y)
        right = max(left + 1, round((x_px + self.side_px) * scale_x))
        bottom = max(top + 1, round((y_px + self.side_px) * scale_y))
        return float(mask[top:bottom, left:right].mean())

    @property
    def usable_mpp_um(self) -> float | None:
        """µm/px as the file states them, where that can be believed."""
        return None if self.facts.pixel_size is None else self.facts.pixel_size.usable_um

    def _resolution(self) -> float:
        for known in (self.set_um, self.usable_mpp_um, self.options.mpp_um):
            if known is not None:
                return known
        stated = self.facts.pixel_size
        given = f"{self.path} has no pixel size (MPP) in its metadata"
        if stated is not None:
            given = f"{self.path} is a slide, but {stated.problem}"
        raise ImageError(
            given,
            "its pixel size in µm/px",
            "give the pixel size, often 0.25 µm/px for a 40x scan and 0.5 µm/px for 20x",
            terminal="give the pixel size (--mpp), often 0.25 µm/px for a 40x scan and 0.5 µm/px for 20x",
        )


def states_resolution(path: Path, answers: Answers = UNASKED) -> bool:
    """Whether a slide says how large its pixels are, and credibly so.

    Raises
    ------
    ImageError
        No slide, or damaged.
    """
    with open_slide(path, answers) as levels:
        return usable_mpp_um(levels.facts) is not None


def open_slide(path: Path, answers: Answers = UNASKED) -> AbstractContextManager[Levels]:
    """The levels of a slide.

    Raises
    ------
    ImageError
        Missing, damaged, or in need of OpenSlide, which is not installed.
    """
    return open_levels(path, answers)
