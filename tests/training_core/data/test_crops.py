"""Views: image and label stay together, chance comes from one generator, strength is as published."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training_core.data.crops import color_jitter, cutmix_box, strong_view, weak_view
from training_core.data.stain import MAX_TURN_RAD, STAINS, stain_jitter, stain_of, stained_as
from training_core.settings.schema import AugmentConfig

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
        config = AugmentConfig(scale_min=0.5, scale_max=2.0, rotate=False)
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


@pytest.mark.parametrize("zoom", [0.5, 1.7])
def test_a_tile_of_another_pixel_size_is_seen_at_the_run_s(zoom: float) -> None:
    """A tile of half the pixel size gives crops twice as wide in its own pixels, image and label still together."""
    image, label = ramp(250, 250, 1)
    config = AugmentConfig(scale_min=1, scale_max=1, rotate=False)
    for seed in range(20):
        pixels, classes = weak_view(image, label, 64, config, rng(seed), zoom=zoom)
        assert pixels.shape == (3, 64, 64)
        assert int(classes.max()) - int(classes.min()) + 1 == pytest.approx(64 / zoom, abs=2)
        assert float((pixels[0] * 255 - classes.float()).abs().max()) <= 1.6


def test_a_crop_over_a_class_holds_it_wherever_else_the_tile_is_labelled() -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    label = np.zeros((300, 300), np.uint8)
    label[280:290, 3:13] = 4  # one thousandth of a fully labelled tile
    found = [4 in weak_view(image, label, 64, AugmentConfig(), rng(seed), over_class=4)[1] for seed in range(40)]
    by_chance = [4 in weak_view(image, label, 64, AugmentConfig(), rng(seed))[1] for seed in range(40)]
    assert all(found)
    assert sum(by_chance) < 20


# --- stain ------------------------------------------------------------------------------------------------------------


def stained(amounts: tuple[float, float, float], size: int = 8) -> torch.Tensor:
    """An image of these amounts of hematoxylin, eosin and DAB, by the Beer-Lambert law."""
    color = torch.from_numpy(np.exp(-np.array(amounts) @ STAINS)).float()
    return color[:, None, None].expand(3, size, size).clone()


def density(image: torch.Tensor) -> NDArray[np.float64]:
    """The optical density of the first pixel."""
    return -np.log(image[:, 0, 0].double().numpy())


def test_stain_jitter_of_strength_zero_is_the_same_image_and_uses_no_chance() -> None:
    image, generator = stained((0.5, 0.4, 0.0)), rng(0)
    assert stain_jitter(image, 0.0, generator) is image
    assert generator.random() == rng(0).random()


def test_stain_jitter_keeps_empty_glass_white_and_its_input_as_it_was() -> None:
    glass = torch.ones(3, 8, 8)
    scanned = torch.full((3, 8, 8), 245 / 255)
    for seed in range(100):
        assert torch.equal(stain_jitter(glass, 1.0, rng(seed)), glass)
        assert float(stain_jitter(scanned, 0.5, rng(seed)).min()) > 0.92
    assert torch.equal(scanned, torch.full((3, 8, 8), 245 / 255))


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_stain_jitter_turns_and_scales_hematoxylin_within_its_bounds(strength: float) -> None:
    image = stained((0.9, 0.0, 0.0))
    turns, amounts, directions = [], [], []
    for seed in range(300):
        changed = density(stain_jitter(image, strength, rng(seed)))
        amount = float(np.linalg.norm(changed))
        amounts.append(amount / 0.9)
        directions.append(changed / amount)
        turns.append(float(np.arccos(np.clip(changed @ STAINS[0] / amount, -1, 1))))
    assert 0.8 * strength * MAX_TURN_RAD < max(turns) <= strength * MAX_TURN_RAD + 1e-4
    assert max(amounts) <= 2**strength + 1e-4
    assert min(amounts) >= 2**-strength - 1e-4
    assert np.std(np.log2(amounts)) == pytest.approx(strength / 3**0.5, rel=0.15)
    assert np.abs(np.mean(directions, axis=0) - STAINS[0]).max() < 0.02  # no hue of its own


def test_tissue_is_stained_as_another() -> None:
    """In densities: 0.2 and 0.6 become those of tissue with a mean of 0.5 and a deviation of 0.1."""
    tissue = torch.tensor([0.2, 0.6]).repeat(3, 8, 4).neg().exp()
    other = torch.tensor([0.4, 0.6]).repeat_interleave(3).reshape(2, 3).neg().exp()
    stain = stain_of(other)
    torch.testing.assert_close(stain, torch.tensor([[0.5] * 3, [0.1] * 3]))
    changed = -stained_as(tissue, stain).log()
    torch.testing.assert_close(changed, torch.tensor([0.4, 0.6]).repeat(3, 8, 4))
    wide = torch.tensor([[0.1] * 3, [0.5] * 3])
    assert float(stained_as(tissue, wide).max()) == 1.0  # no dye gives light
    plain = torch.full((3, 8, 8), 0.995)
    torch.testing.assert_close(stained_as(plain, stain), torch.full((3, 8, 8), 0.5).neg().exp())


def test_stain_jitter_changes_dyes_apart_from_each_other_and_gives_an_image() -> None:
    tissue = torch.cat([stained((0.8, 0.1, 0.0)), stained((0.1, 0.7, 0.0)), torch.zeros(3, 8, 8)], dim=2)
    ratios = []
    for seed in range(50):
        changed = stain_jitter(tissue, 1.0, rng(seed))
        assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
        assert bool(torch.isfinite(changed).all())
        blue, pink = changed[:, 0, 0], changed[:, 0, 8]
        ratios.append(float(blue.log().sum() / pink.log().sum()))
    assert max(ratios) / min(ratios) > 2


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
