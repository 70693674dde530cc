"""More tiles of a slide that is in the project: one at a time, where somebody wants it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from training_core.base.arrays import MIN_SIDE_PX
from training_core.base.attempts import Attempts
from training_core.base.errors import ImageError, ProjectError, writing
from training_core.io import encode_png
from training_core.io.atomic import write_synced
from training_core.io.levels import Levels
from training_core.io.surroundings import cut_tile
from training_core.project.additions import add_sources
from training_core.project.file_records import Place
from training_core.project.importing import LabelPlan
from training_core.project.inputs.names import composed, tile_name
from training_core.project.own_folders import IMAGES_FOLDER
from training_core.project.project import Project
from training_core.project.records import Tile

MAX_SIDE_PX = 4096
"""The largest side of a tile that is added so: what a window shows and saves after every stroke without a pause."""
_SAME_PX = 1.0
"""Corners are whole pixels of the slide and sides need not be: tiles that share less than that touch."""


@dataclass(frozen=True)
class Spot:
    """A rectangle on a slide, to become a tile.

    Attributes
    ----------
    x_px
        Of its upper left corner, in pixels of the finest level.
    y_px
        The same downwards.
    width_px
        In pixels of the tile.
    height_px
        In pixels of the tile.
    scale
        How many pixels of the finest level are one of the tile.
    """

    x_px: int
    y_px: int
    width_px: int
    height_px: int
    scale: float

    @classmethod
    def of(cls, tile: Tile) -> Spot:
        """Where a tile lies; only of one that knows it."""
        assert tile.place is not None
        assert tile.place.scale is not None
        return cls(tile.place.x_px, tile.place.y_px, tile.width_px, tile.height_px, tile.place.scale)

    @property
    def right_px(self) -> float:
        """Where it ends, in pixels of the finest level."""
        return self.x_px + self.width_px * self.scale

    @property
    def bottom_px(self) -> float:
        """The same of its lower edge."""
        return self.y_px + self.height_px * self.scale

    def holds(self, other: Spot) -> bool:
        """Whether all of the other lies in it."""
        return (
            self.x_px - _SAME_PX < other.x_px
            and self.y_px - _SAME_PX < other.y_px
            and other.right_px < self.right_px + _SAME_PX
            and other.bottom_px < self.bottom_px + _SAME_PX
        )

    def meets(self, other: Spot) -> bool:
        """Whether they share more than an edge."""
        across = min(self.right_px, other.right_px) - max(self.x_px, other.x_px)
        down = min(self.bottom_px, other.bottom_px) - max(self.y_px, other.y_px)
        return across > _SAME_PX and down > _SAME_PX


class SlidePlaces:
    """Where the tiles of a slide lie, and where another may: all places are in pixels of its finest level.

    Parameters
    ----------
    beside
        A tile of the slide. A new one shows its tissue at that tile's scale.

    Raises
    ------
    ProjectError
        The tile is no place on a slide, or nobody knows which.
    """

    def __init__(self, project: Project, beside: str) -> None:
        self.own, source = project.tile(beside), project.source_file(beside)
        place = self.own.place
        if place is None or place.scale is None or source is None or not (source.width_px and source.height_px):
            needed = "a tile that was cut from a slide"
            raise ProjectError(f"it is not known where tile {beside} lies on a slide", needed, "choose another tile")
        self.file, self.scale = place.file, place.scale
        self.width_px, self.height_px = source.width_px, source.height_px
        on_it = (tile for tile in project.tiles if tile.place is not None and tile.place.file == place.file)
        self._spots = {tile.name: Spot.of(tile) for tile in on_it if tile.place and tile.place.scale is not None}

    @property
    def usual_px(self) -> tuple[int, int]:
        """Width and height that most of the slide's tiles of this scale have; its own where others are as many."""
        sizes = Counter(
            (spot.width_px, spot.height_px) for spot in self._spots.values() if abs(spot.scale / self.scale - 1) < 0.01
        )
        own = self.own.width_px, self.own.height_px
        return max([own, *sizes], key=lambda size: sizes[size])

    def around(self, x_px: float, y_px: float) -> Spot:
        """A place of the usual size around a point, moved inside where it would lead over an edge of the slide.

        Raises
        ------
        ImageError
            The point is not on the slide.
        """
        if not (0 <= x_px < self.width_px and 0 <= y_px < self.height_px):
            raise self._off_slide()
        width, height = self.usual_px
        left = _inside(x_px, width * self.scale, self.width_px)
        return Spot(left, _inside(y_px, height * self.scale, self.height_px), width, height, self.scale)

    def within(self, x_px: tuple[float, float], y_px: tuple[float, float]) -> Spot:
        """What of a rectangle lies on the slide.

        Parameters
        ----------
        x_px
            From where to where, in either order.
        y_px
            The same downwards.

        Raises
        ------
        ImageError
            It does not lie on the slide, or is too small or too large for a tile.
        """
        left, width = self._span(x_px, self.width_px)
        top, height = self._span(y_px, self.height_px)
        size = f"the rectangle is {width} x {height} px at the scale of the tiles"
        if min(width, height) < MIN_SIDE_PX:
            raise ImageError(size, f"at least {MIN_SIDE_PX} x {MIN_SIDE_PX} px", "draw a larger one")
        if max(width, height) > MAX_SIDE_PX:
            raise ImageError(size, f"at most {MAX_SIDE_PX} x {MAX_SIDE_PX} px", "draw several smaller ones")
        return Spot(left, top, width, height, self.scale)

    def moved(self, spot: Spot, right_px: float, down_px: float) -> Spot:
        """The same rectangle elsewhere, no further than the edges of the slide; in pixels of its finest level."""
        width, height = spot.width_px * spot.scale, spot.height_px * spot.scale
        left = _inside(spot.x_px + right_px + width / 2, width, self.width_px)
        top = _inside(spot.y_px + down_px + height / 2, height, self.height_px)
        return replace(spot, x_px=left, y_px=top)

    def resized(self, spot: Spot, wider_px: int, taller_px: int) -> Spot:
        """The same corner with other sides, in pixels of the tile: as far as the slide and what a tile may be allow."""
        width = _side(spot.width_px + wider_px, (self.width_px - spot.x_px) / spot.scale)
        height = _side(spot.height_px + taller_px, (self.height_px - spot.y_px) / spot.scale)
        return replace(spot, width_px=width, height_px=height)

    def tile_at(self, x_px: float, y_px: float) -> str | None:
        """The tile on which a point lies; the one that the places are beside comes first."""
        names = sorted(self._spots, key=lambda name: name != self.own.name)
        return next((name for name in names if _is_in(self._spots[name], x_px, y_px)), None)

    def tile_of(self, spot: Spot) -> str | None:
        """The tile that shows all of a place already."""
        return next((name for name, other in self._spots.items() if other.holds(spot)), None)

    def overlapping(self, spot: Spot) -> list[str]:
        """The tiles that share some of a place."""
        return [name for name, other in self._spots.items() if other.meets(spot)]

    def _span(self, ends: tuple[float, float], limit: int) -> tuple[int, int]:
        """Where a side begins, in pixels of the slide, and its length in pixels of the tile."""
        first, last = max(0.0, min(ends)), min(float(limit), max(ends))
        if first >= last:
            raise self._off_slide()
        return round(first), int((last - round(first)) / self.scale + 1e-6)

    def _off_slide(self) -> ImageError:
        given = f"the place does not lie on the slide {self.file}"
        needed = f"a place on its {self.width_px} x {self.height_px} px"
        return ImageError(given, needed, "choose a place inside the slide")


@dataclass(frozen=True)
class PlaceSource:
    """One place on an open slide, written into the project as PNG, as `SlideSource` writes the tiles of a grid."""

    name: str
    origin: Path
    """The slide."""
    levels: Levels
    spot: Spot
    beside: Tile
    """A tile of that slide, which knows the size of its pixels."""

    def store(self, project: Path, final: Path) -> Tile:
        """Read the pixels at the tile's resolution and write them."""
        spot, beside = self.spot, self.beside
        assert beside.place is not None
        pixels = cut_tile(self.levels, spot.x_px, spot.y_px, (spot.width_px, spot.height_px), spot.scale)
        data, path = encode_png(pixels, beside.mpp_um), f"{IMAGES_FOLDER}/{self.name}.png"
        with writing(project / path):
            write_synced(project / path, data)
        return Tile(
            self.name,
            path,
            spot.width_px,
            spot.height_px,
            hashlib.sha256(data).hexdigest(),
            beside.mpp_um,
            mpp_set_by=beside.mpp_set_by,
            place=Place(beside.place.file, spot.x_px, spot.y_px, spot.scale),
        )


def add_tile(project: Project, beside: str, spot: Spot) -> str:
    """Add a tile of the slide that `beside` lies on; all of it is added, or nothing.

    Returns
    -------
    str
        Its name: slide and corner, and the size where that is not the usual one.

    Raises
    ------
    ProjectError
        The slide is not where it was, or is another one now.
    ImageError
        It is damaged there.
    StorageError
        The disk is full or not writable.
    """
    places = SlidePlaces(project, beside)
    path = project.source_path(beside)
    with project.open_source(beside) as levels:
        assert path is not None
        source = PlaceSource(_free_name(project, path, places, spot), path, levels, spot, places.own)
        case = places.own.case
        plan = LabelPlan(cases={} if case is None else {tile_name(path): case})
        added = add_sources(project, [source], [], plan, {}, Attempts(strict=True))
    return added.tiles[0]


def _free_name(project: Project, slide: Path, places: SlidePlaces, spot: Spot) -> str:
    taken = {composed(tile.name).casefold() for tile in project.tiles}
    return next(name for name in _names(slide, places, spot) if composed(name).casefold() not in taken)


def _names(slide: Path, places: SlidePlaces, spot: Spot) -> Iterator[str]:
    corner = f"{tile_name(slide)}_x{spot.x_px:05d}_y{spot.y_px:05d}"
    sized = f"{corner}_{spot.width_px}x{spot.height_px}"
    if (spot.width_px, spot.height_px) == places.usual_px:
        yield corner
    yield sized
    for number in count(2):
        yield f"{sized}-{number}"


def _inside(middle: float, side: float, limit: int) -> int:
    """Where a side of this length around a point begins."""
    return max(0, min(round(middle - side / 2), int(limit - side)))


def _side(asked_px: int, room_px: float) -> int:
    """The length nearest to what is asked that a tile may have where there is that much room."""
    return max(MIN_SIDE_PX, min(asked_px, MAX_SIDE_PX, int(room_px + 1e-6)))


def _is_in(spot: Spot, x_px: float, y_px: float) -> bool:
    return spot.x_px <= x_px < spot.right_px and spot.y_px <= y_px < spot.bottom_px
