"""A folder where a file of the project has to be: that change is refused, and no other waits for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import numpy as np
import pytest

from training_core.base.errors import UnwritableFileError, UserError
from training_core.project import LabelSource, Project


def test_a_folder_in_the_place_of_a_label_holds_up_no_other(make_project: Callable[..., Project]) -> None:
    project = make_project()
    before = project.label("a_1")
    place, kept = project.path / "labels" / "a_1.png", project.path / "kept.png"
    place.rename(kept)
    place.mkdir()
    label = np.ones((96, 96), np.uint8)
    project.write_label("u_1", label, LabelSource.PAINTED)
    with pytest.raises(UnwritableFileError, match="there is a folder where a file is needed"):
        project.write_label("a_1", label, LabelSource.PAINTED)
    np.testing.assert_array_equal(project.label("u_1"), label)
    assert not (project.path / "project.journal").exists()
    assert not list(project.path.rglob(".*.tmp"))
    project.write_label("a_2", label, LabelSource.PAINTED)
    again = Project.open(project.path)
    np.testing.assert_array_equal(again.label("a_2"), label)
    shutil.rmtree(place)
    kept.rename(place)
    np.testing.assert_array_equal(again.label("a_1"), before)
    again.write_label("a_1", label, LabelSource.PAINTED)
    np.testing.assert_array_equal(Project.open(project.path).label("a_1"), label)


def test_a_folder_in_the_place_of_a_history_holds_up_no_other(make_project: Callable[..., Project]) -> None:
    project = make_project()
    place = project.path / "labels" / "a_1.json"
    place.unlink()
    place.mkdir()
    before, label = project.label("a_1"), np.ones((96, 96), np.uint8)
    with pytest.raises(UserError, match="a_1"):
        project.write_label("a_1", label, LabelSource.PAINTED)
    np.testing.assert_array_equal(project.label("a_1"), before)
    project.write_label("a_2", label, LabelSource.PAINTED)
    np.testing.assert_array_equal(Project.open(project.path).label("a_2"), label)
    place.rmdir()
    project.write_label("a_1", label, LabelSource.PAINTED)
    np.testing.assert_array_equal(Project.open(project.path).label("a_1"), label)
