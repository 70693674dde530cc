"""The shared space of pixels, prototypes and text: cosines, fusion and the distance of prototypes from text."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training_core.network.alignment import (
    FusionWeights,
    PixelEmbedding,
    Prototypes,
    Similarities,
    alignment_loss,
    fuse,
    similarities,
)

B, D, C = 2, 6, 5


@pytest.fixture
def embedding() -> Tensor:
    return torch.randn(B, D, 3, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def prototypes() -> Tensor:
    return 3 * torch.randn(C, D, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def text() -> Tensor:
    return 0.2 * torch.randn(C, D, generator=torch.Generator().manual_seed(2))


def cosine(a: Tensor, b: Tensor) -> float:
    dot = sum(float(x) * float(y) for x, y in zip(a, b, strict=True))
    lengths = [math.sqrt(sum(float(x) ** 2 for x in v)) for v in (a, b)]
    return dot / lengths[0] / lengths[1]


def upsampled(maps: Tensor, height: int, width: int) -> Tensor:
    """Bilinear with aligned corners, pixel by pixel."""
    out = torch.zeros(*maps.shape[:2], height, width)
    for y in range(height):
        for x in range(width):
            v, u = y * (maps.shape[2] - 1) / (height - 1), x * (maps.shape[3] - 1) / (width - 1)
            y0, x0 = min(int(v), maps.shape[2] - 2), min(int(u), maps.shape[3] - 2)
            dy, dx = v - y0, u - x0
            top = (1 - dx) * maps[:, :, y0, x0] + dx * maps[:, :, y0, x0 + 1]
            bottom = (1 - dx) * maps[:, :, y0 + 1, x0] + dx * maps[:, :, y0 + 1, x0 + 1]
            out[:, :, y, x] = (1 - dy) * top + dy * bottom
    return out


@pytest.mark.parametrize("features_first", [False, True])
def test_similarities_are_cosines_at_the_size_asked_for(
    embedding: Tensor, prototypes: Tensor, text: Tensor, features_first: bool
) -> None:
    height, width = 7, 9
    similar = similarities(embedding, prototypes, text, (height, width), features_first=features_first)
    for ours, vectors in ((similar.prototype, prototypes), (similar.text, text)):
        pixels = upsampled(embedding, height, width) if features_first else embedding
        maps = torch.zeros(B, C, *pixels.shape[2:])
        for b in range(B):
            for y in range(pixels.shape[2]):
                for x in range(pixels.shape[3]):
                    for c in range(C):
                        maps[b, c, y, x] = cosine(pixels[b, :, y, x], vectors[c])
        expected = maps if features_first else upsampled(maps, height, width)
        assert ours is not None
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_the_two_orders_of_upsampling_differ(embedding: Tensor, prototypes: Tensor) -> None:
    maps = [
        similarities(embedding, prototypes, None, (9, 9), features_first=first).prototype for first in (True, False)
    ]
    assert maps[0] is not None
    assert maps[1] is not None
    assert (maps[0] - maps[1]).abs().max() > 0.01


def test_a_branch_that_is_off_gives_nothing(embedding: Tensor, prototypes: Tensor) -> None:
    assert similarities(embedding, None, None, (4, 4), features_first=True) == Similarities(None, None)
    only = similarities(embedding, prototypes, None, (4, 4), features_first=False)
    assert only.text is None
    assert only.prototype is not None


def test_fuse_adds_the_weighted_cosines() -> None:
    generator = torch.Generator().manual_seed(3)
    logits, zp, zt = (torch.randn(B, C, 3, 4, generator=generator) for _ in range(3))
    fused = fuse(logits, Similarities(zp, zt), prototype_weight=0.1, text_weight=0.25)
    expected = logits.numpy() + 0.1 * zp.numpy() + 0.25 * zt.numpy()
    np.testing.assert_allclose(fused.numpy(), expected, atol=1e-6)
    assert torch.equal(fuse(logits, Similarities(None, None), prototype_weight=0.1, text_weight=0.1), logits)
    only_text = fuse(logits, Similarities(None, zt), prototype_weight=0.1, text_weight=2.0)
    np.testing.assert_allclose(only_text.numpy(), logits.numpy() + 2 * zt.numpy(), atol=1e-6)


def unit_rows(vectors: Tensor) -> list[list[float]]:
    return [[float(x) / math.sqrt(sum(float(v) ** 2 for v in row)) for x in row] for row in vectors]


def log_softmax(row: list[float]) -> list[float]:
    total = math.log(sum(math.exp(x) for x in row))
    return [x - total for x in row]


def test_alignment_losses_by_hand(prototypes: Tensor, text: Tensor) -> None:
    p, t = unit_rows(prototypes), unit_rows(text)
    mse = sum((p[c][d] - t[c][d]) ** 2 for c in range(C) for d in range(D)) / (C * D)
    cosines = sum(1 - sum(p[c][d] * t[c][d] for d in range(D)) for c in range(C)) / C
    kl = 0.0
    for c in range(C):
        log_p, log_t = log_softmax(p[c]), log_softmax(t[c])
        kl += sum(math.exp(log_t[d]) * (log_t[d] - log_p[d]) for d in range(D)) / C
    assert float(alignment_loss(prototypes, text, "mse")) == pytest.approx(mse, abs=1e-6)
    assert float(alignment_loss(prototypes, text, "cosine")) == pytest.approx(cosines, abs=1e-6)
    assert float(alignment_loss(prototypes, text, "kl")) == pytest.approx(kl, abs=1e-6)
    assert float(alignment_loss(prototypes, text, "none")) == 0
    assert min(mse, cosines, kl) > 0


@pytest.mark.parametrize("kind", ["mse", "cosine", "kl"])
def test_alignment_pulls_both_sides_and_ignores_length(prototypes: Tensor, text: Tensor, kind: str) -> None:
    p, t = prototypes.clone().requires_grad_(), text.clone().requires_grad_()
    alignment_loss(p, t, kind).backward()
    for grad in (p.grad, t.grad):
        assert grad is not None
        assert grad.abs().sum() > 0
    assert float(alignment_loss(5 * prototypes, text, kind)) == pytest.approx(
        float(alignment_loss(prototypes, text, kind)), rel=1e-4
    )
    assert float(alignment_loss(prototypes, 2 * prototypes, kind)) == pytest.approx(0, abs=1e-6)


def test_prototypes_start_from_the_paper_s_distribution() -> None:
    torch.manual_seed(0)
    vectors = Prototypes(200, 256)()
    assert vectors.requires_grad
    vectors = vectors.detach()
    assert vectors.shape == (200, 256)
    assert float(vectors.std()) == pytest.approx(1 / 16, rel=0.02)
    assert float(vectors.mean()) == pytest.approx(0, abs=0.001)


def test_pixel_embedding_is_convolution_norm_relu_dropout() -> None:
    torch.manual_seed(0)
    layer = PixelEmbedding(4, 6)
    assert [type(part) for part in layer] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Dropout2d]
    assert layer[0].kernel_size == (3, 3)
    assert layer[3].p == 0.1
    out = layer.eval()(torch.randn(2, 4, 5, 7)).detach()
    assert out.shape == (2, 6, 5, 7)
    assert float(out.min()) == 0


def test_learned_weights_of_the_branches_start_at_the_fixed_ones_everywhere_and_stay_between_0_and_1() -> None:
    embedding = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0))
    weights = FusionWeights(5, 0.3, 0.7)(embedding)
    assert weights.shape == (2, 2, 3, 4)
    assert weights[:, 0].detach().numpy() == pytest.approx(0.3, abs=1e-6)
    assert weights[:, 1].detach().numpy() == pytest.approx(0.7, abs=1e-6)
    # at 0 or 1 a sigmoid would have no slope, and the weight could never change
    bounds = FusionWeights(5, 0.0, 1.0)(embedding)[0, :, 0, 0].tolist()
    assert bounds == pytest.approx([0.001, 0.999], abs=1e-6)
