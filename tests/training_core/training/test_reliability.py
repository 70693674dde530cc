"""Pseudo-labels that are more often wrong than right are left out: counted by hand, and in a real run."""

from __future__ import annotations

import pytest
import torch

from training_core.method.pseudo_label import Threshold
from training_core.training.reliability import confident_precision, in_words, unreliable


def predictions(*rows: tuple[int, int, float, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Of (how many, predicted class of three, its probability, true class): log-probabilities and labels."""
    log_probabilities, labels = [], []
    for count, predicted, probability, true in rows:
        values = torch.full((count, 3), (1 - probability) / 2)
        values[:, predicted] = probability
        log_probabilities.append(values.log())
        labels += [true] * count
    return torch.cat(log_probabilities), torch.tensor(labels)


def test_only_confident_pixels_are_judged_and_only_where_there_are_enough() -> None:
    evidence = predictions(
        (300, 0, 0.9, 0),
        (100, 0, 0.9, 1),  # 300 of 400 right
        (500, 0, 0.6, 1),  # below the threshold
        (60, 1, 0.9, 1),
        (140, 1, 0.9, 2),  # 60 of 200
        (99, 2, 0.9, 2),  # too few to tell
    )
    precision = confident_precision(*evidence, Threshold(0.7, 0.9))
    assert precision == pytest.approx({0: 0.75, 1: 0.3})


def test_a_class_that_is_left_out_is_judged_as_if_it_were_not() -> None:
    threshold = Threshold(0.7, 0.9)
    threshold.left_out = (1,)
    assert confident_precision(*predictions((200, 1, 0.9, 1)), threshold) == {1: 1.0}


def test_more_often_wrong_than_right_goes_and_comes_back() -> None:
    assert unreliable({0: 0.9, 1: 0.49}, ()) == (1,)
    assert unreliable({0: 0.9, 1: 0.5}, (1,)) == ()
    assert unreliable({0: 0.9}, (1,)) == (1,)  # nothing new is known


def test_the_user_is_told_of_changes_only() -> None:
    names = ["rest", "tumour", "lumen"]
    assert in_words({1: 0.3}, (1,), (1,), names) == ""
    gone = in_words({0: 0.9, 1: 0.3}, (), (1,), names)
    assert "tumour" in gone
    assert "30 %" in gone
    back = in_words({0: 0.9, 1: 0.6}, (1,), (), names)
    assert "tumour are used again: 60 %" in back
