"""The history of the tile on screen: after a restart too, with a picture, and as a step that Undo takes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QWidget

from napari_unisemalign.annotate.label_history_view import LabelHistoryDialog
from napari_unisemalign.shell.dialogs import WindowDialogs
from training_core.base.errors import MaskError
from training_core.project import UNLABELED, LabelSource, Project


def label(rows: int) -> np.ndarray:
    painted = np.full((96, 96), UNLABELED, np.uint8)
    painted[:rows] = 1
    return painted


def test_a_version_of_an_earlier_session_is_restored_and_undone(window: Any, project: Project) -> None:
    _viewer, driver, answers = window
    project.write_label("tile_01", label(10), LabelSource.PAINTED)
    project.write_label("tile_01", label(0), LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    answers.version = 0
    driver.panel.controller.history.show()
    (asked,) = answers.asked
    assert asked.startswith("label_history tile_01")
    assert "painted, 960 pixels" in asked
    assert "Before anything was annotated" in asked
    np.testing.assert_array_equal(driver.label(), label(10))
    np.testing.assert_array_equal(Project.open(project.path).label("tile_01"), label(10))
    driver.panel.controller.undo.undo()
    np.testing.assert_array_equal(driver.label(), label(0))
    driver.wait_saved()
    np.testing.assert_array_equal(Project.open(project.path).label("tile_01"), label(0))


def test_strokes_that_were_not_saved_yet_are_a_version_too(window: Any, project: Project) -> None:
    _viewer, driver, answers = window
    project.write_label("tile_01", label(10), LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    driver.choose_class(1)
    driver.stroke([(60, 30)], 8)
    stroked = driver.label()
    answers.version = 0
    driver.panel.controller.history.show()
    np.testing.assert_array_equal(driver.label(), label(10))
    np.testing.assert_array_equal(project.label_version("tile_01", 2).label, stroked)


def test_a_copy_of_a_cloud_drive_is_told_of_on_opening_and_restored(window: Any, project: Project) -> None:
    _viewer, driver, answers = window
    project.write_label("tile_01", label(10), LabelSource.PAINTED)
    copy = project.path / "labels" / "tile_01-LAB-3.png"
    Image.fromarray(label(30)).save(copy)
    told: list[str] = []
    driver.panel.controller.context.reporter.warning = told.append
    driver.panel.controller.open_project(project.path)
    (words,) = told
    assert "labels/tile_01-LAB-3.png" in words
    assert "project repair" in words
    answers.version = 0
    driver.panel.controller.history.show()
    assert "changed elsewhere at the same time (labels/tile_01-LAB-3.png)" in answers.asked[0]
    np.testing.assert_array_equal(driver.label(), label(30))
    driver.wait_saved()
    np.testing.assert_array_equal(Project.open(project.path).label("tile_01"), label(30))
    np.testing.assert_array_equal(np.asarray(Image.open(copy)), label(30))


@pytest.mark.nightly
def test_a_tile_without_versions_says_so_and_a_cancelled_question_changes_nothing(
    window: Any, project: Project
) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(project.path)
    told: list[str] = []
    driver.panel.controller.context.reporter.info = told.append
    driver.panel.controller.history.show()
    assert told == ["The annotations of tile_01 have no earlier versions."]
    assert answers.asked == []
    driver.choose_class(1)
    driver.stroke([(60, 30)], 8)
    before = driver.label()
    driver.panel.controller.history.show()
    assert len(answers.asked) == 1
    np.testing.assert_array_equal(driver.label(), before)


def test_the_real_dialog_shows_each_version(qtbot: Any) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    seen: list[tuple[int, ...]] = []

    def picture(place: int) -> np.ndarray:
        if place == 1:
            raise MaskError("the file is damaged", "a mask", "choose another version")
        return np.full((20, 30, 3), (200, 10 * place, 0), np.uint8)

    def choose() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, LabelHistoryDialog)
        shown = dialog.picture.pixmap().toImage().pixelColor(5, 5)
        seen.append((shown.red(), shown.green(), shown.blue()))
        assert dialog.restore_button.isEnabled()
        dialog.versions.setCurrentRow(1)
        assert "The file is damaged" in dialog.picture.text()
        assert not dialog.restore_button.isEnabled()
        dialog.versions.setCurrentRow(2)
        shown = dialog.picture.pixmap().toImage().pixelColor(5, 5)
        seen.append((shown.red(), shown.green(), shown.blue()))
        dialog.restore_button.click()

    QTimer.singleShot(200, choose)
    assert WindowDialogs(parent).label_history("a", ["newest", "damaged", "oldest"], picture, "") == 2
    assert seen == [(200, 0, 0), (200, 20, 0)]


def test_in_a_window_that_only_looks_none_can_be_restored(qtbot: Any) -> None:
    dialog = LabelHistoryDialog("a", ["newest"], lambda _place: np.zeros((9, 9, 3), np.uint8), "Only to look at.")
    qtbot.addWidget(dialog)
    assert not dialog.restore_button.isEnabled()
    assert dialog.restore_button.toolTip() == "Only to look at."
