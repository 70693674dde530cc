"""Errors by distance on maps small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training_core.base.arrays import UNLABELED
from training_core.measuring.accuracy.error_map import ALL, ErrorMap, border_distance, pooled, stroke_distance


def halves(width: int = 100, height: int = 2) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Class 0 on the left, class 1 on the right."""
    truth = np.zeros((height, width), np.uint8)
    truth[:, width // 2 :] = 1
    return truth


def test_distance_to_the_border_is_1_beside_it() -> None:
    distance = border_distance(halves())
    assert distance[0].tolist() == [*range(50, 0, -1), *range(1, 51)]


def test_unknown_pixels_are_no_border() -> None:
    truth = halves()
    truth[:, 40:50] = UNLABELED
    distance = border_distance(truth)
    assert distance[0, :40].tolist() == list(range(50, 10, -1))
    assert distance[0, 50:].tolist() == list(range(11, 61))  # to the last known pixel of class 0
    assert np.isinf(distance[0, 40:50]).all()


def test_without_another_class_and_without_a_stroke_nothing_is_near() -> None:
    assert np.isinf(border_distance(np.zeros((4, 4), np.uint8))).all()
    assert np.isinf(stroke_distance(np.zeros((4, 4), np.bool_))).all()


def test_distance_to_a_stroke() -> None:
    painted = np.zeros((1, 9), np.bool_)
    painted[0, 3] = True
    assert stroke_distance(painted)[0].tolist() == [3, 2, 1, 0, 1, 2, 3, 4, 5]


def test_bands_hold_their_upper_limit() -> None:
    """Rows of 50 px a class: 4 px in 0-4, 4 in 4-8, 8 in 8-16, 16 in 16-32, 18 beyond; all of class 1 is wrong."""
    truth = halves(height=1)
    errors = ErrorMap(2)
    errors.add(truth, np.zeros_like(truth), border_distance(truth))
    errors.add(truth, truth, border_distance(truth))
    counts = errors.as_json(["left", "right"])
    assert counts["bands_px"] == ["0-4", "4-8", "8-16", "16-32", "> 32"]
    assert counts["classes"] == {
        "left": {"pixels": [8, 8, 16, 32, 36], "wrong": [0, 0, 0, 0, 0]},
        "right": {"pixels": [8, 8, 16, 32, 36], "wrong": [4, 4, 8, 16, 18]},
    }
    assert pooled([counts, counts]) == {"left": [0.0] * 5, "right": [50.0] * 5, ALL: [25.0] * 5}


def test_only_what_counts_is_counted() -> None:
    truth = halves(height=1)
    truth[0, 49] = UNLABELED
    counted = np.zeros_like(truth, np.bool_)
    counted[0, 48:52] = True
    errors = ErrorMap(2)
    errors.add(truth, np.ones_like(truth), np.full(truth.shape, 10.0), counted)
    counts = errors.as_json(["left", "right"])
    assert counts["classes"]["left"] == {"pixels": [0, 0, 1, 0, 0], "wrong": [0, 0, 1, 0, 0]}
    assert counts["classes"]["right"] == {"pixels": [0, 0, 2, 0, 0], "wrong": [0, 0, 0, 0, 0]}
    assert pooled([counts])[ALL] == [None, None, pytest.approx(100 / 3), None, None]
