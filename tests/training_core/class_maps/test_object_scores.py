"""Object scores of the GlaS challenge, by hand and against distances between all pairs of pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import directed_hausdorff

from training_core.class_maps.object_scores import (
    ObjectCounts,
    ObjectScores,
    compare_objects,
    connected_objects,
    true_objects,
)

Labels = NDArray[np.int32]


def objects(*boxes: tuple[int, int, int, int], shape: tuple[int, int] = (40, 60)) -> Labels:
    """Objects 1, 2 ... as boxes (top, left, height, width)."""
    labels = np.zeros(shape, np.int32)
    for number, (top, left, height, width) in enumerate(boxes, 1):
        labels[top : top + height, left : left + width] = number
    return labels


def scored(truth: Labels, predicted: Labels) -> ObjectScores:
    scores = compare_objects(truth, predicted).scores()
    assert scores is not None
    return scores


def test_the_truth_itself_is_perfect() -> None:
    truth = objects((2, 3, 10, 12), (20, 30, 8, 8))
    assert scored(truth, truth) == ObjectScores(100, 100, 0)


def test_one_object_moved_by_two_columns() -> None:
    """Overlap 10 x 8 of 10 x 10: Dice 0.8 both ways; the farthest pixel is two columns away."""
    scores = scored(objects((5, 5, 10, 10)), objects((5, 7, 10, 10)))
    assert scores == ObjectScores(f1=100, dice=pytest.approx(80), hausdorff_px=2)


def test_exactly_half_is_not_found_and_one_pixel_more_is() -> None:
    truth, half = objects((5, 5, 10, 10)), objects((5, 5, 10, 5))
    assert scored(truth, half).f1 == 0
    half[5, 10] = 1
    assert scored(truth, half).f1 == 100


def test_area_weights_in_both_directions() -> None:
    """True: 100 px found as it is, and 25 px missed. Predicted: those 100 px, and 50 px where nothing is.

    The missed object's nearest predicted one is the false one (8 rows down, 5 columns wider), and the other way round.
    """
    truth = objects((0, 0, 10, 10), (20, 40, 5, 5))
    predicted = objects((0, 0, 10, 10), (28, 40, 5, 10))
    scores = scored(truth, predicted)
    assert scores.f1 == pytest.approx(100 * 2 * 1 / (2 + 2))
    assert scores.dice == pytest.approx(100 * (100 / 125 + 100 / 150) / 2)
    apart = math.hypot(8, 5)  # from the false object's lower right pixel (32, 49) to the true one's (24, 44)
    assert scores.hausdorff_px == pytest.approx((25 / 125 * apart + 50 / 150 * apart) / 2)


def test_two_glands_taken_for_one_count_as_one_found() -> None:
    """The merged object matches the larger gland: Dice 2 * 100 / (100 + 160); the smaller one matches it as well."""
    truth = objects((5, 5, 10, 10), (5, 15, 10, 6))
    merged = objects((5, 5, 10, 16))
    scores = scored(truth, merged)
    assert scores.f1 == pytest.approx(100 * 2 / 3)
    of_true = (100 * 200 / 260 + 60 * 120 / 220) / 160
    assert scores.dice == pytest.approx(100 * (of_true + 200 / 260) / 2)
    assert scores.hausdorff_px == pytest.approx(((100 * 6 + 60 * 10) / 160 + 6) / 2)


def test_a_gland_in_two_parts_is_found_by_the_larger_one() -> None:
    truth = objects((5, 5, 10, 10))
    split = objects((5, 5, 10, 6), (5, 11, 10, 4))
    counts = compare_objects(truth, split)
    assert (counts.found, counts.n_true, counts.n_predicted) == (1, 1, 2)
    scores = counts.scores()
    assert scores is not None
    of_predicted = (60 * 120 / 160 + 40 * 80 / 140) / 100
    assert scores.dice == pytest.approx(100 * (120 / 160 + of_predicted) / 2)


def test_images_are_pooled_by_area_and_not_averaged() -> None:
    good = compare_objects(objects((0, 0, 10, 10)), objects((0, 0, 10, 10)))
    missed = compare_objects(objects((0, 0, 20, 20)), objects())
    scores = (good + missed).scores()
    assert scores is not None
    assert scores.f1 == pytest.approx(100 * 2 / 3)
    assert scores.dice == pytest.approx(100 * (100 / 500 + 1) / 2)
    assert scores.hausdorff_px == pytest.approx((400 / 500 * math.hypot(40, 60) + 0) / 2)


def test_no_object_anywhere_gives_no_score_and_none_predicted_gives_zero() -> None:
    assert compare_objects(objects(), objects()).scores() is None
    assert ObjectCounts().scores() is None
    one = compare_objects(objects((0, 0, 9, 9)), objects((0, 0, 9, 9)))
    assert ObjectCounts() + one == one
    assert scored(objects((0, 0, 9, 9)), objects()) == ObjectScores(0, 0, math.hypot(40, 60))
    assert scored(objects(), objects((0, 0, 9, 9))) == ObjectScores(0, 0, math.hypot(40, 60))


def test_hausdorff_looks_at_pixels_inside_too() -> None:
    """A disc in a ring's hole: its farthest pixel from the ring is its center, not its edge."""
    rows, columns = np.mgrid[:41, :41] - 20
    radius = np.hypot(rows, columns)
    disc, ring = radius <= 8, (radius >= 12) & (radius <= 14)
    assert scored(disc.astype(np.int32), ring.astype(np.int32)).hausdorff_px == 12


@pytest.mark.parametrize("seed", range(4))
def test_against_all_pairs_of_pixels(seed: int) -> None:
    """The same scores from the definition, with every distance between every two objects computed."""
    rng = np.random.default_rng(seed)
    truth, predicted = (
        connected_objects(rng.random((24, 30)) < 0.35, min_px=minimum) for minimum in (3, 1)
    )  # fmt: skip
    assert truth.max() > 5
    assert predicted.max() > 5
    scores = scored(truth, predicted)
    sides = [_by_definition(truth, predicted), _by_definition(predicted, truth)]
    assert scores.dice == pytest.approx(100 * np.mean([side[0] for side in sides]))
    assert scores.hausdorff_px == pytest.approx(np.mean([side[1] for side in sides]))


def _by_definition(own: Labels, other: Labels) -> tuple[float, float]:
    dice = distance = 0.0
    for number in range(1, own.max() + 1):
        mine = own == number
        values, counts = np.unique(other[mine & (other > 0)], return_counts=True)
        if len(values):
            match = other == values[counts.argmax()]
            dice += mine.sum() * 2 * (mine & match).sum() / (mine.sum() + match.sum())
            distance += mine.sum() * _all_pairs(mine, match)
        else:
            distance += mine.sum() * min(_all_pairs(mine, other == n) for n in range(1, other.max() + 1))
    area = (own > 0).sum()
    return float(dice / area), float(distance / area)


def _all_pairs(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    points = [np.argwhere(mask).astype(float) for mask in (a, b)]
    return float(max(directed_hausdorff(points[0], points[1])[0], directed_hausdorff(points[1], points[0])[0]))


def test_objects_of_a_mask_that_numbers_them() -> None:
    mask = np.zeros((8, 12), np.uint8)
    mask[1:4, 1:4], mask[1:4, 4:7], mask[6, 10], mask[1, 10] = 5, 9, 9, 30
    labels = true_objects(mask, mask > 0)
    assert labels.max() == 3
    assert (labels[2, 2], labels[2, 5], labels[6, 10], labels[1, 10]) == (1, 2, 2, 3)  # one number, one object
    assert labels[0, 0] == 0


def test_objects_of_a_mask_that_only_says_where() -> None:
    mask = np.zeros((8, 12), np.uint8)
    mask[1:4, 1:4], mask[5:7, 6:9] = 255, 255
    assert true_objects(mask, mask > 0).max() == 2
    assert true_objects(np.zeros((8, 12), np.uint8), np.zeros((8, 12), bool)).max() == 0


def test_connected_objects_drop_what_is_smaller_than_asked() -> None:
    foreground = objects((0, 0, 3, 3), (10, 10, 2, 2), (20, 20, 1, 1)) > 0
    assert connected_objects(foreground).max() == 3
    kept = connected_objects(foreground, min_px=4)
    assert kept.max() == 2
    assert (kept[0, 0], kept[10, 10], kept[20, 20]) == (1, 2, 0)
    assert connected_objects(~foreground & foreground).max() == 0


def plainly(truth: Labels, predicted: Labels) -> tuple[float, float, float]:
    """Detection F1, panoptic quality and aggregated Jaccard by sets of pixels, from the papers' definitions."""
    true = [set(zip(*np.nonzero(truth == n), strict=True)) for n in range(1, truth.max() + 1)]
    found = [set(zip(*np.nonzero(predicted == n), strict=True)) for n in range(1, predicted.max() + 1)]
    ious = [len(t & f) / len(t | f) for t in true for f in found]
    matched = [iou for iou in ious if iou > 0.5]
    false = len(true) - len(matched) + len(found) - len(matched)
    shared, either, used = 0, 0, set()
    for t in true:
        best = max(range(len(found)), key=lambda n: len(t & found[n]) / len(t | found[n]), default=None)
        if best is None or not t & found[best]:
            either += len(t)
            continue
        shared, either = shared + len(t & found[best]), either + len(t | found[best])
        used.add(best)
    either += sum(len(f) for n, f in enumerate(found) if n not in used)
    return (
        100 * len(matched) / (len(matched) + false / 2),
        100 * sum(matched) / (len(matched) + false / 2),
        100 * shared / either,
    )


@pytest.mark.parametrize("seed", range(6))
def test_instance_scores_are_those_of_a_plain_second_program(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def drawn() -> Labels:
        boxes = np.zeros((40, 60), np.int32)
        for number in range(1, 7):
            top, left = rng.integers(0, 34), rng.integers(0, 52)
            boxes[top : top + 6, left : left + 8] = number
        values = np.unique(boxes[boxes > 0])
        return np.searchsorted(np.concatenate([[0], values]), boxes).astype(np.int32)

    truth = drawn()
    predicted = np.roll(truth, int(rng.integers(0, 4)), axis=1) if seed % 2 else drawn()
    scores = compare_objects(truth, predicted).instance_scores()
    assert scores is not None
    assert (scores.detection_f1, scores.panoptic_quality, scores.aggregated_jaccard) == pytest.approx(
        plainly(truth, predicted)
    )


def test_instance_scores_are_pooled_over_images_and_none_without_objects() -> None:
    nothing = np.zeros((40, 60), np.int32)
    assert compare_objects(nothing, nothing).instance_scores() is None
    found, missed = objects((0, 0, 10, 10)), objects((0, 0, 10, 10))
    pooled = compare_objects(found, found) + compare_objects(missed, nothing)
    scores = pooled.instance_scores()
    assert scores is not None
    assert scores.detection_f1 == pytest.approx(100 * 2 / 3)
    assert scores.panoptic_quality == pytest.approx(100 * 2 / 3)
    assert scores.aggregated_jaccard == 50
