"""Removing a class that labels use, by the real button and the real question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication

from napari_unisemalign.annotate.class_removal_view import RemoveClassDialog
from napari_unisemalign.app.layer_values import LABELS, NAMES, PREDICTION
from training_core.project import UNLABELED, LabelSource, Project

Press = Callable[[RemoveClassDialog], QAbstractButton]


def press_when_asked(press: Press) -> list[str]:
    """When the question is on the screen, press this button of it; returns where its words will be."""
    said: list[str] = []
    timer = QTimer(QApplication.instance())

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, RemoveClassDialog):
            timer.stop()
            said.append(dialog.words.text())
            QTest.mouseClick(press(dialog), Qt.MouseButton.LeftButton)

    timer.timeout.connect(look)
    timer.start(20)
    return said


def into(name: str) -> Press:
    def press(dialog: RemoveClassDialog) -> QAbstractButton:
        combo = dialog.into_combo
        combo.setCurrentIndex(combo.findText(name))
        combo.activated.emit(combo.currentIndex())
        return dialog.remove_button

    return press


@pytest.fixture
def stroma(project: Project) -> int:
    """A third class, on two tiles."""
    added = project.add_class("stroma")
    for name, rows in (("tile_01", 10), ("tile_02", 5)):
        label = np.full((96, 96), UNLABELED, np.uint8)
        label[:rows] = added.id
        label[50:60] = 1
        project.write_label(name, label, LabelSource.PAINTED)
    return added.id


def test_the_question_has_the_counts_and_cancel_changes_nothing(window: Any, project: Project, stroma: int) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    driver.choose_class(stroma)
    with driver.watching():
        said = press_when_asked(lambda dialog: dialog.cancel_button)
        driver.click(driver.panel.classes.remove_button)
    assert "“stroma” is annotated on 2 tiles, 1,440 pixels." in said[0]
    assert [each.id for each in project.classes] == [0, 1, stroma]
    assert (project.label("tile_02")[:5] == stroma).all()
    assert not driver.panel.controller.session.undo.next_undo


def test_its_pixels_become_not_labelled_and_undo_brings_all_back(window: Any, project: Project, stroma: int) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    driver.choose_class(stroma)
    driver.stroke([(30, 30)], 8)  # not saved yet when the button is pressed
    before = driver.label()
    painted = int((before == stroma).sum())
    with driver.watching():
        said = press_when_asked(lambda dialog: dialog.remove_button)
        driver.click(driver.panel.classes.remove_button)
    assert f"{painted + 480:,} pixels" in said[0]
    assert driver.panel.classes.table.rowCount() == 2
    expected = np.where(before == stroma, UNLABELED, before)
    np.testing.assert_array_equal(driver.label(), expected)
    np.testing.assert_array_equal(project.label("tile_01"), expected)
    assert (project.label("tile_02")[:5] == UNLABELED).all()
    assert (project.label("tile_02")[50:60] == 1).all()
    assert viewer.layers[NAMES[LABELS]].selected_label == 1
    assert project.label_edits("tile_02")[-1].source is LabelSource.CLASS_REMOVED

    driver.show_tile("tile_03")
    driver.click(driver.panel.painting.undo_button)
    assert [each.id for each in project.classes] == [0, 1, stroma]
    assert driver.session.class_id == stroma
    assert driver.session.tile == "tile_03"
    np.testing.assert_array_equal(project.label("tile_01"), before)
    assert (project.label("tile_02")[:5] == stroma).all()

    driver.click(driver.panel.painting.redo_button)
    assert [each.id for each in project.classes] == [0, 1]
    np.testing.assert_array_equal(project.label("tile_01"), expected)
    driver.show_tile("tile_01")
    np.testing.assert_array_equal(driver.label(), expected)
    driver.click(driver.panel.painting.undo_button)
    driver.click(driver.panel.painting.undo_button)  # and the stroke before
    assert (project.label("tile_01")[25:35] == UNLABELED).all()
    assert (driver.label()[:10] == stroma).all()


def test_its_pixels_become_another_class_and_keys_follow(window: Any, project: Project, stroma: int) -> None:
    viewer, driver, _answers = window
    project.add_class("necrosis")
    driver.panel.controller.open_project(project.path)
    driver.choose_class(stroma)
    with driver.watching():
        press_when_asked(into("gland"))
        driver.click(driver.panel.classes.remove_button)
    assert (driver.label()[:10] == 1).all()
    assert (project.label("tile_02")[:5] == 1).all()
    assert driver.session.class_id == 1
    table = driver.panel.classes.table
    assert [(table.item(row, 0).text(), table.item(row, 2).text()) for row in range(3)] == [
        ("1", "background"),
        ("2", "gland"),
        ("3", "necrosis"),
    ]
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_3)
    assert viewer.layers[NAMES[LABELS]].selected_label == 4  # the number of necrosis did not change
    assert driver.panel.painting.undo_button.toolTip() == "Undo: the removal of class stroma"


def test_what_was_predicted_as_the_class_is_not_shown_any_longer(
    window: Any, project: Project, stroma: int, truths: Any, add_run: Callable[..., None]
) -> None:
    viewer, driver, _answers = window
    ids = truths["tile_01"].copy()
    ids[:20] = stroma
    add_run(project, "20260101-000000", {"tile_01": ids})
    driver.panel.controller.open_project(project.path)
    driver.wait(lambda: NAMES[PREDICTION] in viewer.layers and viewer.layers[NAMES[PREDICTION]].visible, "the overlay")
    assert viewer.layers[NAMES[PREDICTION]].colormap.map(stroma + 1)[3] == 1
    driver.choose_class(stroma)
    with driver.watching():
        press_when_asked(lambda dialog: dialog.remove_button)
        driver.click(driver.panel.classes.remove_button)
    assert viewer.layers[NAMES[PREDICTION]].colormap.map(stroma + 1)[3] == 0  # transparent
    driver.click(driver.panel.correct.accept_tile_button)
    expected = np.where(ids == stroma, UNLABELED, ids)
    expected[50:60] = 1  # painted before
    np.testing.assert_array_equal(project.label("tile_01"), expected)


@pytest.mark.nightly
def test_a_name_that_is_taken_meanwhile_keeps_the_removal_to_be_taken_back_later(
    window: Any, project: Project, stroma: int
) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    driver.choose_class(stroma)
    with driver.watching():
        press_when_asked(lambda dialog: dialog.remove_button)
        driver.click(driver.panel.classes.remove_button)
        other = project.add_class("stroma")
        driver.click(driver.panel.painting.undo_button)
        assert "two classes named stroma" in driver.panel.messages.text
        project.update_class(other.id, name="fibres")
        driver.click(driver.panel.painting.undo_button)
    assert [each.id for each in project.classes] == [0, 1, stroma, other.id]
    assert (driver.label()[:10] == stroma).all()
