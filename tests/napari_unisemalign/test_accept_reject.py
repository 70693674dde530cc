"""Accept and reject by tile, region and click: with a preview and a count before, and what the project keeps after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QEnterEvent, QFocusEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton

from napari_unisemalign.annotate.accept_plan import Deed, Scene, in_words, plan
from napari_unisemalign.annotate.marks import ACCEPT, REJECT, REJECTED
from napari_unisemalign.app.layer_values import AREA, LABELS, NAMES
from training_core.class_maps.acceptance import area_at
from training_core.io import write_png
from training_core.project import Project, TileState, make_classes

RUN = "20260101-000000"
SQUARE = np.array([[9.5, 9.5], [9.5, 60.5], [40.5, 60.5], [40.5, 9.5]])


def inside_square() -> np.ndarray:
    inside = np.zeros((96, 96), bool)
    inside[10:41, 10:61] = True
    return inside


def marks(driver: Any) -> np.ndarray:
    """What is drawn over the tile, once it is up to date."""
    preview = driver.panel.controller.correction._preview
    driver.wait(lambda: not preview.busy, "the preview")
    layer = preview.marks.layer
    return np.zeros((96, 96), np.uint8) if layer is None else np.array(layer.data)


def point_at(driver: Any, button: QPushButton) -> None:
    """The mouse comes to a button."""
    driver.reveal(button)
    here = QPointF(3, 3)
    QApplication.sendEvent(button, QEnterEvent(here, here, here))


def leave(button: QPushButton) -> None:
    QApplication.sendEvent(button, QEvent(QEvent.Type.Leave))


def on_canvas(viewer: Any, row: float, column: float) -> QPoint:
    canvas, camera = viewer.window._qt_viewer.canvas.native, viewer.scene.camera
    y = canvas.height() / 2 + (row - camera.center[-2]) * camera.zoom
    x = canvas.width() / 2 + (column - camera.center[-1]) * camera.zoom
    return QPoint(round(x), round(y))


def click_tile(viewer: Any, row: float, column: float) -> None:
    canvas = viewer.window._qt_viewer.canvas.native
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=on_canvas(viewer, row, column))


def draw_square(viewer: Any, driver: Any) -> None:
    driver.click(driver.panel.correct.draw_area_button)
    viewer.layers[NAMES[AREA]].add([SQUARE], shape_type="rectangle")


def gland_of(truth: np.ndarray) -> tuple[int, int, np.ndarray]:
    """A pixel in the middle of a gland, and its area."""
    pixels = np.argwhere(truth == 1)
    row, column = (int(value) for value in pixels[len(pixels) // 2])
    area = area_at(truth, (row, column))
    assert area is not None
    return row, column, area


# --- before: preview and count ----------------------------------------------------------------------------------------


def test_pointing_at_a_button_shows_and_counts_what_it_would_do(
    window: Any, predicted_project: Project, truths: Any
) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view, truth = driver.panel.correct, truths["tile_01"]
    assert not marks(driver).any()
    assert view.preview.text().startswith("Accept ")  # what the button in sight would do
    point_at(driver, view.accept_tile_button)
    drawn = marks(driver)
    assert set(np.unique(drawn)) == {0, ACCEPT}
    assert (drawn[0] == ACCEPT).all()  # the outline
    assert 0.05 < (drawn == ACCEPT).mean() < 0.5  # the tissue stays in sight
    gland = round(100 * (truth == 1).mean())
    assert "9,216 pixels" in view.preview.text()
    assert f"gland {gland}\u00a0%" in view.preview.text()
    assert (driver.label() == 255).all()  # nothing is done
    assert viewer.layers.selection.active is viewer.layers[NAMES[LABELS]]
    leave(view.accept_tile_button)
    assert not marks(driver).any()
    point_at(driver, view.reject_button)
    assert set(np.unique(marks(driver))) == {0, REJECT}
    assert view.preview.text().startswith("Reject ")


def test_a_tile_without_a_prediction_has_a_preview_of_its_own(
    window: Any, project: Project, truths: Any, add_run: Any
) -> None:
    _viewer, driver, _answers = window
    add_run(project, "20260101-000000", {"tile_01": truths["tile_01"]})
    driver.panel.controller.open_project(project.path)
    point_at(driver, driver.panel.correct.accept_tile_button)
    assert marks(driver).any()
    assert "9,216 pixels" in driver.panel.correct.preview.text()
    driver.panel.controller.tiles.show("tile_02")
    assert not marks(driver).any()
    assert "9,216 pixels" not in driver.panel.correct.preview.text()


@pytest.mark.nightly
def test_the_tab_key_previews_too(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view = driver.panel.correct
    driver.reveal(view.accept_tile_button)
    # without a window manager no window is active, so that the event stands in for the key
    QApplication.sendEvent(view.accept_tile_button, QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.TabFocusReason))
    assert (marks(driver) == ACCEPT).any()
    QTest.keyClick(view.accept_tile_button, Qt.Key.Key_Space)
    assert not (driver.label() == 255).any()


def test_the_area_under_the_mouse_is_shown_before_the_click(
    window: Any, predicted_project: Project, truths: Any
) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.pause(0.3)
    row, column, area = gland_of(truths["tile_01"])
    view, canvas = driver.panel.correct, viewer.window._qt_viewer.canvas.native
    driver.click(view.click_button)
    QTest.mouseMove(canvas, on_canvas(viewer, row, column))
    counted = f"Accept 1 region, {area.sum():,} pixels, gland."
    driver.wait(lambda: view.preview.text() == counted, "the count")
    drawn = marks(driver)
    assert (drawn == ACCEPT).any()
    assert not drawn[~area].any()
    assert (driver.label() == 255).all()
    click_tile(viewer, row, column)
    np.testing.assert_array_equal(driver.label() != 255, area)
    assert not (marks(driver) == ACCEPT).any()


@pytest.mark.nightly
def test_a_drawn_area_is_counted_as_soon_as_it_is_closed(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view = driver.panel.correct
    draw_square(viewer, driver)
    drawn = marks(driver)
    assert (drawn == ACCEPT).any()
    assert not drawn[~inside_square()].any()
    assert f"{inside_square().sum():,} pixels" in view.preview.text()
    point_at(driver, view.reject_area_button)
    assert set(np.unique(marks(driver))) == {0, REJECT}
    leave(view.reject_area_button)
    assert set(np.unique(marks(driver))) == {0, ACCEPT}
    driver.click(view.draw_area_button)
    assert not marks(driver).any()


def test_all_from_a_confidence_on_is_counted_and_accepted(window: Any, predicted_project: Project, truths: Any) -> None:
    confidence = np.full((96, 96), 100, np.uint8)
    confidence[:30], confidence[30:40] = 255, 204  # 100 % and 80 %
    write_png(predicted_project.runs_dir / RUN / "predictions" / "tile_01.confidence.png", confidence)
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view, truth = driver.panel.correct, truths["tile_01"]
    driver.reveal(view.confidence_spin)
    view.confidence_spin.selectAll()
    QTest.keyClicks(view.confidence_spin, "81")
    drawn = marks(driver)
    assert (drawn[:30] == ACCEPT).any()
    assert not drawn[30:].any()
    assert f"{30 * 96:,} pixels" in view.preview.text()
    QTest.keyClick(view.confidence_spin, Qt.Key.Key_Down)
    assert (marks(driver)[30:40] == ACCEPT).any()
    driver.click(view.accept_sure_button)
    np.testing.assert_array_equal(driver.label()[:40], truth[:40])
    assert (driver.label()[40:] == 255).all()
    assert predicted_project.label_edits("tile_01")[-1].region == "sure"


def test_an_outline_drawn_with_the_mouse_is_previewed_and_accepted(
    window: Any, predicted_project: Project, truths: Any
) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.pause(0.3)
    view, canvas = driver.panel.correct, viewer.window._qt_viewer.canvas.native
    driver.click(view.draw_area_button)
    corners = [(20, 20), (20, 70), (60, 70), (60, 20)]
    with driver.watching():
        for corner in corners:
            QTest.mouseMove(canvas, on_canvas(viewer, *corner))
            driver.pause(0.1)
            QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=on_canvas(viewer, *corner))
            driver.pause(0.1)
            assert view.hint.text().startswith("Click around the region")
        QTest.keyClick(canvas, Qt.Key.Key_Escape)  # closes it as a double click does, which has no place twice
        driver.pause(0.1)
    drawn = marks(driver)
    assert (drawn[22:58, 22:68] == ACCEPT).any()
    assert not drawn[:18].any()
    assert not drawn[63:].any()
    assert "Accept or reject" in view.hint.text()
    driver.click(view.accept_area_button)
    label = driver.label()
    np.testing.assert_array_equal(label[22:58, 22:68], truths["tile_01"][22:58, 22:68])
    assert 38 * 48 <= (label != 255).sum() <= 42 * 52


# --- painted labels are the user's ------------------------------------------------------------------------------------


def test_a_later_accept_replaces_accepted_labels_but_never_paint(
    window: Any, predicted_project: Project, truths: Any, add_run: Callable[..., None]
) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view, truth = driver.panel.correct, truths["tile_01"]
    driver.click(view.accept_tile_button)
    driver.choose_class(0)
    row, column, _area = gland_of(truth)
    driver.stroke([(row, column)], 7)
    driver.wait_saved()
    painted = driver.label() != truth
    assert painted.any()
    add_run(predicted_project, "20260102-000000", {"tile_01": np.ones((96, 96), np.uint8)})
    driver.session.overlays_changed.emit("tile_01")
    point_at(driver, view.accept_tile_button)
    marks(driver)
    assert f"{painted.sum()} painted pixels stay as they are." in view.preview.text()
    driver.click(view.accept_tile_button)
    np.testing.assert_array_equal(driver.label(), np.where(painted, 0, 1))
    assert answers.asked == []
    driver.click(view.replace_check)
    driver.click(view.accept_tile_button)
    assert (driver.label() == 1).all()
    assert f"{painted.sum()} pixels" in answers.asked[0]


# --- reject -----------------------------------------------------------------------------------------------------------


def test_a_rejected_region_is_kept_shown_left_out_and_taken_back(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view = driver.panel.correct
    assert not view.take_back_button.isEnabled()
    assert not view.reject_area_button.isEnabled()
    draw_square(viewer, driver)
    driver.click(view.reject_area_button)
    inside = inside_square()
    np.testing.assert_array_equal(Project.open(predicted_project.path).rejection("tile_01").of_run(RUN), inside)
    assert view.hint.text().startswith(f"Rejected {inside.sum():,} pixels")
    drawn = marks(driver)
    assert set(np.unique(drawn)) == {0, REJECTED}
    assert not drawn[~inside].any()
    assert f"{inside.sum():,} pixels are rejected" in view.preview.text()
    assert not view.draw_area_button.isChecked()
    driver.show_tile("tile_02")
    assert not marks(driver).any()
    driver.show_tile("tile_01")
    assert (marks(driver) == REJECTED).any()
    point_at(driver, view.accept_tile_button)
    marks(driver)
    assert f"{inside.sum():,} rejected pixels are left out." in view.preview.text()
    driver.click(view.accept_tile_button)
    np.testing.assert_array_equal(driver.label() == 255, inside)
    driver.click(view.take_back_button)
    assert not predicted_project.rejected_pixels("tile_01")
    assert not marks(driver).any()
    assert not view.take_back_button.isEnabled()
    driver.click(view.accept_tile_button)
    assert not (driver.label() == 255).any()


def test_a_click_rejects_an_area_and_another_takes_that_back(
    window: Any, predicted_project: Project, truths: Any
) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.pause(0.3)
    view = driver.panel.correct
    row, column, area = gland_of(truths["tile_01"])
    driver.click(view.reject_click_button)
    assert not view.click_button.isChecked()
    click_tile(viewer, row, column)
    np.testing.assert_array_equal(predicted_project.rejection("tile_01").where, area)
    assert (driver.label() == 255).all()
    click_tile(viewer, row, column)
    assert predicted_project.rejected_pixels("tile_01") == 0
    assert view.hint.text().startswith("No longer rejected")
    driver.click(view.click_button)
    assert not view.reject_click_button.isChecked()
    click_tile(viewer, row, column)
    np.testing.assert_array_equal(driver.label() != 255, area)


def test_keys_go_into_and_out_of_the_ways_to_point_at_areas(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view, canvas = driver.panel.correct, viewer.window._qt_viewer.canvas.native
    alt = Qt.KeyboardModifier.AltModifier
    for key, button in (
        (Qt.Key.Key_K, view.click_button),
        (Qt.Key.Key_X, view.reject_click_button),
        (Qt.Key.Key_D, view.draw_area_button),
    ):
        QTest.keyClick(canvas, key, alt)
        modes = [each.isChecked() for each in (view.click_button, view.reject_click_button, view.draw_area_button)]
        assert button.isChecked()
        assert sum(modes) == 1
    QTest.keyClick(canvas, Qt.Key.Key_D, alt)
    assert not view.draw_area_button.isChecked()


@pytest.mark.nightly
def test_a_rejected_tile_can_be_brought_back(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view = driver.panel.correct
    before = driver.prediction()
    driver.click(view.reject_button)
    assert driver.prediction() is None
    assert not marks(driver).any()  # who paints it must see it
    driver.click(view.take_back_button)
    np.testing.assert_array_equal(driver.prediction(), before)
    assert predicted_project.state("tile_01") is TileState.PREDICTED
    assert predicted_project.rejected_pixels("tile_01") == 0


def test_what_is_labelled_is_neither_rejected_nor_hatched(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view = driver.panel.correct
    draw_square(viewer, driver)
    driver.click(view.accept_area_button)
    draw_square(viewer, driver)
    driver.click(view.reject_area_button)
    assert predicted_project.rejected_pixels("tile_01") == 0
    assert "annotated already" in view.hint.text()
    assert not marks(driver).any()


def test_a_live_prediction_cannot_be_rejected_by_area(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    for button in (driver.panel.correct.reject_click_button, driver.panel.correct.reject_area_button):
        assert not button.isEnabled()
        assert "No predictions yet" in button.toolTip()


@pytest.mark.nightly
def test_a_click_rejects_nothing_once_a_training_has_started(
    window: Any, predicted_project: Project, truths: Any
) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.pause(0.3)
    row, column, _area = gland_of(truths["tile_01"])
    driver.click(driver.panel.correct.reject_click_button)
    driver.session.begin_training()
    click_tile(viewer, row, column)
    assert predicted_project.rejected_pixels("tile_01") == 0
    assert "still changes" in driver.panel.correct.hint.text()


@pytest.mark.parametrize("deed", [Deed.ACCEPT, Deed.REJECT])
def test_the_sentence_for_several_classes_and_for_nothing(deed: Deed) -> None:
    ids = np.array([[0, 0, 0, 1], [0, 0, 2, 255]], np.uint8)
    nothing = np.full(ids.shape, 255, np.uint8)
    no = np.zeros(ids.shape, bool)
    classes = make_classes(("background", "gland", "stroma"))
    tile = Scene(ids, nothing, nothing, no, no, nothing)
    words = in_words(plan(deed, None, tile, replace=False), classes)
    assert words == f"{deed.capitalize()} 3 regions, 7 pixels, background 71\u00a0%, gland 14\u00a0%, stroma 14\u00a0%."
    labelled = Scene(ids, ids, nothing, no, no, nothing)
    assert in_words(plan(deed, None, labelled, replace=False), classes).startswith("Nothing to do")
    assert plan(deed, (1, 3), tile, replace=False) is None
    assert plan(deed, (-1, 0), tile, replace=False) is None
    assert "no region" in in_words(None, classes)
