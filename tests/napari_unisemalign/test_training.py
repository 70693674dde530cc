"""Bad endings of the real training process, and closing while it runs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_unisemalign.app.dialogs import CloseAnswer
from napari_unisemalign.app.training_state import Phase
from napari_unisemalign.train import hanging
from napari_unisemalign.train import training as training_module
from training_core.project import LabelSource, Project

# A process that behaves like the trainer towards the window, for what takes a model minutes: it says that it started,
# and on Stop it "saves" for a moment. How a real run goes is in test_end_to_end.py.
STAND_IN = """
import sys, time
from training_core.messages.events import *
run = dict(run_id="20260103-000000")
def say(kind, **values): print(kind(**run, **values).model_dump_json(), flush=True)
say(RunStarted, run_dir="", device="cpu", precision="float32", encoder="", class_ids=(0, 1), n_labeled=2,
    n_unlabeled=2, n_val=0, total_steps=None)
for line in sys.stdin:
    command = parse_command(line)
    if isinstance(command, Show):
        say(Status, message="shows " + command.tile)
    if isinstance(command, Pause):
        time.sleep(0.3)
        say(Paused, step=3)
    if isinstance(command, Leave):
        time.sleep(0.3)
        sys.exit(130)
    if isinstance(command, Stop):
        time.sleep(0.7)
        say(RunFinished, run_dir="", reason="stopped", steps=3, seconds=1.0, mdice=None, mjaccard=None)
        break
"""


@pytest.fixture
def labeled_project(project: Project) -> Project:
    for name in ("tile_01", "tile_02"):
        label = np.full((96, 96), 255, np.uint8)
        label[:20], label[50:70] = 0, 1
        project.write_label(name, label, LabelSource.PAINTED)
    return project


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(*_args: Any, **_options: Any) -> list[str]:
        return [sys.executable, "-c", STAND_IN]

    monkeypatch.setattr(training_module, "train_command", command)


def start(driver: Any, project: Project) -> None:
    driver.panel.controller.open_project(project.path)
    driver.start_training(5.0)
    driver.wait(lambda: driver.session.training.phase is Phase.RUNNING, "the run to start", 20.0)


def idle(driver: Any) -> bool:
    return driver.session.training.phase is Phase.IDLE


def wait_closed(viewer: Any, driver: Any) -> None:
    """Until Qt has deleted the closed window; then the fixture must not close it once more."""
    closed: list[bool] = []
    viewer.window._qt_window.destroyed.connect(lambda: closed.append(True))
    driver.wait(lambda: bool(closed), "the window to be closed")
    del viewer.window._qt_window


@pytest.mark.nightly
def test_what_the_trainer_refuses_is_a_notification(window: Any, project: Project) -> None:
    """The real trainer: two tiles, but only one class painted."""
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    train = driver.panel.train
    assert not train.start_button.isEnabled()
    for name in ("tile_01", "tile_02"):
        driver.show_tile(name)
        driver.choose_class(1)
        driver.stroke([(30, 30), (30, 50)], 8)
        driver.wait_saved()
    with driver.watching():
        driver.start_training(0.5)
        assert not train.minutes_spin.isEnabled()
        assert not driver.panel.project.open_button.isEnabled()
        driver.wait(lambda: idle(driver), "the refusal", 300.0)
    assert "only gland is annotated" in driver.panel.messages.text.lower()
    assert "Traceback" not in driver.panel.messages.text
    assert notification_manager.records[-1].severity.value == "error"
    assert "could not go on" in train.status.text()
    assert train.start_button.isEnabled()
    assert not project.run_ids()
    assert "torch" not in sys.modules


@pytest.mark.usefixtures("stand_in")
def test_stopping_keeps_the_run_and_records_the_round(
    window: Any, labeled_project: Project, truths: Any, add_run: Callable[..., None]
) -> None:
    _viewer, driver, _answers = window
    start(driver, labeled_project)
    assert "2 annotated tiles, 2 without annotations" in driver.panel.train.status.text()
    driver.show_tile("tile_03")
    driver.wait(lambda: driver.panel.train.status.text() == "shows tile_03", "the trainer to be told")
    driver.choose_class(1)
    driver.stroke([(30, 30)], 8)
    driver.wait_saved()
    add_run(labeled_project, "20260103-000000", {"tile_03": truths["tile_03"], "tile_04": truths["tile_04"]})
    driver.click(driver.panel.train.stop_button)
    assert not driver.panel.train.stop_button.isEnabled()
    driver.wait(lambda: idle(driver), "the end")
    assert driver.panel.train.status.text().startswith("Stopped and kept after 3 steps")
    assert [each.run_id for each in labeled_project.rounds()] == ["20260103-000000"]
    np.testing.assert_array_equal(driver.prediction(), truths["tile_03"])
    assert "2 tiles wait for review" in driver.panel.train.status.text()


@pytest.mark.nightly
def test_a_stop_before_the_first_step_is_no_round(
    window: Any, labeled_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = STAND_IN.replace("steps=3", "steps=0")
    monkeypatch.setattr(training_module, "train_command", lambda *_args, **_options: [sys.executable, "-c", code])
    _viewer, driver, _answers = window
    start(driver, labeled_project)
    driver.click(driver.panel.train.stop_button)
    driver.wait(lambda: idle(driver), "the end")
    assert "before it had learned anything" in driver.panel.train.status.text()
    assert not labeled_project.rounds()
    assert driver.panel.messages.text == ""


@pytest.mark.usefixtures("stand_in")
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_crash_is_told_and_nothing_is_lost(window: Any, labeled_project: Project) -> None:
    _viewer, driver, answers = window
    start(driver, labeled_project)
    process = driver.panel.controller.training.process
    with driver.watching():
        os.kill(process._process.processId(), signal.SIGKILL)
        driver.wait(lambda: idle(driver), "the end")
    assert "Your annotations are safe" in driver.panel.messages.text
    assert driver.panel.train.start_button.isEnabled()
    assert not labeled_project.rounds()
    assert answers.asked == []


@pytest.mark.usefixtures("stand_in")
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_training_that_reports_nothing_can_be_ended_or_waited_for(
    window: Any, labeled_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """test_hanging.py has the real trainer, and its checkpoint."""
    _viewer, driver, _answers = window
    assert hanging.QUIET_S + hanging.EVERY_MS / 1000 < 60  # noticed within a minute
    monkeypatch.setattr(hanging, "EVERY_MS", 100)
    start(driver, labeled_project)
    notice, process = driver.panel.hanging, driver.panel.controller.training.process
    with driver.watching():
        os.kill(process.pid, signal.SIGSTOP)
        monkeypatch.setattr(hanging, "QUIET_S", 0.5)
        driver.wait(notice.isVisible, "the notice", 20.0)
        assert "The training has reported nothing for" in notice.words.text()
        end, keep_waiting = notice.buttons[:2]
        driver.click(keep_waiting)
        assert not notice.isVisible()
        driver.wait(notice.isVisible, "the notice once more", 20.0)
        os.kill(process.pid, signal.SIGCONT)
        driver.show_tile("tile_02")  # which the process is told, and answers
        monkeypatch.setattr(hanging, "QUIET_S", 5.0)
        driver.wait(lambda: not notice.isVisible(), "the answer", 20.0)
        os.kill(process.pid, signal.SIGSTOP)
        monkeypatch.setattr(hanging, "QUIET_S", 0.5)
        driver.wait(notice.isVisible, "the notice", 20.0)
        driver.click(end)
        driver.wait(lambda: idle(driver), "the end", 20.0)
    assert not notice.isVisible()
    assert "Training is interrupted" in driver.panel.train.status.text()
    assert driver.panel.messages.text == ""


@pytest.mark.usefixtures("stand_in")
def test_closing_the_window_while_training_asks(window: Any, labeled_project: Project) -> None:
    viewer, driver, answers = window
    start(driver, labeled_project)
    main_window = viewer.window._qt_window
    answers.close = CloseAnswer.CANCEL
    assert not main_window.close()
    assert main_window.isVisible()
    assert driver.session.training.phase is Phase.RUNNING
    answers.close = CloseAnswer.FINISH
    assert not main_window.close()
    assert main_window.isVisible()  # it stays until what was learned is saved
    assert driver.session.training.phase is Phase.STOPPING
    answers.close = CloseAnswer.CANCEL
    assert not main_window.close()
    assert answers.asked == ["close_while_training"] * 3
    del main_window
    wait_closed(viewer, driver)
    assert [each.run_id for each in labeled_project.rounds()] == ["20260103-000000"]


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("paused", [False, True])
def test_closing_to_resume_later_waits_until_the_training_is_saved(
    window: Any, labeled_project: Project, paused: bool
) -> None:
    viewer, driver, answers = window
    start(driver, labeled_project)
    if paused:
        driver.click(driver.panel.train.controls.pause_button)
        driver.wait(lambda: "Paused after 3 steps" in driver.session.training.message, "the pause")
    answers.close = CloseAnswer.LATER
    assert not viewer.window._qt_window.close()
    wait_closed(viewer, driver)
    assert idle(driver)
    assert "can be resumed" in driver.session.training.message  # it ended as it was told to, not for want of memory
    assert not labeled_project.rounds()


@pytest.mark.nightly
@pytest.mark.usefixtures("stand_in")
def test_cancel_leaves_the_panel_as_it_was(window: Any, labeled_project: Project) -> None:
    viewer, driver, answers = window
    start(driver, labeled_project)
    dock = driver.panel.parentWidget()
    viewer.window._qt_window.resizeDocks([dock], [520], Qt.Orientation.Horizontal)
    driver.pause(0.2)
    width, tile = driver.panel.width(), driver.session.tile
    assert width > 500
    answers.close = CloseAnswer.CANCEL
    dock.destroyOnClose()
    driver.wait(lambda: answers.asked == ["close_while_training"], "the question")
    driver.wait(lambda: driver.panel.isVisible(), "the panel to come back")
    driver.wait(lambda: driver.panel.width() == width, "its width")
    assert viewer.window.dock_widgets[driver.panel.docking.name] is driver.panel
    assert (driver.session.tile, driver.session.training.phase) == (tile, Phase.RUNNING)
    driver.press(Qt.Key.Key_PageDown)
    assert driver.session.tile == "tile_02"
    answers.close = CloseAnswer.FINISH
    driver.panel.parentWidget().destroyOnClose()
    driver.wait(lambda: bool(labeled_project.rounds()), "the end")


def test_closing_saves_the_last_strokes(window: Any, project: Project) -> None:
    viewer, driver, answers = window
    driver.panel.controller.open_project(project.path)
    driver.choose_class(1)
    driver.stroke([(30, 30)], 8)
    assert not project.has_label("tile_01")
    assert viewer.window._qt_window.close()
    assert project.has_label("tile_01")
    wait_closed(viewer, driver)
    assert answers.asked == []
