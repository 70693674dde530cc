"""Areas as polygons and back, pixel for pixel, and polygons of others as another rasteriser fills them."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from scipy import ndimage
from shapely.affinity import rotate
from shapely.geometry import MultiPolygon, Polygon
from skimage.draw import polygon2mask

from training_core.io.outlines import inside, outline, placed, taken_from


def test_an_outline_runs_along_the_edges_of_pixels_without_corners_in_between() -> None:
    area = np.zeros((9, 9), bool)
    area[2:5, 3:6] = True
    ring = outline(area).exterior
    assert {(x, y) for x, y in ring.coords} == {(3, 2), (6, 2), (6, 5), (3, 5)}
    assert len(ring.coords) == 5
    assert outline(area, left=10, top=20).bounds == (13, 22, 16, 25)


def test_areas_that_touch_at_a_corner_and_holes_that_do_are_valid() -> None:
    area = np.ones((7, 7), bool)
    area[1, 1] = area[2, 2] = area[4:6, 4] = area[0, 6] = area[1, 5] = False
    area[6, :3], area[5, 3] = False, False
    found = outline(area)
    assert found.is_valid
    assert found.area == area.sum()
    np.testing.assert_array_equal(inside(found, 7, 7), area)


@pytest.mark.parametrize("sigma", [0, 1, 4])
def test_what_goes_out_comes_back(sigma: int) -> None:
    noise = np.random.default_rng(sigma).random((60, 83))
    area = (ndimage.gaussian_filter(noise, sigma) if sigma else noise) > 0.5
    found = outline(area)
    assert found.is_valid
    np.testing.assert_array_equal(inside(found, 83, 60), area)


@pytest.mark.parametrize("scale", [1.0, 2.0, 4.0, 2.0163, 0.731])
def test_it_comes_back_from_another_image_too(scale: float) -> None:
    area = ndimage.gaussian_filter(np.random.default_rng(3).random((40, 50)), 2) > 0.5
    there = placed(outline(area), scale, 1234.0, 77.0)
    assert there.area == pytest.approx(area.sum() * scale**2)
    rounded = shapely.set_precision(there, 1e-4)
    np.testing.assert_array_equal(inside(taken_from(rounded, scale, 1234.0, 77.0), 50, 40), area)


@pytest.mark.parametrize("degrees", [0, 17, 45, 90, 133])
def test_turned_polygons_with_holes_are_filled_as_scikit_image_does(degrees: int) -> None:
    shell, hole = [(20.3, 11.1), (90.7, 30.2), (70.4, 88.8), (15.9, 60.6)], [(40.2, 40.3), (60.1, 42.4), (50.5, 60.7)]
    area = rotate(Polygon(shell, [hole]), degrees, origin=(50, 50))
    expected = polygon2mask((100, 100), np.array(area.exterior.coords)[:, ::-1] - 0.5)
    expected &= ~polygon2mask((100, 100), np.array(area.interiors[0].coords)[:, ::-1] - 0.5)
    found = inside(area, 100, 100)
    assert (found & expected).sum() / (found | expected).sum() >= 0.999


def test_what_lies_outside_the_image_is_left_out() -> None:
    around = Polygon([(-5, -5), (1000, -5), (1000, 1000), (-5, 1000)])
    assert inside(around, 30, 20).all()
    beside = MultiPolygon([Polygon([(40, 0), (50, 0), (50, 9)]), Polygon([(28, 18), (60, 18), (60, 40), (28, 40)])])
    assert inside(beside, 30, 20).sum() == 4
    assert not inside(Polygon(), 30, 20).any()
