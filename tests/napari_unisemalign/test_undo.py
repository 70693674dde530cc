"""Undo and redo over strokes, accepts, rejections and tiles: the steps themselves, and by key and button."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_unisemalign.app.layer_values import NAMES, TILE
from napari_unisemalign.app.undo_stack import LabelStep, UndoStack
from training_core.project import Project, TileState

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def press(viewer: Any, key: Qt.Key, modifiers: Any) -> None:
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, key, modifiers)


def label_of(*pixels: tuple[int, int], value: int = 1, size: int = 64) -> np.ndarray:
    label = np.full((size, size), 255, np.uint8)
    for row, column in pixels:
        label[row, column] = value
    return label


def test_a_step_changes_only_what_it_changed() -> None:
    stack = UndoStack(lambda _tile: False)
    empty, first, second = label_of(), label_of((3, 4)), label_of((3, 4), (60, 2))
    stack.record("a", empty, first, "one")
    stack.record("a", first, second, "two")
    step = stack.undo()
    assert isinstance(step, LabelStep)
    assert step.what == "two"
    np.testing.assert_array_equal(step.undone(second), first)
    elsewhere = second.copy()
    elsewhere[60, 3] = 0  # painted since by another window
    undone = step.undone(elsewhere)
    assert undone[60, 2] == 255
    assert undone[60, 3] == 0
    again = stack.redo()
    assert isinstance(again, LabelStep)
    np.testing.assert_array_equal(again.redone(first), second)
    assert stack.next_redo is None


def test_a_new_change_ends_what_could_be_made_again_and_equal_labels_are_no_change() -> None:
    stack = UndoStack(lambda _tile: False)
    stack.record("a", label_of(), label_of((1, 1)), "one")
    stack.undo()
    stack.record("a", label_of(), label_of(), "nothing")
    assert stack.next_redo is not None
    stack.record("a", label_of(), label_of((2, 2)), "two")
    assert stack.next_redo is None
    with pytest.raises(ValueError, match="keeps the size"):
        stack.record("a", label_of(), label_of(size=32), "another size")


def test_the_oldest_steps_are_forgotten_where_memory_is_bounded() -> None:
    rng = np.random.default_rng(0)
    stack = UndoStack(lambda _tile: False, max_steps=1000, max_bytes=20_000)
    before = label_of()
    for _ in range(30):
        after = rng.integers(0, 200, (64, 64)).astype(np.uint8)  # hardly to be compressed: about 4 KB each
        stack.record("a", before, after, "noise")
        before = after
    assert stack.size_bytes <= 20_000
    kept = 0
    while stack.undo() is not None:
        kept += 1
    assert 1 <= kept <= 5


def test_undoing_an_accept_brings_back_the_strokes_and_the_state_before(
    window: Any, predicted_project: Project
) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.choose_class(1)
    driver.stroke([(50, 50)], 8)
    painted = driver.label()
    viewer.layers.selection.active = viewer.layers[NAMES[TILE]]
    driver.click(driver.panel.correct.accept_tile_button)
    accepted = driver.label()
    assert predicted_project.state("tile_01") is TileState.ACCEPTED
    press(viewer, Qt.Key.Key_Z, CTRL)
    np.testing.assert_array_equal(driver.label(), painted)
    np.testing.assert_array_equal(predicted_project.label("tile_01"), painted)
    assert predicted_project.state("tile_01") is TileState.LABELED
    press(viewer, Qt.Key.Key_Z, CTRL | SHIFT)
    np.testing.assert_array_equal(predicted_project.label("tile_01"), accepted)
    assert predicted_project.state("tile_01") is TileState.ACCEPTED
    press(viewer, Qt.Key.Key_Z, CTRL)
    press(viewer, Qt.Key.Key_Z, CTRL)
    assert not predicted_project.has_label("tile_01")
    press(viewer, Qt.Key.Key_Z, CTRL)  # nothing is left to undo: it says so and changes nothing
    assert not predicted_project.has_label("tile_01")
    np.testing.assert_array_equal(driver.label(), np.full((96, 96), 255))


def test_undo_goes_back_to_the_tile_that_was_changed(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    assert not driver.panel.painting.undo_button.isEnabled()
    driver.choose_class(1)
    driver.stroke([(30, 30)], 8)
    driver.show_tile("tile_02")
    driver.stroke([(40, 40)], 8)
    assert "tile_02" in driver.panel.painting.undo_button.toolTip()
    driver.click(driver.panel.painting.undo_button)
    assert driver.session.tile == "tile_02"
    assert not project.has_label("tile_02")
    assert project.has_label("tile_01")
    driver.click(driver.panel.painting.undo_button)
    assert driver.session.tile == "tile_01"
    assert not project.has_label("tile_01")
    assert not driver.panel.painting.undo_button.isEnabled()
    driver.click(driver.panel.painting.redo_button)
    assert project.has_label("tile_01")
    driver.click(driver.panel.painting.redo_button)
    assert driver.session.tile == "tile_02"
    assert project.has_label("tile_02")
    assert not driver.panel.painting.redo_button.isEnabled()


def test_a_rejection_is_taken_back_by_undo(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.click(driver.panel.correct.reject_button)
    assert predicted_project.rejection("tile_01").where.all()
    assert driver.prediction() is None
    driver.click(driver.panel.painting.undo_button)
    assert not predicted_project.rejection("tile_01").where.any()
    assert driver.prediction() is not None
    driver.click(driver.panel.painting.redo_button)
    assert predicted_project.rejection("tile_01").where.all()


@pytest.mark.nightly
def test_another_project_forgets_the_steps(window: Any, project: Project, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    driver.choose_class(1)
    driver.stroke([(30, 30)], 8)
    driver.wait_saved()
    driver.panel.controller.open_project(predicted_project.path)
    assert not driver.panel.painting.undo_button.isEnabled()
    assert project.has_label("tile_01")


@pytest.mark.nightly
def test_no_sentence_outlives_the_act_that_it_speaks_of(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view = driver.panel.correct
    advice = view.hint.text()
    for button, said in ((view.accept_tile_button, "Accepted"), (view.reject_button, "Rejected")):
        driver.click(button)
        assert view.hint.text().startswith(said)
        driver.click(driver.panel.painting.undo_button)
        assert view.hint.text() == advice
        driver.click(driver.panel.painting.redo_button)
        assert not view.hint.text().startswith(said + " ")
        driver.click(driver.panel.painting.undo_button)
        assert view.hint.text() == advice
