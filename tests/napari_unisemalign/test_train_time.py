"""How long to train: the real list of names and the real box of minutes, which follow each other."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QComboBox

from training_core.project import Project
from training_core.settings.variants import PRESET_MINUTES


@pytest.fixture
def time(window: Any, project: Project) -> Any:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    driver.reveal(driver.panel.train.time)
    return driver.panel.train.time


def choose(combo: Any, name: str) -> None:
    """With the arrow keys."""
    combo.setFocus()
    step = combo.findText(name) - combo.currentIndex()
    for _ in range(abs(step)):
        QTest.keyClick(combo, Qt.Key.Key_Down if step > 0 else Qt.Key.Key_Up)
    assert combo.currentText() == name


@pytest.mark.parametrize(("word", "name"), [("Quick", "quick"), ("Thorough", "thorough"), ("Balanced", "balanced")])
def test_a_name_sets_the_minutes(time: Any, window: Any, word: str, name: str) -> None:
    assert (time.preset_combo.currentText(), time.minutes_spin.value()) == ("Balanced", 5.0)
    if name == "balanced":
        choose(time.preset_combo, "Quick")
    choose(time.preset_combo, word)
    assert time.minutes_spin.value() == PRESET_MINUTES[name]
    assert window[1].panel.train.minutes == PRESET_MINUTES[name]


def test_other_minutes_are_the_user_s_own(time: Any) -> None:
    time.minutes_spin.setFocus()
    time.minutes_spin.selectAll()
    QTest.keyClicks(time.minutes_spin, "7")
    assert time.preset_combo.currentText() == "Own time"
    QTest.keyClick(time.minutes_spin, Qt.Key.Key_Backspace)
    QTest.keyClicks(time.minutes_spin, "2")
    assert time.preset_combo.currentText() == "Quick"


def test_own_time_lets_type_and_changes_nothing(time: Any) -> None:
    choose(time.preset_combo, "Thorough")
    choose(time.preset_combo, "Own time")
    assert time.window().focusWidget() is time.minutes_spin
    assert time.minutes_spin.value() == 20.0
    QTest.keyClicks(time.minutes_spin, "33")
    assert (time.preset_combo.currentText(), time.minutes_spin.value()) == ("Own time", 33.0)


def test_the_focus_never_goes_from_the_start_button_to_a_field(time: Any, window: Any) -> None:
    """Where Enter would no longer accept a tile."""
    _viewer, driver, _answers = window
    view, footer = driver.panel.train, driver.panel.train.footer
    driver.activate()
    view.set_available("", "A training has to run first.")
    footer.start_button.setFocus(Qt.FocusReason.MouseFocusReason)
    assert QApplication.focusWidget() is footer.start_button
    view.set_active(True, memory="")  # as at a start: before the other button can be pressed
    view.set_available("Training is running.", "")
    assert QApplication.focusWidget() is None
    footer.stop_button.setFocus(Qt.FocusReason.MouseFocusReason)
    view.set_available("", "A training has to run first.")
    assert not isinstance(QApplication.focusWidget(), QComboBox | QAbstractSpinBox)
    view.set_available("", "")
    footer.stop_button.setFocus(Qt.FocusReason.MouseFocusReason)
    view.set_active(False, memory="")
    assert QApplication.focusWidget() is footer.start_button
