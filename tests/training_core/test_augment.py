"""Views: image and label stay together, chance comes from one generator, strength is as published."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training_core.config import AugmentConfig
from training_core.data.augment import color_jitter, cutmix_box, strong_view, weak_view

Pixels = NDArray[np.uint8]


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def ramp(height: int, width: int, axis: int) -> tuple[Pixels, Pixels]:
    """An image whose red channel is the row's (axis 0) or column's number, and that number as the label."""
    number = np.indices((height, width))[axis].astype(np.uint8)
    return np.stack([number, np.zeros_like(number), np.zeros_like(number)], axis=2), number


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("size", [(200, 180), (90, 200), (40, 33)])
def test_image_and_label_are_moved_alike(size: tuple[int, int], axis: int) -> None:
    """Not by half a pixel may they part, whatever the scale, the turn, the flip and the mirroring."""
    image, label = ramp(*size, axis)
    shifts = []
    for seed in range(40):
        pixels, classes = weak_view(image, label, 64, AugmentConfig(), rng(seed))
        assert pixels.shape == (3, 64, 64)
        assert classes.shape == (64, 64)
        assert classes.dtype == torch.uint8
        difference = pixels[0] * 255 - classes.float()
        assert difference.abs().max() <= 1.6  # antialiasing where the mirror folds
        shifts.append(float(difference.mean()))
        assert int(classes.max()) < size[axis]
    assert np.abs(np.mean(shifts)) < 0.1


def test_a_label_derived_from_the_colours_stays_so() -> None:
    generator = np.random.default_rng(0)
    truth = np.kron(generator.integers(0, 3, (6, 6)), np.ones((16, 16), int)).astype(np.uint8)
    colors = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)
    label = np.where(truth == 2, 255, truth).astype(np.uint8)  # a class that is not labelled: 255 moves along
    for seed in range(30):
        pixels, classes = weak_view(colors[truth], label, 64, AugmentConfig(), rng(seed))
        sure, color = pixels.max(0)
        inside = sure > 0.95
        assert inside.float().mean() > 0.5
        expected = torch.tensor([0, 1, 255], dtype=torch.uint8)[color]
        assert torch.equal(classes[inside], expected[inside])


def test_a_whole_tile_at_scale_one_is_one_of_its_eight_turns() -> None:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (64, 64, 3), np.uint8)
    label = generator.integers(0, 3, (64, 64), np.uint8)
    turns = [np.rot90(m, k) for k in range(4) for m in (image, image[:, ::-1])]
    seen, config = set(), AugmentConfig(scale_min=1, scale_max=1)
    for seed in range(60):
        pixels, classes = weak_view(image, label, 64, config, rng(seed))
        values = (pixels * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        matches = [i for i, turn in enumerate(turns) if np.array_equal(turn, values)]
        assert len(matches) == 1
        k, flipped = divmod(matches[0], 2)
        assert np.array_equal(np.rot90(label[:, ::-1] if flipped else label, k), classes.numpy())
        seen.add(matches[0])
    assert seen == set(range(8))


def test_without_rotation_there_is_only_the_horizontal_flip() -> None:
    image, label = ramp(64, 64, 0)
    config = AugmentConfig(scale_min=1, scale_max=1, rotate=False)
    for seed in range(20):
        assert np.array_equal(weak_view(image, label, 64, config, rng(seed))[1].numpy(), label)
    image, label = ramp(64, 64, 1)
    flips = {int(weak_view(image, label, 64, config, rng(seed))[1][0, 0]) for seed in range(20)}
    assert flips == {0, 63}


def test_scale_is_drawn_from_half_to_double() -> None:
    image, label = ramp(250, 250, 1)
    spans = []
    for seed in range(200):
        config = AugmentConfig(rotate=False)
        classes = weak_view(image, label, 64, config, rng(seed))[1].int()
        spans.append(int(classes.max() - classes.min()) + 1)
    assert 30 <= min(spans) < 36
    assert 120 < max(spans) <= 129
    assert 55 < np.median(spans) < 73  # as many larger as smaller: even in the logarithm


def test_a_small_tile_is_mirrored_without_a_black_frame() -> None:
    image = np.full((40, 33, 3), 200, np.uint8)
    label = np.ones((40, 33), np.uint8)
    for seed in range(20):
        pixels, classes = weak_view(image, label, 64, AugmentConfig(), rng(seed))
        assert torch.allclose(pixels, torch.tensor(200 / 255))
        assert set(classes.unique().tolist()) == {1}


def test_crops_of_a_partly_labelled_tile_hold_labelled_pixels_of_every_class_evenly() -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    label = np.full((300, 300), 255, np.uint8)
    label[5:105, 5:105] = 0  # a hundred times as many pixels as
    label[280:290, 280:290] = 7
    found = {0: 0, 7: 0}
    for seed in range(60):
        present = set(weak_view(image, label, 64, AugmentConfig(), rng(seed))[1].unique().tolist())
        assert present & {0, 7}
        for c in present & {0, 7}:
            found[c] += 1
    assert min(found.values()) > 15


def test_crops_of_a_fully_labelled_tile_lie_anywhere() -> None:
    image, label = ramp(200, 200, 1)
    label[:] = 0
    config = AugmentConfig(scale_min=1, scale_max=1, rotate=False)
    lefts = [float(weak_view(image, label, 64, config, rng(seed))[0][0].min() * 255) for seed in range(60)]
    assert min(lefts) < 15
    assert max(lefts) > 120


# --- strong -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tissue() -> torch.Tensor:
    return torch.rand(3, 48, 40, generator=torch.Generator().manual_seed(0))


def test_views_depend_on_their_generator_alone(tissue: torch.Tensor) -> None:
    image, label = ramp(100, 100, 0)

    def drawn(seed: int) -> Any:
        torch.manual_seed(int(np.random.default_rng().integers(1 << 30)))  # must not matter
        generator = rng(seed)
        views = [*weak_view(image, label, 64, AugmentConfig(), generator), strong_view(tissue, generator)]
        return [*views, cutmix_box(64, generator)]

    for seed in range(5):
        assert all(torch.equal(a, b) for a, b in zip(drawn(seed), drawn(seed), strict=True))
    assert not torch.equal(drawn(0)[0], drawn(1)[0])
    assert not torch.equal(drawn(0)[2], drawn(1)[2])


def test_strong_views_are_images_and_leave_their_input_alone(tissue: torch.Tensor) -> None:
    before = tissue.clone()
    for seed in range(30):
        view = strong_view(tissue, rng(seed))
        assert view.shape == tissue.shape
        assert 0 <= float(view.min()) <= float(view.max()) <= 1 + 1e-6
    assert torch.equal(tissue, before)


def test_how_often_a_strong_view_is_changed(tissue: torch.Tensor) -> None:
    """Untouched with 0.2 x 0.8 x 0.5; grey with 0.2."""
    views = [strong_view(tissue, rng(seed)) for seed in range(400)]
    untouched = np.mean([torch.equal(view, tissue) for view in views])
    grey = np.mean([bool(torch.allclose(view[0], view[1]) and torch.allclose(view[1], view[2])) for view in views])
    assert 0.05 < untouched < 0.12
    assert 0.15 < grey < 0.26


def test_color_jitter_of_strength_zero_changes_nothing_and_of_one_much(tissue: torch.Tensor) -> None:
    torch.testing.assert_close(color_jitter(tissue, 0.0, rng(0)), tissue, atol=1e-5, rtol=0)
    changes = [float((color_jitter(tissue, strength, rng(3)) - tissue).abs().mean()) for strength in (0.1, 1.0)]
    assert 0 < changes[0] < changes[1] / 3


def test_cutmix_boxes() -> None:
    boxes = [cutmix_box(64, rng(seed)) for seed in range(600)]
    filled = [box for box in boxes if box.any()]
    assert 0.43 < len(filled) / len(boxes) < 0.57
    areas, ratios = [], []
    for box in filled:
        rows, columns = torch.nonzero(box.any(1))[:, 0], torch.nonzero(box.any(0))[:, 0]
        height, width = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
        assert int(box.sum()) == height * width  # a rectangle
        areas.append(height * width / 64**2)
        ratios.append(width / height)
    assert 0.015 < min(areas) < 0.04
    assert 0.36 < max(areas) < 0.42
    assert 0.25 < min(ratios) < 0.4
    assert 2.5 < max(ratios) < 4
