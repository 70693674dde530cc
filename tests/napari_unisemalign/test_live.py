"""The live preview in a real window, with the real process and strokes of the real mouse."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_unisemalign.app import preferences
from napari_unisemalign.app.layer_values import LABELS, NAMES, OVERLAY_ROLES, PREDICTION
from napari_unisemalign.app.process import live_command
from napari_unisemalign.train import live_preview as live_preview_module
from napari_unisemalign.train.live_preview import MOST_CRASHES
from training_core.messages.events import OverlayReady
from training_core.project import LabelSource, Project
from training_core.project.settings import write_settings

PATIENCE_S = 300.0
SMALL = {
    "data.crop_px": 64,
    "data.labeled_batch": 2,
    "data.unlabeled_batch": 2,
    "alignment.embedding_dim": 16,
    "runtime.device": "cpu",
}
pytestmark = [pytest.mark.usefixtures("live_preview", "at_usual_priority"), pytest.mark.timeout(1800)]


@pytest.fixture
def at_usual_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process gives way to every other program: beside other tests on two cores it would not even start."""

    def command(project: Path) -> list[str]:
        return [each for each in live_command(project) if each != "--background"]

    monkeypatch.setattr(live_preview_module, "live_command", command)


@pytest.fixture
def annotated_project(project: Project, truths: dict[str, np.ndarray]) -> Project:
    """A few strokes of both classes on the first two tiles."""
    for name in ("tile_01", "tile_02"):
        label = np.full((96, 96), 255, np.uint8)
        label[10:14], label[40:56] = truths[name][10:14], truths[name][40:56]
        project.write_label(name, label, LabelSource.PAINTED)
    write_settings(project.path, SMALL)
    return project


def canvas_of(viewer: Any) -> Any:
    return viewer.window._qt_viewer.canvas.native


def on_canvas(viewer: Any, row: float, column: float) -> QPoint:
    """Where a pixel of the tile is on the screen."""
    canvas = canvas_of(viewer)
    center = viewer.scene.camera.center[-2:]
    offset = (np.array((row, column)) - center) * viewer.scene.camera.zoom
    return QPoint(round(canvas.width() / 2 + offset[1]), round(canvas.height() / 2 + offset[0]))


def mouse_stroke(viewer: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Press, move and release, as a hand does."""
    canvas, first, last = canvas_of(viewer), on_canvas(viewer, *start), on_canvas(viewer, *end)
    QTest.mouseMove(canvas, first)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=first)
    for share in (0.25, 0.5, 0.75, 1.0):
        QTest.mouseMove(canvas, first + (last - first) * share)
        QTest.qWait(20)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=last)


def is_marked(viewer: Any) -> bool:
    """Whether the corner of the image says that the overlay is a preview; a mode may be named there too."""
    overlay = viewer.canvas.overlays.text
    return bool(overlay.visible) and "Live preview" in overlay.text.splitlines()


def paint(viewer: Any, driver: Any, class_id: int, row: int) -> None:
    driver.choose_class(class_id)
    driver.layers.activate_labels("paint")
    viewer.layers[NAMES[LABELS]].brush_size = 12
    mouse_stroke(viewer, (row, 20), (row, 75))
    assert (driver.label()[row, 30:60] == class_id).all()


@pytest.mark.binding  # a checkable button whose state is handed on, a key, a QProcess that writes while it starts
def test_the_first_stroke_of_a_second_class_is_answered_without_a_button(window: Any, project: Project) -> None:
    viewer, driver, _answers = window
    view, live = driver.panel.train, driver.panel.controller.live
    assert not live.process.running
    driver.panel.controller.open_project(project.path)
    with driver.watching():
        driver.wait(lambda: live.process.running, "the process, by itself")
        assert view.live_button.isChecked()
        viewer.scene.camera.zoom *= 0.9
        paint(viewer, driver, 1, 20)
        driver.wait(lambda: "only gland is annotated" in view.live_status.text(), "what is missing", PATIENCE_S)
        assert driver.prediction() is None
        assert not is_marked(viewer)
        camera = (viewer.scene.camera.zoom, viewer.scene.camera.center)
        paint(viewer, driver, 0, 80)
        driver.wait(lambda: driver.prediction() is not None, "the overlay", PATIENCE_S)
        assert is_marked(viewer)
        first = driver.prediction()
        np.testing.assert_array_equal(project.label("tile_01"), driver.label())  # saved first
        assert not driver.session.training.active
        assert not driver.panel.correct.reject_button.isEnabled()
        driver.wait(lambda: "GB of memory" in view.live_status.text(), "the memory")
        driver.wait(lambda: "annotations of 1 tile." in view.live_status.text(), "what it has learned from")
        assert psutil.Process(live.process.pid).memory_info().rss < 1.2e9

        # the same class painted where the classifier sees the other one: it has to change its mind
        labels = viewer.layers[NAMES[LABELS]]
        visible = {role: driver.layers.get(role).visible for role in OVERLAY_ROLES}
        paint(viewer, driver, 1, 60)
        driver.wait(lambda: (driver.prediction() != first).any(), "the answer to the stroke", PATIENCE_S)
        assert viewer.layers.selection.active is labels
        assert set(viewer.layers.selection) == {labels}
        assert labels.mode == "paint"
        assert (viewer.scene.camera.zoom, viewer.scene.camera.center) == camera
        assert {role: driver.layers.get(role).visible for role in OVERLAY_ROLES} == visible
        driver.layers.get(PREDICTION).visible = False
        assert not is_marked(viewer)  # nothing is seen that it could speak of
        driver.layers.get(PREDICTION).visible = True

        driver.show_tile("tile_02")  # another tile is predicted at once
        driver.wait(lambda: driver.prediction() is not None, "the overlay of the other tile", PATIENCE_S)
        pid = live.process.pid
        QTest.keyClick(canvas_of(viewer), Qt.Key.Key_E, Qt.KeyboardModifier.AltModifier)
        assert not live.process.running
        assert not psutil.pid_exists(pid)
        assert driver.prediction() is None
        assert (is_marked(viewer), view.live_status.text()) == (False, "")
        assert not view.live_button.isChecked()
        assert not preferences.is_on(preferences.LIVE_PREVIEW)
        driver.click(view.live_button)
        assert live.process.running
        assert preferences.is_on(preferences.LIVE_PREVIEW)
    assert driver.panel.messages.text == ""
    assert "torch" not in sys.modules


def test_a_training_takes_the_process_over_and_leaves_a_new_one(window: Any, annotated_project: Project) -> None:
    viewer, driver, _answers = window
    live, training = driver.panel.controller.live, driver.panel.controller.training
    sources: list[tuple[str, str]] = []

    def take(event: Any) -> None:
        if isinstance(event, OverlayReady):
            sources.append((event.tile, event.source))

    training.process.event_received.connect(take)
    driver.panel.controller.open_project(annotated_project.path)
    with driver.watching():
        driver.show_tile("tile_03")
        driver.wait(lambda: driver.prediction() is not None, "the preview", PATIENCE_S)
        pid = live.process.pid
        driver.start_training(60.0)
        assert (live.process.running, training.process.pid) == (False, pid)
        assert driver.prediction() is not None  # the preview stays until the training has an overlay
        driver.wait(lambda: bool(sources), "the training's first overlay", PATIENCE_S)
        assert sources[0] == ("tile_03", "quick_start")
        driver.wait(lambda: not is_marked(viewer), "the note to go")
        driver.choose_class(1)
        driver.stroke([(30, 30), (30, 50)], 8)
        driver.wait_saved()
        assert not live.process.running  # the processors are the training's
        children = {child.pid for child in psutil.Process().children() if "live" in child.cmdline()}
        assert children == {pid}
        training.kill()
        assert not psutil.pid_exists(pid)
        driver.wait(lambda: live.process.running, "a new process")
        assert live.process.pid != pid
    assert viewer.window._qt_window.close()
    assert not live.process.running
    closed: list[bool] = []
    viewer.window._qt_window.destroyed.connect(lambda: closed.append(True))
    driver.wait(lambda: bool(closed), "the window to be closed")
    del viewer.window._qt_window


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_crash_is_said_once_and_the_next_tile_starts_it_again_a_few_times(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    live, messages = driver.panel.controller.live, driver.panel.messages
    driver.panel.controller.open_project(project.path)
    names = ("tile_02", "tile_03") * MOST_CRASHES
    with driver.watching():
        for number, name in enumerate(names[:MOST_CRASHES]):
            driver.wait(lambda: live.process.pid is not None, "the process")
            os.kill(live.process.pid, signal.SIGKILL)
            driver.wait(lambda: not live.process.running, "its end to be noticed")
            assert ("ended unexpectedly" in messages.text) is (number == 0)
            messages.close_button.click()
            driver.show_tile(name)
            assert live.process.running
        driver.wait(lambda: live.process.pid is not None, "the process")
        os.kill(live.process.pid, signal.SIGKILL)
        driver.wait(lambda: "stays off" in messages.text, "the last word")
        driver.show_tile("tile_04")
        assert not live.process.running
        view = driver.panel.train
        driver.click(view.live_button)
        driver.click(view.live_button)
        assert live.process.running
        driver.panel.controller.open_project(project.path)  # as if it were another one
        driver.wait(lambda: live.process.running, "a process for that")


def test_a_prediction_of_a_training_is_not_replaced(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    view = driver.panel.train
    driver.panel.controller.open_project(predicted_project.path)
    with driver.watching():
        driver.wait(lambda: driver.prediction() is not None, "the prediction")
        before = driver.prediction()
        paint(viewer, driver, 1, 20)
        paint(viewer, driver, 0, 80)
        driver.wait_saved()
        # the answer to Prepare comes after that to Show: with it, all is known
        driver.wait(lambda: "GB of memory" in view.live_status.text(), "the process to be ready", PATIENCE_S)
        assert "shows the prediction of a training" in view.live_status.text()
        np.testing.assert_array_equal(driver.prediction(), before)
        assert not is_marked(viewer)
        assert not (predicted_project.path / "cache" / "live").exists()

        driver.click(driver.panel.correct.reject_button)  # with nothing better to show, the preview is shown
        driver.wait(lambda: is_marked(viewer), "the preview", PATIENCE_S)


@pytest.fixture
def switched_off(live_preview: None) -> None:
    preferences.switch(preferences.LIVE_PREVIEW, False)


def test_switched_off_it_stays_off_in_the_next_window(switched_off: None, window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    view, live = driver.panel.train, driver.panel.controller.live
    assert not view.live_button.isEnabled()  # no project
    driver.panel.controller.open_project(project.path)
    driver.show_tile("tile_02")
    assert not live.process.running
    assert not view.live_button.isChecked()
    driver.click(view.live_button)
    assert live.process.running
