"""Objects joined and parted by hand: worked out on paper, and counted by scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk
from skimage.measure import label as connected

from training_core.class_maps.object_edits import (
    class_between,
    gap_between,
    joined,
    line_at_waist,
    line_through,
    nearest_object,
)


def numbered(*rows: str) -> np.ndarray:
    return np.array([[int(each) for each in row] for row in rows], np.int32)


def test_the_line_between_two_halves_is_filled_along_all_its_length() -> None:
    numbers = numbered("11011", "11011", "11011").astype(np.int32)
    numbers[:, 3:] = 2
    gap = gap_between(numbers, [1, 2])
    assert gap is not None
    np.testing.assert_array_equal(gap, [[False, False, True, False, False]] * 3)


@pytest.mark.parametrize("shift", [(0, 44), (31, 31), (44, 3)])
def test_discs_apart_get_a_bridge_and_are_one_object(shift: tuple[int, int]) -> None:
    numbers = np.zeros((100, 100), np.int32)
    numbers[disk((25, 25), 15)] = 1
    numbers[disk((25 + shift[0], 25 + shift[1]), 15)] = 2
    gap = gap_between(numbers, [1, 2])
    assert gap is not None
    assert not gap[numbers > 0].any()
    assert connected((numbers > 0) | gap, connectivity=1).max() == 1
    rows, columns = np.nonzero(gap)
    centres = np.array([[25, 25], [25 + shift[0], 25 + shift[1]]])
    from_centres = np.hypot(rows[:, None] - centres[:, 0], columns[:, None] - centres[:, 1])
    assert (from_centres <= np.hypot(*shift)).all()  # between the two, not around them


def test_objects_that_touch_at_a_corner_and_three_in_a_row_become_one() -> None:
    corner = numbered("100", "020", "000")
    gap = gap_between(corner, [1, 2])
    assert gap is not None
    assert connected((corner > 0) | gap, connectivity=1).max() == 1
    row = numbered("1020003")
    gap = gap_between(row, [3, 1, 2])  # each to the nearest of the others, whichever comes first
    assert gap is not None
    np.testing.assert_array_equal(gap, [[False, True, False, True, True, True, False]])


def test_nothing_is_filled_where_another_object_is_in_the_way() -> None:
    assert gap_between(numbered("10302", "10302", "10302"), [1, 2]) is None
    around = gap_between(numbered("10302", "10302", "10002"), [1, 2])
    assert around is not None
    assert around[2].sum() == 3


def test_a_line_parts_what_it_crosses_even_at_corners() -> None:
    for end in ([39, 39], [39, 17], [3, 39]):
        line = line_through(np.array([[0.2, 0.4], end]), (40, 40))
        _pieces, count = connected(~line, connectivity=2, return_num=True)
        assert line[0, 0]
        assert line[tuple(end)]
        assert count == 2, end
    bent = line_through(np.array([[-5, 10], [20, 10], [20, 60]]), (40, 40))
    assert connected(~bent, connectivity=2).max() == 2
    assert bent.sum() == 21 + 29


def test_a_cut_is_of_the_background_or_of_what_surrounds_the_object_most() -> None:
    ids = np.full((5, 5), 3, np.uint8)
    ids[1:4, 1:4] = 1
    ids[0] = 2
    ids[:, 4] = 255
    assert class_between(ids, ids == 1, (0,)) == 0
    assert class_between(ids, ids == 1, ()) == 3
    assert class_between(ids, ids == 1, (0, 2)) == 3
    assert class_between(np.ones((3, 3), np.uint8), np.ones((3, 3), bool), ()) is None
    alone = np.full((3, 3), 255, np.uint8)
    alone[1, 1] = 1
    assert class_between(alone, alone == 1, ()) is None


def test_what_holds_pixels_of_several_former_objects_is_named() -> None:
    before = numbered("110220330")
    assert joined(before, numbered("111110220")) == [(1, (1, 2))]
    assert joined(before, before) == []
    assert joined(before, numbered("111111111")) == [(1, (1, 2, 3))]
    assert joined(before, np.zeros_like(before)) == []


def test_the_nearest_object_is_by_its_border() -> None:
    numbers = numbered("1002220000000003")
    assert nearest_object(numbers, 1, [1, 2, 3]) == 2
    assert nearest_object(numbers, 2, [1, 3]) == 1
    assert nearest_object(numbers, 1, [1]) is None


def discs(*centres_and_radii: tuple[int, int]) -> np.ndarray:
    """Discs along the middle row of an area (60, 120), by column and radius."""
    area = np.zeros((60, 120), bool)
    for column, radius in centres_and_radii:
        area[disk((30, column), radius)] = True
    return area


def test_an_object_is_parted_at_the_waist_between_two_discs() -> None:
    area = discs((30, 20), (60, 16))
    line = line_at_waist(area)
    assert line is not None
    assert (area[line]).all()
    pieces = connected(area & ~line, connectivity=2)
    assert pieces.max() == 2
    assert pieces[30, 30] != pieces[30, 60]
    # the circles meet where x² + y² = 20² and (x - 30)² + y² = 16²: 17.4 px beside the first centre
    rows, columns = np.nonzero(line)
    assert abs(columns - 47.4).max() <= 2
    assert rows.min() <= 21
    assert rows.max() >= 39  # y = 9.9, to both borders


def test_of_two_waists_the_more_marked_one_is_cut() -> None:
    area = discs((20, 14), (44, 14), (64, 14))  # half as wide, then 0.7 of it
    line = line_at_waist(area)
    assert line is not None
    pieces = connected(area & ~line, connectivity=2)
    assert pieces.max() == 2
    assert pieces[30, 44] == pieces[30, 64] != pieces[30, 20]


def test_what_has_no_waist_is_not_parted() -> None:
    bar = np.zeros((60, 120), bool)
    bar[20:30, 10:100] = True
    for area in (discs((30, 20)), bar, np.zeros((5, 5), bool), np.ones((1, 1), bool)):
        assert line_at_waist(area) is None
