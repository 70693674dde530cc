"""Cleaning up predictions, against shapes whose answer is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from training_core.base.errors import UserError
from training_core.class_maps.clean_up import CleanUp, clean_up
from training_core.cli.main import main
from training_core.io import read_mask, write_png
from training_core.project import LabelSource, Project, make_classes
from training_core.project.classes import background_ids

BACKGROUND, GLAND, TUMOUR, OPEN = 0, 1, 2, 255


def empty(side: int = 120) -> np.ndarray:
    return np.zeros((side, side), np.uint8)


def disc(ids: np.ndarray, row: int, column: int, radius: int, value: int) -> None:
    rows, columns = np.mgrid[: ids.shape[0], : ids.shape[1]]
    ids[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = value


def test_nothing_asked_changes_nothing_and_the_given_mask_is_never_written_to() -> None:
    ids = empty()
    disc(ids, 60, 60, 3, GLAND)
    before = ids.copy()
    assert CleanUp().is_nothing
    np.testing.assert_array_equal(clean_up(ids, CleanUp(), {BACKGROUND}), ids)
    cleaned = clean_up(ids, CleanUp(smooth_px=4, max_hole_px=9, min_object_px=100, split_px=2), {BACKGROUND})
    assert (cleaned == BACKGROUND).all()
    np.testing.assert_array_equal(ids, before)


def test_small_objects_take_the_class_around_them_and_large_ones_stay() -> None:
    ids = empty()
    disc(ids, 40, 40, 25, GLAND)
    ids[38:41, 38:41] = TUMOUR  # 9 px inside the gland
    ids[100:103, 100:104] = GLAND  # 12 px on background
    cleaned = clean_up(ids, CleanUp(min_object_px=12), {BACKGROUND})
    assert (cleaned[38:41, 38:41] == GLAND).all()
    np.testing.assert_array_equal(cleaned[90:], ids[90:])  # exactly the limit is not below it
    assert (clean_up(ids, CleanUp(min_object_px=13), {BACKGROUND})[90:] == BACKGROUND).all()


def test_background_is_no_object_unless_it_is_a_class_like_others() -> None:
    ids = empty()
    disc(ids, 60, 60, 30, GLAND)
    disc(ids, 60, 60, 2, BACKGROUND)  # a lumen
    assert (clean_up(ids, CleanUp(min_object_px=50), {BACKGROUND}) == ids).all()
    assert clean_up(ids, CleanUp(min_object_px=50))[60, 60] == GLAND


def test_a_tile_of_one_small_object_is_left_as_it_is() -> None:
    ids = np.full((5, 5), GLAND, np.uint8)
    np.testing.assert_array_equal(clean_up(ids, CleanUp(min_object_px=100), {BACKGROUND}), ids)


def test_holes_are_filled_up_to_their_size_and_never_over_another_class() -> None:
    ids = empty()
    disc(ids, 60, 60, 40, GLAND)
    ids[40:44, 40:44] = BACKGROUND  # 16 px
    ids[60:65, 60:65] = BACKGROUND  # 25 px
    ids[75:78, 60:63] = TUMOUR
    ids[80:83, 80:83] = OPEN
    cleaned = clean_up(ids, CleanUp(max_hole_px=16), {BACKGROUND})
    expected = ids.copy()
    expected[40:44, 40:44] = GLAND
    expected[80:83, 80:83] = GLAND
    np.testing.assert_array_equal(cleaned, expected)


def test_what_reaches_the_edge_is_no_hole() -> None:
    ids = np.full((20, 20), GLAND, np.uint8)
    ids[:3, 5:8] = BACKGROUND
    np.testing.assert_array_equal(clean_up(ids, CleanUp(max_hole_px=100), {BACKGROUND}), ids)


def test_smoothing_takes_bumps_off_and_keeps_straight_borders_and_areas() -> None:
    ids = empty()
    ids[:, 60:] = GLAND
    straight = ids.copy()
    ids[50:52, 55:60] = GLAND  # a bump
    ids[80:82, 60:65] = BACKGROUND  # a bay
    cleaned = clean_up(ids, CleanUp(smooth_px=8), {BACKGROUND})
    assert (cleaned[:, :59] == BACKGROUND).all()  # what was there bends the border by a pixel at most
    assert (cleaned[:, 61:] == GLAND).all()
    np.testing.assert_array_equal(clean_up(straight, CleanUp(smooth_px=8)), straight)
    round_one = empty()
    disc(round_one, 60, 60, 30, GLAND)
    area = (clean_up(round_one, CleanUp(smooth_px=6)) == GLAND).sum()
    assert area == pytest.approx((round_one == GLAND).sum(), rel=0.02)


@pytest.mark.parametrize("background", [(BACKGROUND,), ()])
def test_touching_objects_come_apart_at_their_waist(background: tuple[int, ...]) -> None:
    ids = empty()
    disc(ids, 60, 38, 22, GLAND)
    disc(ids, 60, 78, 22, GLAND)
    assert ndimage.label(ids == GLAND)[1] == 1
    cleaned = clean_up(ids, CleanUp(split_px=3), {BACKGROUND} if background else {BACKGROUND, TUMOUR})
    for structure in (None, np.ones((3, 3))):
        assert ndimage.label(cleaned == GLAND, structure)[1] == 2
    changed = cleaned != ids
    assert 0 < changed.sum() < 80
    assert set(np.argwhere(changed)[:, 1]) <= {57, 58, 59}
    assert (cleaned[changed] == (BACKGROUND if background else OPEN)).all()


def test_long_objects_and_lone_ones_stay_whole() -> None:
    ids = empty()
    ids[20:40, 5:115] = GLAND
    disc(ids, 90, 60, 20, TUMOUR)
    np.testing.assert_array_equal(clean_up(ids, CleanUp(split_px=2), {BACKGROUND}), ids)


def test_a_negative_number_is_refused_in_words() -> None:
    with pytest.raises(UserError, match="min_object_px is -1"):
        CleanUp(min_object_px=-1)


def test_background_is_known_by_its_name() -> None:
    assert background_ids(make_classes(("Gland", "Background", "stroma"))) == {1}
    assert background_ids(make_classes(("tumour", "stroma"))) == frozenset()


# --- in the commands --------------------------------------------------------------------------------------------------


def speckled(project: Project) -> np.ndarray:
    """A prediction of u_1 with a speck and a gland; returns it as it should be without the speck."""
    ids = np.zeros((96, 96), np.uint8)
    disc(ids, 50, 50, 20, GLAND)
    clean = ids.copy()
    ids[3:6, 3:6] = GLAND
    folder = project.runs_dir / "r1" / "predictions"
    for kind in ("prediction", "pseudo_label", "confidence"):
        write_png(folder / f"u_1.{kind}.png", ids)
    (project.runs_dir / "r1" / "summary.json").write_text("{}")
    return clean


def test_export_cleans_predictions_but_no_label(make_project: Callable[..., Project], tmp_path: Path) -> None:
    project = make_project()
    project.update_class(0, name="background")
    clean = speckled(project)
    label = np.full((96, 96), OPEN, np.uint8)
    label[90:92, 90:92] = GLAND  # as small as the speck, and the user's
    project.write_label("u_1", label, LabelSource.PAINTED)
    command = ["export", str(project.path), "--min-object", "20", "-o"]
    assert main([*command, str(tmp_path / "p"), "--content", "predictions"]) == 0
    np.testing.assert_array_equal(read_mask(tmp_path / "p" / "u_1.png"), clean)
    assert json.loads((tmp_path / "p" / "classes.json").read_text())["clean_up"]["min_object_px"] == 20
    assert main([*command, str(tmp_path / "m"), "--content", "merged"]) == 0
    np.testing.assert_array_equal(read_mask(tmp_path / "m" / "u_1.png"), np.where(label == OPEN, clean, label))


def test_labels_are_not_cleaned_and_numbers_are_checked(
    make_project: Callable[..., Project], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project()
    command = ["export", str(project.path), "-o", str(tmp_path / "out")]
    assert main([*command, "--min-object", "20"]) == 2
    assert "annotations are exported as they are" in capsys.readouterr().err
    assert main([*command, "--content", "merged", "--split", "-2"]) == 2
    assert "split_px is -2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
