"""Dice and Jaccard from pooled pixel counts, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training_core.metrics import Confusion


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
