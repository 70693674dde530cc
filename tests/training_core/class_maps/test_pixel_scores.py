"""Dice, Jaccard and calibration from pooled pixel counts, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training_core.class_maps.pixel_scores import Calibration, Confusion, percent_of_truth


def test_two_images_are_pooled_before_the_ratio_is_taken() -> None:
    """Image one: 4 px of class 0 all found. Image two: 1 of 3 px of class 1 found."""
    confusion = Confusion([0, 1])
    confusion.add(np.array([[0, 0, 0, 0]], np.uint8), np.array([[0, 0, 0, 0]], np.uint8))
    confusion.add(np.array([[1, 1, 1, 0]], np.uint8), np.array([[1, 0, 0, 0]], np.uint8))
    # class 0: true 5, predicted 7, both 5; class 1: true 3, predicted 1, both 1
    scores = confusion.scores()
    assert scores is not None
    assert scores.dice == pytest.approx({0: 100 * 10 / 12, 1: 100 * 2 / 4})
    assert scores.jaccard == pytest.approx({0: 100 * 5 / 7, 1: 100 * 1 / 3})
    assert scores.mdice == pytest.approx((100 * 10 / 12 + 50) / 2)
    assert scores.mjaccard == pytest.approx((100 * 5 / 7 + 100 / 3) / 2)
    assert scores.absent == ()


def test_pixels_without_a_label_are_not_counted() -> None:
    confusion = Confusion([0, 1])
    confusion.add(np.array([[0, 1, 255, 255]], np.uint8), np.array([[0, 1, 0, 1]], np.uint8))
    assert confusion.counts.tolist() == [[1, 0], [0, 1]]
    scores = confusion.scores()
    assert scores is not None
    assert scores.mdice == 100


def test_a_class_without_a_true_pixel_is_named_and_left_out_but_its_false_pixels_cost_the_others() -> None:
    confusion = Confusion([0, 3, 7])
    confusion.add(np.array([[0, 0, 2, 2]], np.uint8), np.array([[0, 1, 2, 2]], np.uint8))
    scores = confusion.scores()
    assert scores is not None
    assert scores.absent == (3,)
    assert scores.dice == pytest.approx({0: 100 * 2 / 3, 7: 100})
    assert scores.mdice == pytest.approx((200 / 3 + 100) / 2)


def test_a_class_that_is_there_and_never_found_counts_zero() -> None:
    confusion = Confusion([0, 1])
    confusion.add(np.array([[0, 1]], np.uint8), np.array([[0, 0]], np.uint8))
    scores = confusion.scores()
    assert scores is not None
    assert scores.dice == pytest.approx({0: 100 * 2 / 3, 1: 0})
    assert scores.mdice == pytest.approx(100 / 3)


def test_nothing_labelled_gives_no_score() -> None:
    confusion = Confusion([0, 1])
    assert confusion.scores() is None
    confusion.add(np.full((2, 2), 255, np.uint8), np.zeros((2, 2), np.uint8))
    assert confusion.scores() is None


def test_against_sets_of_pixels_for_five_classes() -> None:
    rng = np.random.default_rng(0)
    confusion = Confusion(range(5))
    truths, predictions = rng.integers(0, 5, (3, 20, 30), np.uint8), rng.integers(0, 5, (3, 20, 30), np.uint8)
    truths[rng.random(truths.shape) < 0.2] = 255
    for truth, prediction in zip(truths, predictions, strict=True):
        confusion.add(truth, prediction)
    scores = confusion.scores()
    assert scores is not None
    for c in range(5):
        true = set(np.flatnonzero(truths == c).tolist())
        found = set(np.flatnonzero((predictions == c) & (truths != 255)).tolist())
        assert scores.dice[c] == pytest.approx(200 * len(true & found) / (len(true) + len(found)))
        assert scores.jaccard[c] == pytest.approx(100 * len(true & found) / len(true | found))


def confidences(*values: float) -> NDArray[np.float32]:
    return np.array([values], np.float32)


def test_the_confusion_in_percent_is_of_the_true_pixels_of_each_class() -> None:
    counts = {"gland": {"gland": 3, "stroma": 1}, "stroma": {"gland": 0, "stroma": 8}, "fat": {"gland": 0, "stroma": 0}}
    assert percent_of_truth(counts) == {
        "gland": {"gland": 75.0, "stroma": 25.0},
        "stroma": {"gland": 0.0, "stroma": 100.0},
        "fat": {},
    }


def test_calibration_error_by_hand() -> None:
    """Bin (0.6, 0.667]: 2 px at 0.65, both right. Bin (0.867, 0.933]: 4 px at 0.9, one of them right."""
    calibration = Calibration()
    truth = np.array([[0, 0, 1, 1, 1, 1]], np.uint8)
    prediction = np.array([[0, 0, 1, 0, 0, 0]], np.uint8)
    calibration.add(truth, prediction, confidences(0.65, 0.65, 0.9, 0.9, 0.9, 0.9))
    assert calibration.counts.sum() == 6
    assert calibration.expected_calibration_error() == pytest.approx(2 / 6 * 0.35 + 4 / 6 * (0.9 - 0.25), abs=1e-6)


def test_calibration_is_pooled_over_images_and_leaves_unlabelled_pixels_out() -> None:
    """One bin holds a right pixel of one image and a wrong one of the other: half right at 0.5, no error."""
    calibration = Calibration()
    calibration.add(np.array([[0, 255]], np.uint8), np.array([[0, 1]], np.uint8), confidences(0.5, 0.99))
    calibration.add(np.array([[0, 255]], np.uint8), np.array([[1, 1]], np.uint8), confidences(0.5, 0.99))
    assert calibration.counts.sum() == 2
    assert calibration.expected_calibration_error() == pytest.approx(0, abs=1e-6)


def test_calibration_bins_are_open_below_and_closed_above() -> None:
    calibration = Calibration(bins=4)
    calibration.add(np.zeros((1, 5), np.uint8), np.zeros((1, 5), np.uint8), confidences(0, 0.25, 0.26, 0.75, 1))
    assert calibration.counts.tolist() == [2, 1, 1, 1]


def test_calibration_of_nothing_is_no_figure() -> None:
    calibration = Calibration()
    assert calibration.expected_calibration_error() is None
    calibration.add(np.full((1, 2), 255, np.uint8), np.zeros((1, 2), np.uint8), confidences(0.5, 0.5))
    assert calibration.expected_calibration_error() is None
