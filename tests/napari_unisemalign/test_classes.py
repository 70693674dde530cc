"""Text prompts are suggested by the classes' names, and taken over only by hand."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit

from napari_unisemalign.annotate.classes_view import NAME, PROMPT
from training_core.project import Project

pytestmark = pytest.mark.binding


def type_over(driver: Any, row: int, column: int, text: str, end: Qt.Key = Qt.Key.Key_Return) -> str:
    """Double-click a cell, clear its editor, type and end with a key; returns what the empty editor suggests."""
    table = driver.panel.classes.table
    driver.reveal(table)
    place: QPoint = table.visualItemRect(table.item(row, column)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    editors = table.viewport().findChildren(QLineEdit)  # an earlier one may not be deleted yet
    editor = next(each for each in editors if each.isVisible() and each.geometry().contains(place))
    suggested = editor.placeholderText()
    editor.selectAll()
    QTest.keyClick(editor, Qt.Key.Key_Delete)
    QTest.keyClicks(editor, text)

    QTest.keyClick(editor, end)
    QTest.qWait(1)  # Qt commits after the key is done with
    return str(suggested)


def test_a_tissue_word_suggests_its_prompt_and_one_click_takes_it_over(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    view = driver.panel.classes
    assert not view.suggestion_button.isVisible()  # what a new project was given is nothing to suggest again
    type_over(driver, 1, NAME, "Tumour")
    assert (project.classes[1].name, project.classes[1].prompt) == ("Tumour", "")
    driver.choose_class(1)
    assert view.suggestion.text() == "Suggested prompt: “an H&E image of tumor epithelium”"
    assert view.table.item(1, PROMPT).text() == ""
    driver.click(view.suggestion_button)
    assert project.classes[1].prompt == "an H&E image of tumor epithelium"
    assert view.table.item(1, PROMPT).text() == project.classes[1].prompt
    assert not view.suggestion_button.isVisible()


def test_tab_in_the_empty_prompt_takes_the_suggestion_and_in_a_typed_one_does_not(
    window: Any, project: Project
) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    type_over(driver, 1, NAME, "nerves")
    assert type_over(driver, 1, PROMPT, "", Qt.Key.Key_Tab) == "an H&E image of a peripheral nerve"
    assert project.classes[1].prompt == "an H&E image of a peripheral nerve"
    type_over(driver, 0, PROMPT, "glass", Qt.Key.Key_Tab)
    assert project.classes[0].prompt == "glass"


def test_what_somebody_typed_is_never_written_over(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    view = driver.panel.classes
    type_over(driver, 1, PROMPT, "round purple rings")
    type_over(driver, 1, NAME, "tumor")
    assert project.classes[1].prompt == "round purple rings"
    assert not view.suggestion_button.isVisible()
    assert view.suggestion.text() == ""


def test_a_tick_says_whether_a_class_is_made_of_objects(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    tick = driver.panel.classes.objects_check
    driver.choose_class(1)
    assert tick.isChecked()  # unless somebody says otherwise
    driver.click(tick)
    assert [each.made_of_objects for each in Project.open(project.path).classes] == [None, False]
    assert not tick.isChecked()
    driver.choose_class(0)  # the background
    assert not tick.isChecked()
    driver.choose_class(1)
    driver.click(tick)
    assert [each.made_of_objects for each in Project.open(project.path).classes] == [None, True]
    assert tick.isChecked()
