"""Outlines of areas that lie in many blocks: valid to shapely, and filled again by scikit-image the areas of scipy."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from scipy import ndimage
from skimage.draw import polygon2mask

from training_core.class_maps import traced_areas
from training_core.class_maps.connected_areas import ConnectedAreas
from training_core.class_maps.traced_areas import TracedArea, traced
from training_core.io.outlines import outline

BLOCK = 32


def noise(height: int, width: int, share: float) -> np.ndarray:
    """Specks, combs and areas that meet themselves and each other at corners only."""
    return np.random.default_rng(height).random((height, width)) < share


def blobs(height: int, width: int) -> np.ndarray:
    """Areas with holes, and islands in the holes, far larger than a block."""
    return np.sin(ndimage.gaussian_filter(np.random.default_rng(width).normal(size=(height, width)), 6) * 60) > 0


def of(mask: np.ndarray, block_px: int = BLOCK) -> ConnectedAreas:
    return ConnectedAreas(lambda box: mask[box.slices], mask.shape, block_px)


def filled(found: TracedArea, shape: tuple[int, ...]) -> np.ndarray:
    """By scikit-image, whose pixels have their centres at whole numbers."""
    shell, *holes = (polygon2mask(shape, ring[:, ::-1] - 0.5) for ring in found.rings)
    for hole in holes:
        shell &= ~hole
    return shell


MASKS = [noise(70, 95, 0.3), noise(71, 90, 0.5), noise(72, 97, 0.65), blobs(150, 190), np.ones((64, 100), bool)]


@pytest.mark.parametrize("mask", MASKS, ids=["specks", "half", "holes", "blobs", "full"])
@pytest.mark.parametrize("block_px", [BLOCK, 4096], ids=["blocks", "whole"])
def test_each_area_has_one_outline_which_is_that_of_its_pixels(mask: np.ndarray, block_px: int) -> None:
    areas = of(mask, block_px)
    found = list(traced(areas))
    numbers, count = ndimage.label(mask)
    assert sorted(each.number for each in found) == [*range(1, count + 1)]
    whole = np.zeros(mask.shape, int)
    for each in found:
        polygon = shapely.Polygon(each.rings[0], each.rings[1:])
        assert polygon.is_valid, shapely.is_valid_reason(polygon)
        assert polygon.area == areas.pixels[each.number]
        assert polygon.exterior.is_ccw
        assert not any(hole.is_ccw for hole in polygon.interiors)
        own = filled(each, mask.shape)
        (number,) = np.unique(numbers[own])
        np.testing.assert_array_equal(own, numbers == number)
        assert polygon.equals(outline(own))
        for ring in each.rings:  # no corner on a straight side, also not where blocks meet
            sides = np.diff(ring, axis=0, append=ring[:1])
            assert (np.abs(np.diff(np.sign(sides), axis=0, append=np.sign(sides[:1]))).sum(1) > 0).all()
        assert each.step == 1
        whole += own
    np.testing.assert_array_equal(whole, mask)


def test_what_is_seen_of_an_area_is_complete_when_its_outline_comes() -> None:
    mask = blobs(150, 190)
    areas = of(mask)
    pixels = np.zeros(len(areas.pixels), np.int64)

    def seen(_box: object, pieces: np.ndarray, area_of: np.ndarray) -> None:
        np.add.at(pixels, area_of, np.bincount(pieces.ravel(), minlength=len(area_of)))

    for each in traced(areas, seen):
        assert pixels[each.number] == areas.pixels[each.number]
    assert len(areas.boxes) > 3


@pytest.mark.parametrize("coarse_px", [10**6, 3000], ids=["sides", "memory"])
def test_a_long_outline_is_traced_in_squares_and_encloses_its_area(
    monkeypatch: pytest.MonkeyPatch, coarse_px: int
) -> None:
    monkeypatch.setattr(traced_areas, "_COARSE_PX", coarse_px)
    mask = noise(131, 165, 0.68)
    areas = of(mask)
    exact, found = ({each.number: each for each in traced(areas, most_sides=most)} for most in (10**9, 300))
    assert found.keys() == exact.keys()
    largest = int(areas.pixels.argmax())
    assert [number for number, each in found.items() if each.step > 1] == [largest]
    coarse = found[largest]
    assert coarse.step in (2, 4, 8, 16)
    assert sum(map(len, coarse.rings)) <= 300
    polygon = shapely.Polygon(coarse.rings[0], coarse.rings[1:])
    assert polygon.is_valid
    assert shapely.box(0, 0, mask.shape[1], mask.shape[0]).covers(polygon)
    own = ndimage.label(mask)[0] == ndimage.label(mask)[0][filled(exact[largest], mask.shape)][0]
    step = coarse.step
    top, left = (int(np.flatnonzero(own.any(axis))[0]) // step * step for axis in (1, 0))
    squares = np.zeros(mask.shape, bool)
    for row, column in np.argwhere(own):
        row, column = (row - top) // step * step + top, (column - left) // step * step + left
        squares[row : row + step, column : column + step] = True
    np.testing.assert_array_equal(filled(coarse, mask.shape), squares)
