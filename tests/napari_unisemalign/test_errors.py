"""Errors are sentences with a next step; what a programmer needs is behind a button and can be copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QTest

from napari_unisemalign.shell.details_view import DetailsDialog
from training_core.project import Project


def test_an_error_says_what_to_try_and_keeps_its_traceback_behind_a_button(window: Any, tmp_path: Path) -> None:
    _viewer, driver, answers = window
    messages = driver.panel.messages
    driver.panel.controller.open_project(tmp_path)
    given, needed, hint = messages.text.splitlines()
    assert "is not a project" in given
    assert needed.startswith("Needed: ")
    assert hint == "Try: check the path, or create a project from your images."  # no command of a terminal
    assert "Traceback" not in messages.text
    QTest.mouseClick(messages.details_button, Qt.MouseButton.LeftButton)
    assert "Traceback" in answers.asked[-1]
    assert "ProjectError" in answers.asked[-1]


def test_a_bug_is_raised_and_told_in_the_panel(window: Any, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    _viewer, driver, answers = window
    controller = driver.panel.controller
    controller.open_project(project.path)
    monkeypatch.setattr(controller.layers, "show_tile", lambda *_args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        controller.tiles.show("tile_02")
    assert "Unexpected error" in driver.panel.messages.text
    assert "Try: " in driver.panel.messages.text
    QTest.mouseClick(driver.panel.messages.details_button, Qt.MouseButton.LeftButton)
    assert "ZeroDivisionError" in answers.asked[-1]


def test_the_details_can_be_copied_with_the_versions(qtbot: Any) -> None:
    dialog = DetailsDialog("Traceback: something", None)
    qtbot.addWidget(dialog)
    dialog.show()
    QTest.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert "Traceback: something" in copied
    assert copied.startswith("napari-unisemalign ")
    QTest.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()
