"""The five steps, the tile bar and the status line: what is in sight whatever is open."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from training_core.messages.events import RunStarted, StepDone
from training_core.project import LabelSource, Project


def opened(panel: Any) -> list[int]:
    return [step.number for step in panel.sections if step.is_open]


def going_on_with(panel: Any) -> list[int]:
    return [step.number for step in panel.sections if "goes on here" in step.header.toolTip()]


def press(step: Any, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.mouseClick(step.header, Qt.MouseButton.LeftButton, modifier)


def test_every_header_is_in_sight_whichever_step_is_open(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    viewer.window.resize(1366, 768)
    panel = driver.panel
    panel.controller.open_project(predicted_project.path)
    for step in panel.sections:
        if not step.is_open:
            press(step)
        driver.pause(0.1)
        assert opened(panel) == [step.number]
        tops = [each.header.mapTo(panel, QPoint(0, 0)).y() for each in panel.sections]
        assert tops == sorted(tops)
        assert tops[0] >= 0
        assert tops[-1] + panel.sections[-1].header.height() <= panel.status.y()
        assert panel.status.y() + panel.status.height() <= panel.height()


def test_a_second_click_folds_and_control_opens_beside(window: Any) -> None:
    _viewer, driver, _answers = window
    panel = driver.panel
    assert opened(panel) == [1]
    press(panel.sections[0])
    assert opened(panel) == []
    press(panel.sections[2])
    press(panel.sections[3], Qt.KeyboardModifier.ControlModifier)
    assert opened(panel) == [3, 4]


def test_a_header_works_by_key(window: Any) -> None:
    _viewer, driver, _answers = window
    step = driver.panel.sections[4]
    step.header.setFocus()
    QTest.keyClick(step.header, Qt.Key.Key_Space)
    assert opened(driver.panel) == [5]


def test_the_steps_say_where_the_work_stands(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    panel = driver.panel
    assert going_on_with(panel) == [1]
    assert "try the sample" in panel.status.text.text()
    panel.controller.open_project(project.path)
    assert [step.summary for step in panel.sections] == ["4 tiles", "", "", "", ""]
    assert going_on_with(panel) == [2]
    assert "at least 2 tiles" in panel.status.text.text()
    for name in ("tile_01", "tile_02"):
        driver.show_tile(name)
        driver.choose_class(1)
        driver.stroke([(40, 40), (40, 50)], 10)
        driver.wait_saved()
    assert panel.sections[1].summary == "2 labelled"
    assert going_on_with(panel) == [3]
    assert "Start training" in panel.status.text.text()


def test_after_a_training_review_is_next_and_then_export(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    panel = driver.panel
    panel.controller.open_project(predicted_project.path)
    waiting = [name for name, state in predicted_project.states().items() if state == "predicted"]
    assert panel.sections[3].summary == f"{len(waiting)} to review"
    assert going_on_with(panel) == [4]
    for name in waiting:
        predicted_project.write_label(name, predicted_project.label(name) * 0, LabelSource.PAINTED)
    driver.session.states_changed.emit()
    assert panel.sections[3].summary == ""
    assert going_on_with(panel) == [5]


def test_the_tile_bar_goes_to_the_neighbours(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    bar = driver.panel.tile_bar
    assert not bar.isVisible()
    driver.panel.controller.open_project(project.path)
    assert bar.isVisible()
    assert bar.name.toolTip() == "tile_01 (1 of 4) – unlabelled"
    assert not bar.previous_button.isEnabled()
    QTest.mouseClick(bar.next_button, Qt.MouseButton.LeftButton)
    assert driver.session.tile == "tile_02"
    assert bar.name.toolTip().startswith("tile_02 (2 of 4)")
    QTest.mouseClick(bar.previous_button, Qt.MouseButton.LeftButton)
    assert driver.session.tile == "tile_01"


def test_the_status_line_says_what_on_which_device_and_how_long(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    panel, session = driver.panel, driver.session
    panel.controller.open_project(project.path)
    assert not panel.status.progress.isVisible()
    session.begin_training()
    assert "Starting" in panel.status.text.text()
    started = RunStarted(
        run_id="r", run_dir="r", device="cpu", precision="float32", encoder="e", class_ids=(0, 1),
        n_labeled=2, n_unlabeled=2, n_val=0, total_steps=None,
    )  # fmt: skip
    session.apply(started)
    done = StepDone(
        run_id="r", step=3, progress=0.25, eta_s=75.0, losses={"total": 1.0}, threshold=0.7, confident_share=0.5
    )
    session.apply(done)
    assert panel.status.progress.isVisible()
    assert panel.status.progress.value() == 250
    assert panel.status.details.text() == "CPU, 25 % done, 1 min 15 s left"
    assert panel.sections[2].summary == "25 %"
    assert going_on_with(panel) == [3]
    session.end_training("Finished.")
    assert panel.status.text.text() == "Finished."
    assert not panel.status.progress.isVisible()
