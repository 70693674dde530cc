"""Accept, correct, undo, reject; saving by itself."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_unisemalign.app import label_layer
from napari_unisemalign.app import labels as saving
from napari_unisemalign.app.layer_values import AREA, LABELS, NAMES, TILE
from training_core.class_maps.acceptance import area_at
from training_core.io import read_mask
from training_core.project import LabelSource, Project, TileState
from training_core.project import label_versions as store

UNSURE = 24


def sources(project: Project, name: str) -> list[tuple[str, str | None]]:
    return [(str(edit.source), edit.region) for edit in project.label_edits(name)]


def use_pseudo_label(driver: Any) -> None:
    driver.panel.correct.source_combo.setCurrentIndex(1)


def test_accepting_a_tile_fills_what_is_not_labelled_and_nothing_else(
    window: Any, predicted_project: Project, truths: Any
) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(predicted_project.path)
    truth = truths["tile_01"]
    row, column = np.argwhere(truth == 1)[0]
    driver.choose_class(0)
    driver.stroke([(row, column)], 5)  # by hand, against the prediction
    painted = driver.label() == 0
    driver.click(driver.panel.correct.accept_tile_button)
    label = driver.label()
    assert (label[painted] == 0).all()
    np.testing.assert_array_equal(label[~painted], truth[~painted])
    np.testing.assert_array_equal(predicted_project.label("tile_01"), label)
    assert sources(predicted_project, "tile_01") == [("painted", None), ("accepted_prediction", "tile")]
    assert predicted_project.label_edits("tile_01")[-1].run_id == "20260101-000000"
    assert predicted_project.state("tile_01") is TileState.ACCEPTED
    assert driver.panel.correct.hint.text().startswith("Accepted 9")
    assert "were kept" in driver.panel.correct.hint.text()
    assert answers.asked == []
    assert driver.panel.tiles.model.data(driver.panel.tiles.model.index(0, 0), 257).startswith("accepted")


def test_painting_after_an_accept_is_a_correction(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.click(driver.panel.correct.accept_tile_button)
    driver.choose_class(1)
    driver.stroke([(5, 5), (5, 15)], 6)
    driver.wait_saved()
    assert sources(predicted_project, "tile_01")[-1] == ("corrected", None)
    np.testing.assert_array_equal(predicted_project.label("tile_01"), driver.label())


@pytest.mark.parametrize("way", ["key", "button"])
def test_one_undo_takes_an_accept_back(window: Any, predicted_project: Project, way: str) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.choose_class(1)
    driver.stroke([(50, 50)], 8)
    before = driver.label()
    viewer.layers.selection.active = viewer.layers[NAMES[TILE]]
    driver.click(driver.panel.correct.accept_tile_button)
    assert (driver.label() != before).any()
    if way == "key":
        QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    else:
        driver.click(driver.panel.painting.undo_button)
    np.testing.assert_array_equal(driver.label(), before)
    assert not driver.panel.correct.hint.text().startswith("Accepted 9")
    driver.wait_saved()
    np.testing.assert_array_equal(predicted_project.label("tile_01"), before)


def test_replacing_labels_asks_first(window: Any, predicted_project: Project, truths: Any) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(predicted_project.path)
    row, column = np.argwhere(truths["tile_01"] == 1)[0]
    driver.choose_class(0)
    driver.stroke([(row, column)], 9)
    before = driver.label()
    driver.click(driver.panel.correct.replace_check)
    answers.yes = False
    driver.click(driver.panel.correct.accept_tile_button)
    np.testing.assert_array_equal(driver.label(), before)
    assert "annotated already" in answers.asked[0]
    answers.yes = True
    driver.click(driver.panel.correct.accept_tile_button)
    np.testing.assert_array_equal(driver.label(), truths["tile_01"])


def test_accepting_the_pseudo_label_leaves_unsure_pixels_unlabelled(
    window: Any, predicted_project: Project, truths: Any
) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    use_pseudo_label(driver)
    driver.click(driver.panel.correct.accept_tile_button)
    label = driver.label()
    assert (label[:, :UNSURE] == 255).all()
    np.testing.assert_array_equal(label[:, UNSURE:], truths["tile_01"][:, UNSURE:])
    assert sources(predicted_project, "tile_01") == [("accepted_pseudo_label", "tile")]


def test_accepting_a_drawn_area(window: Any, predicted_project: Project, truths: Any) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view = driver.panel.correct
    assert not view.accept_area_button.isEnabled()
    driver.click(view.draw_area_button)
    assert not view.accept_area_button.isEnabled()
    assert "outline" in view.accept_area_button.toolTip()
    shapes = viewer.layers[NAMES[AREA]]
    shapes.add([np.array([[9.5, 9.5], [9.5, 60.5], [40.5, 60.5], [40.5, 9.5]])], shape_type="rectangle")
    driver.click(view.accept_area_button)
    label = driver.label()
    inside = np.zeros((96, 96), bool)
    inside[10:41, 10:61] = True
    np.testing.assert_array_equal(label != 255, inside)
    np.testing.assert_array_equal(label[inside], truths["tile_01"][inside])
    assert sources(predicted_project, "tile_01") == [("accepted_prediction", "region")]
    assert driver.layers.get(AREA) is None
    assert not view.draw_area_button.isChecked()


@pytest.mark.nightly
def test_giving_up_an_area(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.click(driver.panel.correct.draw_area_button)
    driver.click(driver.panel.correct.draw_area_button)
    assert driver.layers.get(AREA) is None
    driver.click(driver.panel.correct.draw_area_button)
    viewer.layers.remove(NAMES[AREA])  # by hand
    assert not driver.panel.correct.draw_area_button.isChecked()


def on_canvas(viewer: Any, row: float, column: float) -> QPoint:
    """Where a pixel of the tile lies on the canvas."""
    canvas = viewer.window._qt_viewer.canvas.native
    camera = viewer.scene.camera
    y = canvas.height() / 2 + (row - camera.center[-2]) * camera.zoom
    x = canvas.width() / 2 + (column - camera.center[-1]) * camera.zoom
    return QPoint(round(x), round(y))


def test_a_click_accepts_one_connected_area(window: Any, predicted_project: Project, truths: Any) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.pause(0.3)
    view, canvas = driver.panel.correct, viewer.window._qt_viewer.canvas.native
    row, column = (int(value) for value in np.argwhere(truths["tile_01"] == 1).mean(axis=0))
    gland = np.argwhere(truths["tile_01"] == 1)
    row, column = gland[len(gland) // 2]
    expected = area_at(truths["tile_01"], (int(row), int(column)))
    driver.click(view.click_button)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=on_canvas(viewer, row, column))
    label = driver.label()
    np.testing.assert_array_equal(label != 255, expected)
    assert (label[expected] == 1).all()
    assert sources(predicted_project, "tile_01") == [("accepted_prediction", "component")]
    driver.click(view.click_button)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=on_canvas(viewer, 2, 2))
    np.testing.assert_array_equal(driver.label(), label)


@pytest.mark.nightly
def test_a_drag_in_click_mode_moves_the_camera_and_accepts_nothing(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.pause(0.3)
    canvas = viewer.window._qt_viewer.canvas.native
    driver.click(driver.panel.correct.click_button)
    start = on_canvas(viewer, 40, 40)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
    for shift in (10, 30, 60):
        QTest.mouseMove(canvas, start + QPoint(shift, shift))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=start + QPoint(60, 60))
    assert (driver.label() == 255).all()


@pytest.mark.nightly
def test_taking_up_the_brush_ends_click_mode(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view, callbacks = driver.panel.correct, len(viewer.mouse_drag_callbacks)
    driver.click(view.click_button)
    assert view.click_button.isChecked()
    assert len(viewer.mouse_drag_callbacks) == callbacks + 1
    driver.choose_class(1)
    assert viewer.layers[NAMES[LABELS]].mode == "paint"
    assert not view.click_button.isChecked()
    assert len(viewer.mouse_drag_callbacks) == callbacks


@pytest.mark.nightly
def test_where_the_pseudo_label_is_unsure_a_click_says_so(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.pause(0.3)
    use_pseudo_label(driver)
    canvas = viewer.window._qt_viewer.canvas.native
    driver.click(driver.panel.correct.click_button)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=on_canvas(viewer, 50, 3))
    assert "not sure enough" in driver.panel.correct.hint.text()
    assert (driver.label() == 255).all()
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=on_canvas(viewer, 50, -4))  # beside the tile
    assert (driver.label() == 255).all()


def test_rejecting_puts_a_prediction_aside_and_next_goes_on(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view = driver.panel.correct
    driver.click(view.reject_button)
    assert predicted_project.is_rejected("tile_01", "20260101-000000")
    assert predicted_project.state("tile_01") is TileState.UNLABELED
    assert driver.prediction() is None
    assert not view.accept_tile_button.isEnabled()
    assert "rejected" in view.accept_tile_button.toolTip()
    driver.click(view.next_button)
    assert driver.session.tile == "tile_02"
    assert view.accept_tile_button.isEnabled()


@pytest.mark.nightly
def test_a_class_that_was_removed_since_the_run_is_not_accepted(
    window: Any, project: Project, truths: Any, add_run: Callable[..., None]
) -> None:
    _viewer, driver, _answers = window
    stroma = project.add_class("stroma")
    ids = truths["tile_01"].copy()
    ids[:10] = stroma.id
    add_run(project, "20260101-000000", {"tile_01": ids})
    project.remove_class(stroma.id)
    driver.panel.controller.open_project(project.path)
    driver.click(driver.panel.correct.accept_tile_button)
    assert (driver.label()[:10] == 255).all()
    np.testing.assert_array_equal(driver.label()[10:], truths["tile_01"][10:])
    np.testing.assert_array_equal(project.label("tile_01"), driver.label())


# --- saving ----------------------------------------------------------------------------------------------------------


def test_strokes_are_saved_by_themselves(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    driver.choose_class(1)
    driver.stroke([(30, 30), (30, 60)], 8)
    assert not project.has_label("tile_01")
    driver.wait(lambda: project.has_label("tile_01"), "the save")
    np.testing.assert_array_equal(project.label("tile_01"), driver.label())
    assert sources(project, "tile_01") == [("painted", None)]
    driver.wait(lambda: driver.panel.painting.saved.text() == "All strokes are saved.", "the word")


def test_a_long_stroke_is_saved_while_it_is_painted(window: Any, project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    labels = viewer.layers[NAMES[LABELS]]
    with labels.block_history():  # the mouse is still down
        for column in range(10, 80, 2):
            labels.paint((20, column), 2)
            driver.pause(0.05)
    assert project.has_label("tile_01")


def test_changing_the_tile_saves_at_once(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    driver.choose_class(1)
    driver.stroke([(30, 30)], 8)
    painted = driver.label()
    driver.show_tile("tile_02")
    driver.wait_saved()  # in a thread
    np.testing.assert_array_equal(project.label("tile_01"), painted)
    assert not project.has_label("tile_02")


def test_undoing_a_stroke_is_saved_too(window: Any, project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    driver.choose_class(1)
    driver.stroke([(30, 30)], 8)
    driver.wait_saved()
    viewer.layers[NAMES[LABELS]].undo()
    driver.wait_saved()
    assert not project.has_label("tile_01")
    assert driver.panel.project.summary.text() == "4 tiles: 4 unannotated"


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (lambda: OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (MemoryError, "memory ran out"),
        (lambda: RuntimeError("what nobody thought of"), "what nobody thought of"),
        (RuntimeError, "RuntimeError"),
    ],
    ids=["full disk", "memory", "bug", "bug without words"],
)
def test_an_error_while_saving_loses_no_stroke(
    window: Any, project: Project, monkeypatch: pytest.MonkeyPatch, cause: Callable[[], Exception], words: str
) -> None:
    _viewer, driver, answers = window
    monkeypatch.setattr(saving, "RETRY_MS", 200)
    driver.panel.controller.open_project(project.path)
    real = store.stage_label

    def full(*_args: Any) -> None:
        raise cause()  # a new one: its traceback would keep the window alive

    monkeypatch.setattr(store, "stage_label", full)
    with driver.watching():
        driver.choose_class(1)
        driver.stroke([(30, 30)], 8)
        painted = driver.label()
        driver.wait(lambda: "Nothing is lost" in driver.panel.messages.text, "the notification")
        assert words in driver.panel.messages.text
        driver.panel.messages.hide()
        driver.show_tile("tile_02")  # work goes on
        driver.stroke([(60, 60)], 8)
        other = driver.label()
        driver.show_tile("tile_01")
        np.testing.assert_array_equal(driver.label(), painted)
        assert driver.panel.controller.labels.unsaved_names() == ("tile_01", "tile_02")
        driver.pause(0.5)
        assert driver.panel.messages.text == ""  # told once
        assert not driver.viewer.window._qt_window.close()
        assert answers.asked == ["close_unsaved ('tile_01', 'tile_02')"]
        monkeypatch.setattr(store, "stage_label", real)
        driver.wait(lambda: not driver.panel.controller.labels.unsaved_names(), "the retry")
    np.testing.assert_array_equal(project.label("tile_01"), painted)
    np.testing.assert_array_equal(project.label("tile_02"), other)
    assert project.label_edits("tile_01")[-1].source is LabelSource.PAINTED


def test_without_memory_for_a_copy_of_the_label_strokes_stay_and_closing_asks(
    window: Any, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _viewer, driver, answers = window
    monkeypatch.setattr(saving, "RETRY_MS", 200)
    driver.panel.controller.open_project(project.path)
    real = label_layer.to_label

    def short(_label: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(label_layer, "to_label", short)
    with driver.watching():
        driver.choose_class(1)
        driver.stroke([(30, 30)], 8)
        painted = real(driver.layers.labels.data)  # the layer alone has it
        assert (driver.label() == 255).all()
        driver.wait(lambda: "memory ran out" in driver.panel.messages.text, "the notification")
        assert not driver.viewer.window._qt_window.close()
        assert answers.asked == ["close_unsaved ('tile_01',)"]
        monkeypatch.setattr(label_layer, "to_label", real)
        driver.wait(lambda: not driver.panel.controller.labels.unsaved_names(), "the retry")
    np.testing.assert_array_equal(project.label("tile_01"), painted)


def test_strokes_of_another_window_on_the_same_tile_are_kept_and_shown(
    window: Any, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _viewer, driver, _answers = window
    monkeypatch.setattr(saving, "SAVE_DELAY_MS", 600_000)  # saved when the other has written, and not before
    driver.panel.controller.open_project(project.path)
    other = Project.open(project.path)
    with driver.watching():
        driver.choose_class(1)
        driver.stroke([(30, 30)], 8)
        mine = driver.label()
        theirs = np.full_like(mine, 255)
        theirs[80:90] = 0  # nowhere near the stroke
        other.write_label("tile_01", theirs, LabelSource.PAINTED, base=np.full_like(mine, 255))
        driver.panel.controller.labels.save_soon()
        driver.wait_saved()
        both = np.where(mine != 255, mine, theirs)
        np.testing.assert_array_equal(project.label("tile_01"), both)
        np.testing.assert_array_equal(driver.label(), both)
        driver.stroke([(60, 60)], 8)  # goes on from what both did
        driver.panel.controller.labels.save_soon()
        driver.wait_saved()
        np.testing.assert_array_equal(project.label("tile_01"), driver.label())
        assert (project.label("tile_01")[80:90] == 0).all()


def test_where_another_window_painted_the_same_pixels_both_versions_are_kept(
    window: Any, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _viewer, driver, _answers = window
    monkeypatch.setattr(saving, "SAVE_DELAY_MS", 600_000)
    driver.panel.controller.open_project(project.path)
    driver.choose_class(1)
    driver.stroke([(30, 30)], 8)
    mine = driver.label()
    theirs = np.full_like(mine, 0)
    Project.open(project.path).write_label("tile_01", theirs, LabelSource.PAINTED)
    driver.panel.controller.labels.save_soon()
    driver.wait(lambda: "was changed elsewhere too" in driver.panel.messages.text, "the conflict")
    np.testing.assert_array_equal(project.label("tile_01"), np.where(mine != 255, mine, theirs))
    np.testing.assert_array_equal(driver.label(), project.label("tile_01"))
    (kept,) = (project.path / "conflicts").iterdir()
    assert f"conflicts/{kept.name}" in driver.panel.messages.text
    assert f"{np.count_nonzero(mine != 255)} pixels" in driver.panel.messages.text
    np.testing.assert_array_equal(read_mask(kept), theirs)


@pytest.mark.nightly
def test_who_hears_of_a_saved_tile_and_fails_does_not_end_the_saving(
    window: Any, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    queue, heard = driver.panel.controller.labels._queue, []

    def failing(change: Any, _written: Any) -> None:
        heard.append(change.tile)
        raise RuntimeError("a bug of a listener")

    monkeypatch.setattr(queue, "_saved", failing)
    driver.choose_class(1)
    for name in ("tile_01", "tile_02"):
        driver.show_tile(name)
        driver.stroke([(30, 30)], 8)
    driver.show_tile("tile_01")
    driver.wait(lambda: project.has_label("tile_01") and project.has_label("tile_02"), "both")
    driver.wait(lambda: heard == ["tile_01", "tile_02"], "both told")
    assert "Unexpected error" in driver.panel.messages.text


def test_a_slow_disk_holds_nothing_up(window: Any, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    real, may_write = store.stage_label, threading.Event()

    def slow(*arguments: Any) -> Any:
        assert may_write.wait(30)
        return real(*arguments)

    monkeypatch.setattr(store, "stage_label", slow)
    driver.choose_class(1)
    driver.stroke([(30, 30)], 8)
    painted = driver.label()
    driver.show_tile("tile_02")
    driver.stroke([(60, 60)], 8)
    other = driver.label()
    driver.show_tile("tile_01")  # what is on its way to the disk is what is seen
    np.testing.assert_array_equal(driver.label(), painted)
    assert driver.panel.painting.saved.text() == "Saving …"
    assert not project.has_label("tile_01")
    assert not project.has_label("tile_02")
    may_write.set()
    driver.wait(lambda: driver.panel.painting.saved.text() == "All strokes are saved.", "the strokes to be saved")
    np.testing.assert_array_equal(project.label("tile_01"), painted)
    np.testing.assert_array_equal(project.label("tile_02"), other)


def test_a_tile_that_cannot_be_saved_holds_up_no_other(
    window: Any, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _viewer, driver, answers = window
    monkeypatch.setattr(saving, "RETRY_MS", 200)
    in_the_way = project.path / "labels" / "tile_01.png"
    driver.panel.controller.open_project(project.path)
    in_the_way.mkdir(parents=True)  # as a program that holds the file, on systems where that prevents writing
    with driver.watching():
        driver.choose_class(1)
        driver.stroke([(30, 30)], 8)
        painted = driver.label()
        driver.show_tile("tile_02")
        driver.stroke([(60, 60)], 8)
        other = driver.label()
        driver.wait(lambda: project.has_label("tile_02"), "the other tile to be saved")
        np.testing.assert_array_equal(project.label("tile_02"), other)
        assert "there is a folder where a file is needed" in driver.panel.messages.text
        driver.panel.messages.hide()
        driver.pause(0.7)
        assert driver.panel.messages.text == ""  # told once
        assert driver.panel.controller.labels.unsaved_names() == ("tile_01",)
        assert not driver.viewer.window._qt_window.close()
        assert answers.asked == ["close_unsaved ('tile_01',)"]
        in_the_way.rmdir()
        driver.wait(lambda: not driver.panel.controller.labels.unsaved_names(), "the retry")
    np.testing.assert_array_equal(project.label("tile_01"), painted)
