"""What simulated annotators paint: true classes only, by habit, the same for a seed."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import UNLABELED
from training_core.cli.main import build_parser
from training_core.io import read_mask
from training_core.measuring.accuracy.annotators import MARGIN_PX, OUTLINE_PX, Annotator
from training_core.measuring.accuracy.choices import ABOUT, HABITS, Habit

Mask = NDArray[np.uint8]
SIZE = 240


def tissue(seed: int, classes: Sequence[int] = (0, 1, 2, 7)) -> Mask:
    """Ground of the first class, in each quarter but one a disc of another, and a corner whose truth is not known."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    mask = np.full((SIZE, SIZE), classes[0], np.uint8)
    for class_id, center in zip(classes[1:], ((60, 60), (60, 180), (180, 60)), strict=False):
        row, column = center + rng.integers(-8, 9, 2)
        mask[np.hypot(rows - row, columns - column) < rng.integers(28, 40)] = class_id
    mask[-20:, -20:] = UNLABELED
    return mask


@pytest.fixture(scope="module")
def tiles() -> dict[str, Mask]:
    return {f"tile_{seed}": tissue(seed) for seed in range(4)}


@pytest.mark.parametrize("habit", HABITS)
def test_what_is_painted_is_true_and_only_some_of_it(tiles: dict[str, Mask], habit: Habit) -> None:
    painted = Annotator(habit, 0).paint(tiles)
    assert list(painted) == list(tiles)
    for name, mask in tiles.items():
        covered = painted[name] != UNLABELED
        assert (painted[name][covered] == mask[covered]).all()
        assert painted[name].dtype == np.uint8
        assert 0.005 < covered.mean() < 0.4


@pytest.mark.parametrize("habit", [habit for habit in HABITS if habit != "one-class"])
def test_every_class_of_a_tile_is_painted(tiles: dict[str, Mask], habit: Habit) -> None:
    for name, painted in Annotator(habit, 1).paint(tiles).items():
        assert set(np.unique(painted)) == set(np.unique(tiles[name])), name


@pytest.mark.parametrize("habit", HABITS)
def test_the_seed_decides(tiles: dict[str, Mask], habit: Habit) -> None:
    squares = np.zeros((SIZE, SIZE), np.uint8)
    for row in range(10, 200, 40):
        for column in range(10, 200, 40):
            squares[row : row + 20, column : column + 20] = 1
    drawn = {**tiles, "squares": squares}
    first, again, other = (Annotator(habit, seed).paint(drawn) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in drawn)
    assert any(not np.array_equal(first[name], other[name]) for name in drawn)


@pytest.mark.parametrize("habit", ["strokes", "long", "dots"])
def test_strokes_and_dots_stay_off_borders(habit: Habit) -> None:
    """Their middle is 8 px inside and they are at most 12 px wide: at a straight border a pixel or two are left."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[:, 100:] = 1
    for seed in range(5):
        painted = Annotator(habit, seed).paint({"a": mask})["a"]
        assert (painted[:, 99:101] == UNLABELED).all()
        assert (painted[:, :99] != 1).all()
        assert (painted[:, 101:] != 0).all()


def test_four_strokes_or_one_four_times_as_long() -> None:
    """On ground so large that strokes neither meet nor turn: a step of 5 px adds at most 5 x 12 px."""
    ground = {"a": np.zeros((2000, 2000), np.uint8)}
    strokes, long = (Annotator(habit, 0).paint(ground)["a"] == 0 for habit in ("strokes", "long"))
    assert ndimage.label(strokes)[1] == 4
    assert ndimage.label(long)[1] == 1
    assert 0.5 * 4 * 120 * 12 < strokes.sum() < 1.1 * 4 * 120 * 12
    assert 0.5 * 480 * 12 < long.sum() < 1.1 * 480 * 12


def test_dots_are_small_and_many() -> None:
    dots, count = ndimage.label(Annotator("dots", 0).paint({"a": np.zeros((2000, 2000), np.uint8)})["a"] == 0)
    assert 35 <= count <= 40  # two may touch
    assert np.median(np.bincount(dots.ravel())[1:]) == pytest.approx(np.pi * 5**2, rel=0.3)


def test_outlines_follow_both_sides_of_a_border() -> None:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[60:120, 80:150] = 1
    painted = Annotator("outlines", 0).paint({"a": mask})["a"]
    expected = np.full_like(mask, UNLABELED)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    outside = np.hypot(
        np.maximum(np.maximum(60 - rows, rows - 119), 0), np.maximum(np.maximum(80 - columns, columns - 149), 0)
    )
    inside = np.minimum(np.minimum(rows - 59, 120 - rows), np.minimum(columns - 79, 150 - columns))
    expected[(outside <= OUTLINE_PX) & (mask == 0)] = 0
    expected[(inside <= OUTLINE_PX) & (mask == 1)] = 1
    assert np.array_equal(painted, expected)


def test_an_object_is_filled_exactly() -> None:
    """Of two objects one; of the ground, which is none, a disc of a sixteenth of the tile or less."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[20:60, 20:60], mask[150:200, 150:180] = 1, 1
    for seed in range(4):
        painted = Annotator("object", seed).paint({"a": mask})["a"]
        assert int((painted == 1).sum()) in (40 * 40, 50 * 30)
        assert ndimage.label(painted == 1)[1] == 1
        assert 0 < (painted == 0).sum() <= mask.size / 16 * 1.02


def test_one_class_a_tile_and_each_class_in_turn(tiles: dict[str, Mask]) -> None:
    painted = Annotator("one-class", 0).paint(tiles)
    classes = [tuple(np.unique(each[each != UNLABELED])) for each in painted.values()]
    assert sorted(classes) == [(0,), (1,), (2,), (7,)]


def test_a_thin_class_is_painted_too() -> None:
    """A band of 5 px, in which nothing is 8 px from its border."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[100:105] = 1
    assert 2 * MARGIN_PX > 5
    for habit in ("strokes", "long", "dots"):
        painted = Annotator(habit, 0).paint({"a": mask})["a"]
        assert (painted == 1).any(), habit
        assert (mask[painted == 1] == 1).all()


def test_where_nothing_is_known_nothing_is_painted() -> None:
    unknown = {"a": np.full((SIZE, SIZE), UNLABELED, np.uint8)}
    for habit in HABITS:
        assert (Annotator(habit, 0).paint(unknown)["a"] == UNLABELED).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_strokes_are_those_that_were_measured(shared_dir: Path, seed: int) -> None:
    """Pixel by pixel those of the script that made the masks of earlier figures: 2.4 % of the 7 images of glas_10."""
    script = runpy.run_path(str(shared_dir / "strokes.py"))
    data = shared_dir / "data" / "glas"
    names = (data / "splits" / "glas_10_labeled.txt").read_text().split()
    masks = {name: read_mask(data / "masks" / f"{name}.png") for name in names}
    painted = Annotator("strokes", seed).paint({name: (mask > 0).astype(np.uint8) for name, mask in masks.items()})
    rng = np.random.default_rng(seed)
    for name, mask in masks.items():
        expected = script["strokes"](mask, [0, 255], 4, 12, rng)
        meaning = np.full(256, UNLABELED, np.uint8)
        meaning[[0, 255]] = 0, 1
        assert np.array_equal(painted[name], meaning[expected])
    share = sum((each != UNLABELED).sum() for each in painted.values()) / sum(mask.size for mask in masks.values())
    assert round(100 * share, 1) == 2.4


def test_the_help_says_what_each_habit_is() -> None:
    assert set(ABOUT) == set(HABITS)
    args = build_parser().parse_args(["benchmark", "demo", "--strokes", "one-class", "--strokes-seed", "2"])
    assert (args.strokes, args.strokes_seed) == ("one-class", 2)
