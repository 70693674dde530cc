"""Regions of a tiled file that come row by row: right pixels, each tile decoded once, little memory."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from training_core.base.arrays import Rgb8
from training_core.io.decoded_tiles import DecodedTiles

HEIGHT, WIDTH, TILE_H, TILE_W = 230, 410, 32, 48


class File:
    """Pixels that are all different; counts how often each tile is read."""

    def __init__(self) -> None:
        self.pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        self.times: Counter[tuple[int, int]] = Counter()

    def read(self, top: int, left: int, bottom: int, right: int) -> Rgb8:
        assert top % TILE_H == left % TILE_W == 0
        assert bottom <= HEIGHT
        assert right <= WIDTH
        for row in range(top // TILE_H, -(-bottom // TILE_H)):
            self.times.update((row, column) for column in range(left // TILE_W, -(-right // TILE_W)))
        return self.pixels[top:bottom, left:right]


def windows(side: int, step: int) -> list[tuple[int, int, int, int]]:
    """Row by row, from the left; the last ones end at the edges."""
    rows, columns = ([*range(0, length - side, step), length - side] for length in (HEIGHT, WIDTH))
    return [(top, left, top + side, left + side) for top in rows for left in columns]


@pytest.mark.parametrize(("side", "step"), [(64, 56), (100, 75), (20, 20), (200, 30)])
@pytest.mark.parametrize("max_bytes", [0, 60_000, 10_000_000])
def test_every_region_has_the_pixels_of_the_file(side: int, step: int, max_bytes: int) -> None:
    file = File()
    tiles = DecodedTiles(file.read, (HEIGHT, WIDTH), (TILE_H, TILE_W), max_bytes)
    for top, left, bottom, right in windows(side, step):
        np.testing.assert_array_equal(tiles.read(top, left, bottom, right), file.pixels[top:bottom, left:right])
    count = -(-HEIGHT // TILE_H) * -(-WIDTH // TILE_W)
    assert len(file.times) == count
    if max_bytes == 10_000_000:
        assert set(file.times.values()) == {1}


def test_where_not_all_can_be_kept_neighbours_and_some_of_the_row_above_are() -> None:
    some, none = File(), File()
    for file, max_bytes in ((some, 8 * TILE_H * TILE_W * 3), (none, 0)):
        tiles = DecodedTiles(file.read, (HEIGHT, WIDTH), (TILE_H, TILE_W), max_bytes)
        for region in windows(64, 56):
            tiles.read(*region)
            assert sum(tile.nbytes for tile in tiles._kept.values()) <= 9 * TILE_H * TILE_W * 3  # those of one region
    assert some.times.total() < none.times.total()
    assert max(none.times.values()) <= 3  # not once for each of the two columns of windows that touch a tile


def test_regions_in_any_order_are_right() -> None:
    file = File()
    tiles = DecodedTiles(file.read, (HEIGHT, WIDTH), (TILE_H, TILE_W), 40_000)
    shuffled = np.random.default_rng(1).permutation(windows(50, 30))
    for top, left, bottom, right in shuffled.tolist():
        np.testing.assert_array_equal(tiles.read(top, left, bottom, right), file.pixels[top:bottom, left:right])
