"""How much a crop shows: structures of drawn sizes, ranges worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training_core.data.crop_scale import scales_for, structure_size_px


def squares(side: int, *, of: int = 200, n: int = 2, class_id: int = 1) -> np.ndarray:
    """(of, of) of class 0 with n squares of another class along the diagonal."""
    label = np.zeros((of, of), np.uint8)
    for i in range(n):
        start = 10 + i * (side + 10)
        label[start : start + side, start : start + side] = class_id
    return label


def test_the_size_is_that_of_the_squares_not_of_what_lies_between_them() -> None:
    assert structure_size_px([(squares(40), 1.0)]) == pytest.approx(40)
    assert structure_size_px([(squares(40), 1.0), (squares(40, n=3), 1.0)]) == pytest.approx(40)


def test_it_counts_in_pixels_of_the_run() -> None:
    assert structure_size_px([(squares(40), 0.5)]) == pytest.approx(20)


def test_specks_do_not_count_against_large_structures() -> None:
    label = squares(60, n=1)
    label[150::4, 150::4] = 1  # many single pixels, all diagonal neighbours apart
    assert structure_size_px([(label, 1.0)]) == pytest.approx(60)


def test_of_several_classes_the_middle_one_without_the_largest() -> None:
    label = squares(20, n=1, class_id=1)
    label[60:120, 60:120] = 2
    label[130:190, 10:40] = 3  # area 1800
    assert structure_size_px([(label, 1.0)]) == pytest.approx(math.sqrt(1800))


def test_strokes_and_single_classes_say_nothing() -> None:
    strokes = np.full((200, 200), 255, np.uint8)
    strokes[10:22, 10:100], strokes[100:112, 10:100] = 0, 1
    assert structure_size_px([(strokes, 1.0)]) is None
    assert structure_size_px([(np.zeros((50, 50), np.uint8), 1.0)]) is None
    assert structure_size_px([]) is None


@pytest.mark.parametrize(
    ("structure_px", "sides_px", "factor"),
    [
        (None, [5000], 1),
        (50, [5000], 1),  # never above the usual range
        (185, [5000], 1),  # two of them are 370 px: the 256 px of a crop at scale 0.69
        (370, [5000], 2**-1),  # 256 / 740 = 0.346, half of 0.693
        (523, [5000], 2**-1.5),
        (523, [500, 522, 600], 2**-0.5),  # a crop of middle scale shows no more than the middle tile: 256 / 522 = 0.49
        (523, [200, 200, 2000], 1),
    ],
)
def test_the_range_follows_the_structures_as_far_as_the_tiles_reach(
    structure_px: float | None, sides_px: list[float], factor: float
) -> None:
    assert scales_for(structure_px, sides_px, 256) == pytest.approx((0.4 * factor, 1.2 * factor))
