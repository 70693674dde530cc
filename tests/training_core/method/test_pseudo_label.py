"""Pseudo-labels and the moving threshold, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from training_core.method.pseudo_label import PseudoLabel, Threshold


def test_pseudo_label_is_the_argmax_of_the_softmax_with_its_probability() -> None:
    logits = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    pseudo = PseudoLabel.of(logits)
    assert not pseudo.confidence.requires_grad
    logits = logits.detach()
    for b, y, x in np.ndindex(2, 3, 4):
        values = [float(v) for v in logits[b, :, y, x]]
        best = values.index(max(values))
        assert int(pseudo.label[b, y, x]) == best
        share = math.exp(values[best]) / sum(math.exp(v) for v in values)
        assert float(pseudo.confidence[b, y, x]) == pytest.approx(share, abs=1e-6)


def test_pseudo_label_of_half_precision_logits_has_full_precision_confidence() -> None:
    logits = torch.tensor([8.0, 0.0]).reshape(1, 2, 1, 1).bfloat16()
    confidence = PseudoLabel.of(logits).confidence
    assert confidence.dtype == torch.float32
    assert float(confidence) == pytest.approx(1 / (1 + math.exp(-8)), abs=1e-6)  # bfloat16 would round it to 1


def test_mixed_takes_the_other_inside_the_box() -> None:
    shape = (2, 3, 4)
    box = torch.rand(shape, generator=torch.Generator().manual_seed(0)) < 0.5
    one = PseudoLabel(torch.zeros(shape, dtype=torch.int64), torch.full(shape, 0.6))
    other = PseudoLabel(torch.full(shape, 3), torch.full(shape, 0.9))
    mixed = one.mixed(other, box)
    assert torch.equal(mixed.label == 3, box)
    assert torch.equal(mixed.confidence == torch.tensor(0.9), box)


PREDICTED = torch.tensor([[[0, 0, 1, 1], [3, 3, 0, 1]]])
CONFIDENCE = torch.tensor([[[0.50, 0.70, 0.60, 0.90], [0.55, 0.40, 0.99, 0.95]]])
NOTHING_IGNORED = torch.zeros(1, 2, 4, dtype=torch.bool)


def test_threshold_follows_the_mean_over_present_classes_of_their_largest_confidence() -> None:
    """Classes 0, 1 and 3 of five are predicted; 2 and 4 are absent and count for nothing."""
    threshold = Threshold(0.7, 0.9)
    expected = 0.9 * 0.7 + 0.1 * (0.99 + 0.95 + 0.55) / 3
    assert threshold.update(PREDICTED, CONFIDENCE, NOTHING_IGNORED, 5) == pytest.approx(expected, abs=1e-6)
    assert threshold.value == pytest.approx(expected, abs=1e-6)
    again = 0.9 * expected + 0.1 * (0.99 + 0.95 + 0.55) / 3
    assert threshold.update(PREDICTED, CONFIDENCE, NOTHING_IGNORED, 5) == pytest.approx(again, abs=1e-6)


def test_threshold_leaves_out_ignored_pixels_and_classes_that_are_only_there() -> None:
    ignored = NOTHING_IGNORED.clone()
    ignored[0, 1, 2] = True  # the 0.99 of class 0
    ignored[PREDICTED == 3] = True  # all of class 3
    threshold = Threshold(0.7, 0.5)
    expected = 0.5 * 0.7 + 0.5 * (0.70 + 0.95) / 2
    assert threshold.update(PREDICTED, CONFIDENCE, ignored, 5) == pytest.approx(expected, abs=1e-6)


def test_a_class_of_a_single_pixel_counts_as_much_as_any_other() -> None:
    predicted, confidence = torch.tensor([[[0, 0, 0, 2]]]), torch.tensor([[[0.6, 0.7, 0.9, 0.5]]])
    threshold = Threshold(0.7, 0.5)
    expected = 0.5 * 0.7 + 0.5 * (0.9 + 0.5) / 2
    nothing_ignored = torch.zeros_like(predicted, dtype=torch.bool)
    assert threshold.update(predicted, confidence, nothing_ignored, 3) == pytest.approx(expected, abs=1e-6)


def test_threshold_stays_where_it_is_when_everything_is_ignored() -> None:
    threshold = Threshold(0.7, 0.5)
    assert threshold.update(PREDICTED, CONFIDENCE, ~NOTHING_IGNORED, 5) == 0.7


def test_threshold_with_momentum_one_is_fixed_and_with_zero_is_the_last_mean() -> None:
    fixed, last = Threshold(0.7, 1.0), Threshold(0.7, 0.0)
    fixed.update(PREDICTED, CONFIDENCE, NOTHING_IGNORED, 5)
    last.update(PREDICTED, CONFIDENCE, NOTHING_IGNORED, 5)
    assert fixed.value == 0.7
    assert last.value == pytest.approx((0.99 + 0.95 + 0.55) / 3, abs=1e-6)


def test_kind_fixed_never_moves() -> None:
    threshold = Threshold(0.7, 0.5, "fixed")
    threshold.update(PREDICTED, CONFIDENCE, NOTHING_IGNORED, 5)
    assert threshold.value == 0.7
    assert threshold.at(PREDICTED) == 0.7


def test_kind_mean_follows_the_mean_confidence_of_what_counts() -> None:
    ignored = NOTHING_IGNORED.clone()
    ignored[0, 1] = True
    threshold = Threshold(0.7, 0.5, "mean")
    expected = 0.5 * 0.7 + 0.5 * (0.50 + 0.70 + 0.60 + 0.90) / 4
    assert threshold.update(PREDICTED, CONFIDENCE, ignored, 5) == pytest.approx(expected, abs=1e-6)


def test_kind_per_class_lowers_the_bar_of_classes_that_are_hard_to_tell() -> None:
    threshold = Threshold(0.7, 0.5, "per_class", 5)
    threshold.update(PREDICTED, CONFIDENCE, NOTHING_IGNORED, 5)
    overall = 0.5 * 0.7 + 0.5 * float(CONFIDENCE.mean())
    own = {
        0: 0.5 * 0.7 + 0.5 * (0.50 + 0.70 + 0.99) / 3,
        1: 0.5 * 0.7 + 0.5 * (0.60 + 0.90 + 0.95) / 3,
        2: 0.7,  # not seen yet
        3: 0.5 * 0.7 + 0.5 * (0.55 + 0.40) / 2,
    }
    bars = threshold.at(torch.tensor([[[0, 1, 2, 3, 255]]]))
    assert isinstance(bars, torch.Tensor)
    for c, mean in own.items():
        assert float(bars[0, 0, c]) == pytest.approx(overall * mean / max(own.values()), abs=1e-6)
    assert bars[0, 0, 3] < bars[0, 0, 0] < bars[0, 0, 1]
    assert threshold.value == pytest.approx(overall, abs=1e-6)


@pytest.mark.parametrize("kind", ["class_max", "per_class"])
def test_no_confidence_reaches_the_threshold_of_a_class_that_is_left_out(kind: str) -> None:
    threshold = Threshold(0.7, 0.5, kind, 3)
    labels = torch.tensor([[[0, 1, 2, 255]]])
    threshold.left_out = (1,)
    at = threshold.at(labels)
    assert isinstance(at, torch.Tensor)
    assert at[0, 0, 1] > 1
    assert at[0, 0, [0, 2, 3]].tolist() == pytest.approx([0.7, 0.7, 0.7])
    threshold.left_out = ()
    assert torch.as_tensor(threshold.at(labels)).max() == pytest.approx(0.7)
