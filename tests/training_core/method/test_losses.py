"""Each term of the objective against loops over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training_core.method.losses import (
    class_weights,
    confident_cross_entropy,
    confident_divergence,
    labeled_cross_entropy,
)

B, C, H, W = 2, 5, 4, 3
Floats = NDArray[np.float64]


@pytest.fixture
def logits() -> Floats:
    return np.random.default_rng(0).normal(0, 2, (B, C, H, W))


@pytest.fixture
def other_logits() -> Floats:
    return np.random.default_rng(1).normal(0, 2, (B, C, H, W))


@pytest.fixture
def target() -> NDArray[np.int64]:
    return np.random.default_rng(2).integers(0, C, (B, H, W))


@pytest.fixture
def masks() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Confident and valid pixels, neither a part of the other."""
    rng = np.random.default_rng(3)
    confident, valid = rng.random((B, H, W)) < 0.5, rng.random((B, H, W)) < 0.7
    assert (confident & ~valid).any()
    assert (valid & ~confident).any()
    return confident, valid


def softmax(values: Floats) -> Floats:
    exponentials = [math.exp(v - max(values)) for v in values]
    return np.array([e / sum(exponentials) for e in exponentials])


def tensor(array: NDArray[np.generic]) -> torch.Tensor:
    return torch.from_numpy(array).float() if array.dtype == np.float64 else torch.from_numpy(array)


def pixels() -> list[tuple[int, int, int]]:
    return [(b, y, x) for b in range(B) for y in range(H) for x in range(W)]


def test_labeled_cross_entropy_is_a_mean_over_the_labelled_pixels(logits: Floats, target: NDArray[np.int64]) -> None:
    target[0, 1:] = 255
    losses = [-math.log(softmax(logits[b, :, y, x])[target[b, y, x]]) for b, y, x in pixels() if target[b, y, x] != 255]
    ours = labeled_cross_entropy(tensor(logits), tensor(target))
    assert len(losses) == B * H * W - 3 * W
    assert float(ours) == pytest.approx(sum(losses) / len(losses), abs=1e-5)


def test_labeled_cross_entropy_without_a_label_is_zero_and_has_a_gradient_of_zero(logits: Floats) -> None:
    given = tensor(logits).requires_grad_()
    loss = labeled_cross_entropy(given, torch.full((B, H, W), 255))
    loss.backward()
    assert float(loss.detach()) == 0
    assert given.grad is not None
    assert not given.grad.any()


def test_balanced_a_class_of_few_pixels_counts_as_much_as_one_of_many() -> None:
    label = torch.full((1, 100, 100), 255)
    label[0, :60], label[0, 60:80], label[0, 80, :5] = 0, 1, 2
    logits = torch.zeros(1, 3, 100, 100)
    logits[0, 0, 80, :5] = 3.0  # the rare class, taken for the commonest
    missed = -math.log(1 / (math.exp(3) + 2))
    weight = class_weights(label, 3, 1.0)
    assert weight is not None
    assert float(weight[0] / weight[1]) == pytest.approx((0.2499 + 0.01) / (0.7495 + 0.01), rel=1e-3)
    rare = 5 / 8005
    floored = rare / (rare + 0.01)  # below the floor of one percent it counts by its share
    whole = 6000 / 8005 / (6000 / 8005 + 0.01) + 2000 / 8005 / (2000 / 8005 + 0.01) + floored
    expected = math.log(3) + floored / whole * (missed - math.log(3))
    assert float(labeled_cross_entropy(logits, label, weight)) == pytest.approx(expected, rel=1e-4)
    plain = math.log(3) + rare * (missed - math.log(3))
    assert float(labeled_cross_entropy(logits, label, class_weights(label, 3, 0.0))) == pytest.approx(plain, rel=1e-4)


def test_balanced_without_a_label_is_zero() -> None:
    nothing = torch.full((1, 4, 4), 255)
    assert float(labeled_cross_entropy(torch.ones(1, 2, 4, 4), nothing, class_weights(nothing, 2, 1.0))) == 0


def test_confident_cross_entropy_divides_by_the_valid_pixels(
    logits: Floats, target: NDArray[np.int64], masks: tuple[NDArray[np.bool_], NDArray[np.bool_]]
) -> None:
    confident, valid = masks
    total = sum(
        -math.log(softmax(logits[b, :, y, x])[target[b, y, x]])
        for b, y, x in pixels()
        if confident[b, y, x] and valid[b, y, x]
    )
    ours = confident_cross_entropy(tensor(logits), tensor(target), tensor(confident), tensor(valid))
    assert float(ours) == pytest.approx(total / valid.sum(), abs=1e-5)


def test_confident_divergence_is_the_sum_over_classes_of_kl(
    logits: Floats, other_logits: Floats, masks: tuple[NDArray[np.bool_], NDArray[np.bool_]]
) -> None:
    confident, valid = masks
    total = 0.0
    for b, y, x in pixels():
        if confident[b, y, x] and valid[b, y, x]:
            p, q = softmax(other_logits[b, :, y, x]), softmax(logits[b, :, y, x])
            total += sum(p[c] * math.log(p[c] / q[c]) for c in range(C))
    ours = confident_divergence(tensor(logits), tensor(other_logits), tensor(confident), tensor(valid))
    assert float(ours) == pytest.approx(total / valid.sum(), abs=1e-5)


def test_the_soft_target_gets_no_gradient(logits: Floats, other_logits: Floats) -> None:
    student, target = tensor(logits).requires_grad_(), tensor(other_logits).requires_grad_()
    everywhere = torch.ones(B, H, W, dtype=torch.bool)
    confident_divergence(student, target, everywhere, everywhere).backward()
    assert target.grad is None
    assert student.grad is not None
    assert student.grad.abs().sum() > 0


@pytest.mark.parametrize("nothing", ["confident", "valid"])
def test_unlabelled_terms_are_zero_where_nothing_counts(
    logits: Floats, other_logits: Floats, target: NDArray[np.int64], nothing: str
) -> None:
    confident = torch.full((B, H, W), nothing != "confident")
    valid = torch.full((B, H, W), nothing != "valid")
    assert float(confident_cross_entropy(tensor(logits), tensor(target), confident, valid)) == 0
    assert float(confident_divergence(tensor(logits), tensor(other_logits), confident, valid)) == 0


def test_bfloat16_logits_are_summed_in_float32() -> None:
    """300 000 pixels of the same loss: a sum in bfloat16 would stop growing at 256 times the loss."""
    logits = torch.zeros(1, 2, 500, 600, dtype=torch.bfloat16)
    label = torch.zeros(1, 500, 600, dtype=torch.int64)
    everywhere = torch.ones(1, 500, 600, dtype=torch.bool)
    assert float(labeled_cross_entropy(logits, label)) == pytest.approx(math.log(2), rel=1e-4)
    assert float(confident_cross_entropy(logits, label, everywhere, everywhere)) == pytest.approx(math.log(2), rel=1e-4)
