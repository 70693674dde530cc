"""What an accept would do, and which labels are the user's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from training_core.base.errors import MaskError
from training_core.class_maps.acceptance import acceptance, amount, area_at
from training_core.io import write_png
from training_core.project import LabelSource, Project

MakeProject = Callable[..., Project]
SIDE, OPEN = 96, 255
ACCEPTED = LabelSource.ACCEPTED_PREDICTION


def full(value: int) -> np.ndarray:
    return np.full((SIDE, SIDE), value, np.uint8)


def band(label: np.ndarray, rows: slice, value: int) -> np.ndarray:
    changed = label.copy()
    changed[rows] = value
    return changed


def yours(project: Project, name: str) -> np.ndarray:
    """What a later accept has to leave alone."""
    label = project.label(name)
    return np.asarray((label != OPEN) & (label != project.accepted(name)))


# --- the record -------------------------------------------------------------------------------------------------------


def test_accepted_pixels_are_told_from_painted_ones_over_any_number_of_edits(make_project: MakeProject) -> None:
    project = make_project()
    project.write_label("u_1", band(full(OPEN), slice(0, 10), 1), LabelSource.PAINTED)
    assert yours(project, "u_1")[:10].all()
    assert not (project.path / "accepted").exists()
    project.write_label("u_1", band(project.label("u_1"), slice(10, 96), 0), ACCEPTED, run_id="r1")
    again = Project.open(project.path)
    np.testing.assert_array_equal(yours(again, "u_1"), band(full(0), slice(0, 10), 1) == 1)
    again.write_label("u_1", band(again.label("u_1"), slice(20, 30), 1), LabelSource.CORRECTED)
    expected = np.zeros((SIDE, SIDE), bool)
    expected[:10] = expected[20:30] = True
    np.testing.assert_array_equal(yours(again, "u_1"), expected)


def test_painting_what_had_been_accepted_makes_it_the_users_own(make_project: MakeProject) -> None:
    project = make_project()
    project.write_label("u_1", full(0), ACCEPTED, run_id="r1")
    project.write_label("u_1", full(OPEN), LabelSource.CORRECTED)  # erased
    project.write_label("u_1", band(full(OPEN), slice(0, 10), 0), LabelSource.PAINTED)  # and painted in the same class
    assert yours(project, "u_1")[:10].all()
    assert yours(project, "u_1").sum() == 10 * SIDE


def test_accepting_over_paint_makes_it_accepted(make_project: MakeProject) -> None:
    project = make_project()
    project.write_label("u_1", full(1), LabelSource.PAINTED)
    project.write_label("u_1", band(full(1), slice(0, 10), 0), ACCEPTED, run_id="r1")
    assert not yours(project, "u_1")[:10].any()
    assert yours(project, "u_1")[10:].all()


def test_imported_labels_are_the_users_own(make_project: MakeProject) -> None:
    project = make_project()
    assert (project.label("a_1") != OPEN).any()
    np.testing.assert_array_equal(yours(project, "a_1"), project.label("a_1") != OPEN)


def test_a_damaged_record_loses_no_stroke(make_project: MakeProject) -> None:
    project = make_project()
    project.write_label("u_1", full(0), ACCEPTED, run_id="r1")
    write_png(project.path / "accepted" / "u_1.png", np.zeros((64, 48), np.uint8))
    with pytest.raises(MaskError, match=r"accepted/u_1\.png is 48 x 64 px.*the size of its image, 96 x 96 px"):
        project.accepted("u_1")
    project.write_label("u_1", full(1), LabelSource.CORRECTED)
    assert (project.label("u_1") == 1).all()
    (project.path / "labels" / "u_1.png").write_bytes(b"half a file")
    project.write_label("u_1", full(0), ACCEPTED, run_id="r1")
    assert not yours(project, "u_1").any()  # all of it was accepted just now


# --- what an accept would do ------------------------------------------------------------------------------------------


def test_an_accept_fills_gaps_and_replaces_accepted_labels_but_no_paint() -> None:
    label = np.array([[OPEN, 0, 0, 1, OPEN, 1]], np.uint8)
    accepted = np.array([[OPEN, 0, OPEN, OPEN, OPEN, 0]], np.uint8)
    ids = np.array([[1, 1, 1, 1, OPEN, 0]], np.uint8)
    everywhere = np.ones(label.shape, bool)
    kept = acceptance(ids, everywhere, label, accepted, replace=False)
    np.testing.assert_array_equal(kept.target, [[True, True, False, False, False, False]])
    assert (kept.kept, kept.overpainted) == (2, 0)
    replaced = acceptance(ids, everywhere, label, accepted, replace=True)
    np.testing.assert_array_equal(replaced.target, [[True, True, True, False, False, True]])
    assert (replaced.kept, replaced.overpainted) == (0, 2)
    nowhere = acceptance(ids, ~everywhere, label, accepted, replace=True)
    assert not nowhere.target.any()


def test_areas_and_pixels_are_counted_by_class_the_largest_first() -> None:
    ids = np.array([[1, 1, 0, 1], [0, 0, 0, 1], [1, 0, OPEN, OPEN]], np.uint8)
    counted = amount(ids, np.ones(ids.shape, bool))
    assert counted.areas == 4  # a class counts its areas apart from others, and corners do not touch
    assert list(counted.pixels.items()) == [(0, 5), (1, 5)]
    assert counted.total == 10
    larger = amount(np.array([[0, 3, 3], [3, 3, 0]], np.uint8), np.ones((2, 3), bool))
    assert (larger.areas, list(larger.pixels.items())) == (3, [(3, 4), (0, 2)])
    part = amount(ids, ids == 1)
    assert (part.areas, part.pixels) == (3, {1: 5})
    assert amount(ids, np.zeros(ids.shape, bool)).total == 0


def test_the_area_around_a_pixel() -> None:
    ids = np.array([[1, 1, 0], [0, 0, 1], [OPEN, 0, 1]], np.uint8)
    np.testing.assert_array_equal(area_at(ids, (0, 0)), [[True, True, False], [False] * 3, [False] * 3])
    assert area_at(ids, (2, 0)) is None
