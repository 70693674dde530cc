"""What a run without validation tiles holds out: how much of what, and what it never takes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training_core.base.arrays import UNLABELED
from training_core.data.held_out import MAX_TILES, continue_held_out, draw_held_out

Label = NDArray[np.uint8]


def strokes(*counts: int, side: int = 100) -> Label:
    """A tile with so many separate strokes of 2 x 8 px of each class: class 0 in the first columns, and so on."""
    label = np.full((side, side), UNLABELED, np.uint8)
    for class_id, count in enumerate(counts):
        for number in range(count):
            label[4 * number : 4 * number + 2, 10 * class_id : 10 * class_id + 8] = class_id
    return label


def held_strokes(label: Label, where: NDArray[np.bool_]) -> dict[int, int]:
    """Whole strokes that are held out, by class; a part of one is an error."""
    count: dict[int, int] = {}
    for class_id in range(3):
        for top in range(0, 100, 4):
            stroke = (slice(top, top + 2), slice(10 * class_id, 10 * class_id + 8))
            if label[stroke][0, 0] != UNLABELED:
                assert where[stroke].all() == where[stroke].any()
                count[class_id] = count.get(class_id, 0) + bool(where[stroke].all())
    return count


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_fifth_of_the_strokes_of_each_class_is_held_out(seed: int) -> None:
    labels = {"a": strokes(10, 4), "b": strokes(5, 6)}
    held = draw_held_out(labels, seed)
    counts = [held_strokes(labels[name], held.where[name]) if name in held.where else {} for name in labels]
    # 15 and 10 strokes: a fifth is 3 and 2
    assert [sum(each.get(c, 0) for each in counts) for c in (0, 1)] == [3, 2]
    for name, where in held.where.items():
        assert where.any()
        assert (labels[name][where] != UNLABELED).all()


def test_the_draw_depends_on_the_seed_alone() -> None:
    labels = {"a": strokes(20, 20), "b": strokes(20, 20)}
    first = draw_held_out(labels, 3)
    again = draw_held_out(dict(reversed(labels.items())), 3)
    other = draw_held_out(labels, 4)
    assert first.where.keys() == again.where.keys()
    assert all(np.array_equal(first.where[name], again.where[name]) for name in first.where)
    assert any(not np.array_equal(first.where[name], other.where.get(name)) for name in first.where)


@pytest.mark.parametrize("labels", [{"a": strokes(4, 4)}, {"a": strokes(20, 4)}, {"a": strokes(20)}, {}])
def test_where_two_classes_cannot_spare_a_stroke_nothing_is_held_out(labels: dict[str, Label]) -> None:
    assert not draw_held_out(labels, 0)


def test_a_class_with_few_strokes_keeps_them_all() -> None:
    labels = {"a": strokes(10, 10, 4)}
    assert held_strokes(labels["a"], draw_held_out(labels, 0).where["a"]) == {0: 2, 1: 2, 2: 0}


def test_no_tile_loses_all_its_strokes() -> None:
    labels = {f"t_{i}": strokes(1, 0) if i % 2 else strokes(0, 1) for i in range(7)} | {"big": strokes(5, 5)}
    for seed in range(5):
        held = draw_held_out(labels, seed)
        assert set(held.where) == {"big"}
        assert held_strokes(labels["big"], held.where["big"]) == {0: 1, 1: 1}


def test_a_fully_annotated_tile_gives_blocks() -> None:
    """16 blocks of 25 px: background 0 in all, 1 in the 8 on the left; a fifth is 3 of 16 and 1 of 8."""
    label = np.zeros((100, 100), np.uint8)
    label[::2, :50] = 1
    for seed in range(5):
        where = draw_held_out({"a": label}, seed).where["a"]
        blocks = where.reshape(4, 25, 4, 25).transpose(0, 2, 1, 3).reshape(4, 4, -1)
        assert (blocks.all(-1) == blocks.any(-1)).all()
        chosen = blocks.all(-1)
        assert (int(chosen[:, :2].sum()), int(chosen.sum())) == (1, 3)


def test_of_many_tiles_a_few_are_drawn_from_and_the_rare_class_is_among_them() -> None:
    labels = {f"t_{i:02}": strokes(10, 10) for i in range(30)} | {"rare": strokes(5, 5, 10)}
    for seed in range(3):
        held = draw_held_out(labels, seed)
        assert len(held.where) <= MAX_TILES
        assert held_strokes(labels["rare"], held.where["rare"])[2] == 2


def test_the_next_round_holds_out_the_same_and_a_share_of_new_tiles() -> None:
    labels = {"a": strokes(10, 10)}
    first = draw_held_out(labels, 0)
    assert not first.is_new_to_previous
    labels["a"][90:94, 90:94] = 0  # a correction on a tile that has been trained on: it is trained on
    labels["b"] = strokes(5, 5)
    second = continue_held_out(labels, first.where, ["a"], seed=1)
    assert second is not None
    assert second.is_new_to_previous
    assert np.array_equal(second.where["a"], first.where["a"])
    assert held_strokes(labels["b"], second.where["b"]) == {0: 1, 1: 1}


def test_what_the_user_removed_since_is_not_held_out_any_more() -> None:
    labels = {"a": strokes(10, 10)}
    first = draw_held_out(labels, 0)
    rows, columns = np.nonzero(first.where["a"] & (labels["a"] == 0))
    labels["a"][rows, columns] = UNLABELED  # only class 1 is left to judge: that is not enough
    assert continue_held_out(labels, first.where, ["a"], 0) is None
    labels = {"a": np.where(first.where["a"], strokes(10, 10), UNLABELED).astype(np.uint8)}  # nothing else is left
    assert continue_held_out(labels, first.where, ["a"], 0) is None
    assert continue_held_out({"a": strokes(10, 10, side=120)}, first.where, ["a"], 0) is None  # another image
