"""Fill, grow and snap: what becomes of the last stroke, and by button and key in a window."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QEnterEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_unisemalign.annotate.marks import ACCEPT
from napari_unisemalign.annotate.stroke_tools import filled, grown, snapped
from napari_unisemalign.app.layer_values import LABELS, NAMES
from training_core.project import Project

SIZE = 60


def nothing() -> np.ndarray:
    return np.full((SIZE, SIZE), 255, np.uint8)


def disc(row: int, column: int, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def test_an_outline_is_filled_and_what_lies_in_it_stays() -> None:
    label, ring = nothing(), disc(30, 30, 20) & ~disc(30, 30, 16)
    label[ring] = 2
    label[28:32, 28:32] = 1  # painted in it before
    other = disc(5, 52, 5) & ~disc(5, 52, 3)
    label[other] = 2  # an older ring elsewhere
    result = filled(label, ring)
    inside = disc(30, 30, 16)
    assert (result[inside & (label == 255)] == 2).all()
    assert (result[28:32, 28:32] == 1).all()
    np.testing.assert_array_equal(result[~inside], label[~inside])


def test_an_outline_that_does_not_close_fills_nothing() -> None:
    label = nothing()
    label[10, 10:40] = 2
    np.testing.assert_array_equal(filled(label, label == 2), label)


def test_a_dot_grows_over_the_region_of_its_class_and_no_other() -> None:
    prediction = np.zeros((SIZE, SIZE), np.uint8)
    prediction[disc(20, 20, 10)] = 2
    prediction[disc(45, 45, 8)] = 2
    label = nothing()
    label[19:22, 19:22] = 2
    label[12:14, 18:22] = 0  # painted before: stays
    result = grown(label, label == 2, prediction)
    expected = disc(20, 20, 10) & (label != 0)
    np.testing.assert_array_equal(result == 2, expected)
    assert (result[12:14, 18:22] == 0).all()
    of_another = np.where(label == 2, 1, label).astype(np.uint8)
    np.testing.assert_array_equal(grown(of_another, of_another == 1, prediction), of_another)


def test_a_stroke_that_only_grazes_an_area_does_not_take_it() -> None:
    prediction = np.zeros((SIZE, SIZE), np.uint8)
    prediction[:, 30:] = 1
    label = nothing()
    label[20:24, 10:31] = 0
    stroke = label == 0
    result = grown(label, stroke, prediction)
    assert (result[:, :30] == 0).all()
    assert (result[:, 31:] == 255).all()


def test_a_stroke_snaps_to_the_boundary_within_reach_and_not_beyond() -> None:
    prediction = np.zeros((SIZE, SIZE), np.uint8)
    prediction[10:50, 10:40] = 1
    label = nothing()
    label[20:30, 13:43] = 1  # 3 px over at the right, 3 px short at the left
    result = snapped(label, label == 1, prediction, 4)
    np.testing.assert_array_equal(np.flatnonzero(result[25] == 1), np.arange(10, 40))
    far = nothing()
    far[20:30, 13:58] = 1  # 18 px over: only the model's silence there, not a boundary nearby
    kept = snapped(far, far == 1, prediction, 4)
    assert (kept[25, 45:58] == 1).all()


def test_an_eraser_s_stroke_has_no_class_to_help_with() -> None:
    label = nothing()
    stroke = disc(30, 30, 5)
    for result in (filled(label, stroke), grown(label, stroke, label), snapped(label, stroke, label, 4)):
        np.testing.assert_array_equal(result, label)


def test_fill_by_button_is_one_step_of_undo(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    view = driver.panel.painting
    assert not view.fill_button.isEnabled()
    assert "Paint something" in view.fill_button.toolTip()
    driver.choose_class(1)
    square = [(20, 20), (20, 60), (60, 60), (60, 20), (20, 20)]
    points = [
        (int(a[0] + (b[0] - a[0]) * t), int(a[1] + (b[1] - a[1]) * t))
        for a, b in itertools.pairwise(square)
        for t in np.linspace(0, 1, 41)
    ]
    driver.stroke(points, 3)
    outline = driver.label()
    assert not view.grow_button.isEnabled()
    assert "no prediction" in view.grow_button.toolTip()
    driver.click(view.fill_button)
    assert (driver.label()[20:60, 20:60] == 1).all()
    driver.wait_saved()
    np.testing.assert_array_equal(project.label("tile_01"), driver.label())
    driver.click(view.undo_button)
    np.testing.assert_array_equal(driver.label(), outline)


def test_grow_and_snap_by_key(window: Any, predicted_project: Project, truths: Any) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.wait(lambda: not driver.panel.controller.overlays.pending, "the prediction")
    truth = truths["tile_01"]
    pixels = np.argwhere(truth == 1)
    row, column = (int(each) for each in pixels[len(pixels) // 2])
    driver.choose_class(1)
    driver.stroke([(row, column)], 3)
    viewer.layers.selection.active = viewer.layers[NAMES[LABELS]]
    canvas = viewer.window._qt_viewer.canvas.native
    QTest.keyClick(canvas, Qt.Key.Key_G, Qt.KeyboardModifier.AltModifier)
    label = driver.label()
    assert np.count_nonzero(label == 1) > 30
    assert (truth[label == 1] == 1).mean() > 0.9
    QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    driver.stroke([(row, column), (row, column + 20)], 11)
    before = driver.label()
    QTest.keyClick(canvas, Qt.Key.Key_B, Qt.KeyboardModifier.AltModifier)
    after = driver.label()
    assert (after != before).any()
    assert (truth[after == 1] == 1).mean() > (truth[before == 1] == 1).mean()


def test_expanding_is_previewed_like_an_accept(window: Any, predicted_project: Project, truths: Any) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.wait(lambda: not driver.panel.controller.overlays.pending, "the prediction")
    pixels = np.argwhere(truths["tile_01"] == 1)
    row, column = (int(each) for each in pixels[len(pixels) // 2])
    driver.choose_class(1)
    driver.stroke([(row, column)], 3)
    driver.wait_saved()
    before, button = driver.label(), driver.panel.painting.grow_button
    marks, preview = driver.panel.controller.correction._preview.marks, driver.panel.correct.preview
    driver.reveal(button)
    here = QPointF(3, 3)
    QApplication.sendEvent(button, QEnterEvent(here, here, here))
    driver.wait(lambda: preview.text().startswith("Would change"), "the count")
    shown = int(preview.text().split()[2].replace(",", ""))
    assert (marks.layer.data == ACCEPT).any()
    np.testing.assert_array_equal(driver.label(), before)  # nothing is done yet
    driver.click(button)
    assert np.count_nonzero(driver.label() != before) == shown
    driver.wait(lambda: not (marks.layer.data == ACCEPT).any(), "the marks to go")
