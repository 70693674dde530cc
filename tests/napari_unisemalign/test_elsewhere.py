"""The open project is changed by a command in a terminal: another process, on the same files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unisemalign.app.layer_values import LABELS, NAMES
from napari_unisemalign.tiles import elsewhere
from training_core.project import UNLABELED, LabelSource, Project


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window looks as often as it does for users; in the other tests nothing is to come between."""
    monkeypatch.setattr(elsewhere, "EVERY_MS", 200)


def in_a_terminal(code: str, project: Project, *arguments: str) -> None:
    start = "import sys, pathlib\nfrom training_core.project import LabelSource, Project\n"
    start += "project = Project.open(pathlib.Path(sys.argv[1]))\n"
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", start + code, str(project.path), *arguments], check=True, cwd=root)


def test_a_class_that_goes_elsewhere_goes_here_and_strokes_are_saved(
    window: Any, project: Project, often: None
) -> None:
    viewer, driver, _answers = window
    stroma = project.add_class("stroma").id
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[:10] = stroma
    project.write_label("tile_01", label, LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    driver.choose_class(stroma)
    with driver.watching():
        in_a_terminal(f"project.remove_class({stroma}, into=1)", project)
        driver.wait(lambda: driver.panel.classes.table.rowCount() == 2, "the list of classes")
        assert "removed the class stroma" in driver.panel.messages.text
        assert viewer.layers[NAMES[LABELS]].selected_label == 1  # background: the chosen class is gone
        assert (driver.label()[:10] == 1).all()
        driver.choose_class(1)
        driver.stroke([(60, 30)], 8)
        driver.wait_saved()
    saved = Project.open(project.path).label("tile_01")
    assert (saved[:10] == 1).all()
    assert saved[60, 30] == 1
    np.testing.assert_array_equal(saved, driver.label())


def test_a_stroke_begun_before_the_class_went_is_saved_with_what_the_pixels_became(
    window: Any, project: Project
) -> None:
    """The window has not noticed yet: the removed class is on its screen, and only the stroke is its own."""
    _viewer, driver, _answers = window
    stroma = project.add_class("stroma").id
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[:10] = stroma
    project.write_label("tile_01", label, LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    driver.choose_class(1)
    driver.stroke([(60, 30)], 8)
    in_a_terminal(f"project.remove_class({stroma}, into=0)", project)
    driver.wait_saved()
    saved = Project.open(project.path).label("tile_01")
    assert (saved[:10] == 0).all()
    assert saved[60, 30] == 1


def test_a_class_a_tile_and_a_label_of_another_show_here(window: Any, project: Project, often: None) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    with driver.watching():
        in_a_terminal("project.add_class('nerve')", project)
        driver.wait(lambda: driver.panel.classes.table.rowCount() == 3, "the class")
        assert "changed the classes: background, gland, nerve" in driver.panel.messages.text
        paint = "label = project.label('tile_01'); label[:20] = 1; "
        in_a_terminal(paint + "project.write_label('tile_01', label, LabelSource.PAINTED)", project)
        driver.wait(lambda: bool((driver.label()[:20] == 1).all()), "the label")
        in_a_terminal("project.remove_tiles(['tile_01', 'tile_03'])", project)
        driver.wait(lambda: driver.session.tile == "tile_02", "another tile")
    assert driver.session.tile_names() == ("tile_02", "tile_04")
