"""The numbers and areas of objects added up: per tile and class, and per slide and class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from training_core.export.overlapping import overlapping_tiles
from training_core.project import Tile

if TYPE_CHECKING:
    from training_core.export.objects import MeasuredObject

Classes = Sequence[tuple[int, str]]
"""Ids and names of those made of objects."""

_SUMS = ("class_id", "class_name", "objects", "area_px", "area_um2", "mean_area_px", "mean_area_um2")
TILE_COLUMNS = ("tile", *_SUMS)
SLIDE_COLUMNS = ("slide", "tiles", "overlapping_tiles", *_SUMS)


def tile_rows(tiles: Sequence[Tile], classes: Classes, objects: Sequence[MeasuredObject]) -> list[tuple[object, ...]]:
    """Also of tiles without an object: a count of 0 is a finding."""
    found = _by_class(objects)
    return [
        (tile.name, class_id, name, *_sums(found[tile.name, class_id])) for tile in tiles for class_id, name in classes
    ]


def slide_rows(tiles: Sequence[Tile], classes: Classes, objects: Sequence[MeasuredObject]) -> list[tuple[object, ...]]:
    """Of all slides that tiles were cut from; an object that the edges of its tiles cut counts once.

    What lies on two tiles that overlap counts twice: the third column says how many tiles overlap another, and is None
    where a tile's resolution is not known. Pixels of different sizes are not added up: their areas are None.
    """
    slides: dict[str, list[Tile]] = defaultdict(list)
    for tile in tiles:
        if tile.place is not None:
            slides[tile.place.file].append(tile)
    found, rows = _by_class(objects), list[tuple[object, ...]]()
    for slide, own in slides.items():
        scales = {tile.place.scale for tile in own if tile.place is not None}
        overlapping = None if None in scales else len(overlapping_tiles(own))
        for class_id, name in classes:
            there = [each for tile in own for each in found[tile.name, class_id]]
            sums = _sums(there, of_one_scale=len(scales) == 1)
            rows.append((slide, len(own), overlapping, class_id, name, *sums))
    return rows


def _by_class(objects: Sequence[MeasuredObject]) -> dict[tuple[str, int], list[MeasuredObject]]:
    found: dict[tuple[str, int], list[MeasuredObject]] = defaultdict(list)
    for each in objects:
        found[each.tile, each.class_id].append(each)
    return found


def _sums(objects: Sequence[MeasuredObject], *, of_one_scale: bool = True) -> tuple[object, ...]:
    """How many there are, their area and their mean area, each in pixels and µm², where that is known of all."""
    whole = {each.slide_object for each in objects if each.slide_object is not None}
    count = len(whole) + sum(each.slide_object is None for each in objects)
    pixels = sum(each.area_px for each in objects) if of_one_scale else None
    sizes = [each.area_um2 for each in objects]
    um2 = sum(size for size in sizes if size is not None) if objects and None not in sizes else None
    return count, pixels, um2, *(None if area is None or not count else area / count for area in (pixels, um2))
