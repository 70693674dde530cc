"""Tiles that share a part of their slide: what lies there is exported once for each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import shapely

from training_core.project import Tile
from training_core.project.slide_places import Spot


def overlapping_tiles(tiles: Sequence[Tile]) -> list[Tile]:
    """Those that overlap another one, as far as their resolution is known."""
    slides: dict[str, list[Tile]] = defaultdict(list)
    for tile in tiles:
        if tile.place is not None and tile.place.scale is not None:
            slides[tile.place.file].append(tile)
    found = []
    for own in slides.values():
        spots = [Spot.of(tile) for tile in own]
        # neighbours may share up to a pixel of the slide, since corners are whole pixels and sides need not be
        boxes = [
            shapely.box(each.x_px + 0.5, each.y_px + 0.5, each.right_px - 0.5, each.bottom_px - 0.5) for each in spots
        ]
        one, other = shapely.STRtree(boxes).query(boxes, predicate="intersects")
        found += [own[index] for index in sorted(set(one[one != other].tolist()))]
    return found
