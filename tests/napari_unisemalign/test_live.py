"""The Live button in a real window, with the real live process and strokes of the real mouse."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_unisemalign.app.layers import LABELS, OVERLAY_ROLES, PREDICTION
from training_core.project import LabelSource, Project


@pytest.fixture
def started_project(project: Project, truths: dict[str, np.ndarray]) -> Project:
    """A few strokes of both classes on the first tile."""
    label = np.full((96, 96), 255, np.uint8)
    label[10:14] = truths["tile_01"][10:14]
    label[40:56] = truths["tile_01"][40:56]
    project.write_label("tile_01", label, LabelSource.PAINTED)
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


@pytest.mark.binding  # a checkable button whose state is handed on
def test_a_stroke_of_the_mouse_is_answered_by_a_new_overlay(window: Any, started_project: Project) -> None:
    viewer, driver, _answers = window
    project = started_project
    driver.panel.controller.open_project(project.path)
    view = driver.panel.train
    with driver.watching():
        driver.click(view.live_button)
        assert view.live_button.isChecked()
        driver.wait(lambda: driver.prediction() is not None, "the first overlay", 300.0)
        first = driver.prediction()
        driver.wait(lambda: "annotations of 1 tile." in view.live_status.text(), "the status")
        assert not driver.session.training.active
        assert not driver.panel.correct.reject_button.isEnabled()

        # the same class painted where the head sees the other one: it has to change its mind
        driver.choose_class(1)
        driver.layers.activate_labels("paint")
        labels = viewer.layers[LABELS]
        labels.brush_size = 12
        viewer.scene.camera.zoom *= 0.9
        camera = (viewer.scene.camera.zoom, viewer.scene.camera.center)
        visible = {role: driver.layers.get(role).visible for role in OVERLAY_ROLES}
        mouse_stroke(viewer, (85, 20), (85, 75))
        assert (driver.label()[85, 30:60] == 1).all()
        driver.wait(lambda: (driver.prediction() != first).any(), "the answer to the stroke", 300.0)
        np.testing.assert_array_equal(project.label("tile_01"), driver.label())  # it was saved first
        assert viewer.layers.selection.active is labels
        assert set(viewer.layers.selection) == {labels}
        assert labels.mode == "paint"
        assert (viewer.scene.camera.zoom, viewer.scene.camera.center) == camera
        assert {role: driver.layers.get(role).visible for role in OVERLAY_ROLES} == visible

        driver.show_tile("tile_02")  # another tile is painted at once
        driver.wait(lambda: driver.prediction() is not None, "the overlay of the other tile", 300.0)
        driver.click(view.live_button)
        assert not driver.panel.controller.live.process.running
        assert driver.prediction() is None
        assert view.live_status.text() == ""
        assert view.live_button.isEnabled()
    assert viewer.layers[PREDICTION].visible
    assert driver.panel.messages.text == ""
    assert "torch" not in sys.modules


def test_what_is_missing_is_said_in_the_status_and_closing_ends_the_process(window: Any, project: Project) -> None:
    viewer, driver, answers = window
    view, live = driver.panel.train, driver.panel.controller.live
    assert not view.live_button.isEnabled()
    driver.panel.controller.open_project(project.path)
    with driver.watching():
        driver.click(view.live_button)
        driver.wait(lambda: "no tile is annotated" in view.live_status.text(), "the sentence", 300.0)
        driver.choose_class(1)
        driver.stroke([(30, 30), (30, 50)], 8)
        driver.wait(lambda: "only gland is annotated" in view.live_status.text(), "the sentence", 300.0)
        driver.choose_class(0)
        driver.stroke([(80, 10), (80, 50)], 8)
        driver.wait(lambda: driver.prediction() is not None, "the overlay", 300.0)
        assert live.process.running
        driver.panel.controller.open_project(project.path)  # as if it were another one
        assert not live.process.running
        assert not view.live_button.isChecked()
        driver.click(view.live_button)
        assert live.process.running
    assert viewer.window._qt_window.close()
    assert not live.process.running
    assert driver.panel.messages.text == ""
    assert answers.asked == []
    closed: list[bool] = []
    viewer.window._qt_window.destroyed.connect(lambda: closed.append(True))
    driver.wait(lambda: bool(closed), "the window to be closed")
    del viewer.window._qt_window
