"""Keys work wherever the focus is, unless text is typed; napari has no menu key of ours; Esc leaves every mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from napari.settings import get_plugin_settings
from npe2 import PluginManifest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit, QWidget

from napari_unisemalign import manifest
from napari_unisemalign.actions.catalogue import ACTIONS, PLUGIN
from napari_unisemalign.actions.napari_keys import REPLACED, canvas_keys, menu_keys
from napari_unisemalign.actions.shortcuts import canonical
from napari_unisemalign.shell.pages import Place
from training_core.project import Project, TileState

pytestmark = pytest.mark.binding

CTRL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier


def places(panel: Any) -> dict[str, QWidget]:
    """What may have been clicked last."""
    return {
        "the list of tiles": panel.tiles.list,
        "a drop-down": panel.tiles.order.sort_combo,
        "the table of classes": panel.classes.table,
        "a slider": panel.painting.brush_slider,
        "a button": panel.painting.fill_button,
        "a header": panel.pages.page(Place.ANNOTATE).folds[0].header,
        "the drop-down of what is accepted": panel.correct.source_combo,
        "the panel": panel,
    }


def test_keys_work_whatever_was_clicked_last(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    for fold in driver.panel.pages.page(Place.ANNOTATE).folds:
        fold.set_open(True)
    driver.pause(0.1)
    overlays = driver.panel.overlays.switches["prediction"]
    for where, widget in places(driver.panel).items():
        widget.setEnabled(True)
        driver.panel.controller.tiles.show("tile_02")
        driver.panel.controller.classes.paint_with(1)
        driver.stroke([(30, 30)], 8)
        before = [driver.panel.correct.source_combo.currentIndex(), driver.panel.tiles.order.sort_combo.currentIndex()]
        driver.press(Qt.Key.Key_Z, CTRL, on=widget)
        assert not predicted_project.has_label("tile_02"), where
        driver.press(Qt.Key.Key_1, on=widget)
        assert driver.session.class_id == 0, where
        driver.wait(lambda: not driver.panel.controller.overlays.pending, "the overlays")
        driver.press(Qt.Key.Key_H, on=widget)
        assert not overlays.isChecked(), where
        driver.press(Qt.Key.Key_H, on=widget)
        assert overlays.isChecked(), where
        driver.press(Qt.Key.Key_PageDown, on=widget)
        assert driver.session.tile == "tile_03", where
        driver.press(Qt.Key.Key_PageUp, on=widget)
        assert driver.session.tile == "tile_02", where
        after = [driver.panel.correct.source_combo.currentIndex(), driver.panel.tiles.order.sort_combo.currentIndex()]
        assert after == before, where


def test_what_is_typed_as_text_is_text(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    search, spin = driver.panel.tiles.order.search_edit, driver.panel.train.minutes_spin
    class_id, tile = driver.session.class_id, driver.session.tile
    for key in (Qt.Key.Key_H, Qt.Key.Key_1, Qt.Key.Key_0):
        driver.press(key, on=search)
    driver.press(Qt.Key.Key_A, ALT, on=search)
    typed = search.text()
    assert typed.lower().startswith("h10")
    driver.press(Qt.Key.Key_Z, CTRL, on=search)
    assert search.text() != typed
    driver.reveal(spin)
    minutes = spin.value()
    driver.press(Qt.Key.Key_PageDown, on=spin)
    assert spin.value() < minutes
    assert (driver.session.class_id, driver.session.tile) == (class_id, tile)
    assert not predicted_project.has_label("tile_01")
    driver.press(Qt.Key.Key_Escape, on=search)  # leaves the text
    assert not search.hasFocus()
    driver.press(Qt.Key.Key_PageDown, on=driver.panel)
    assert driver.session.tile == "tile_02"


def test_every_key_of_ours_is_free_or_knowingly_replaced(window: Any) -> None:
    viewer, _driver, _answers = window
    ours = {canonical(each.key): each.title for each in ACTIONS if each.key}
    taken = menu_keys(viewer.window._qt_window)
    assert {"Alt+S", "Alt+C", "Alt+F", "Ctrl+O", "Ctrl+Shift+P"} <= set(taken)  # shortcuts and mnemonics are found
    assert not set(ours) & set(taken)
    canvas = canvas_keys()
    assert {"1", "P", "V", "Escape"} <= set(canvas)
    assert set(ours) & set(canvas) <= set(REPLACED)


@pytest.fixture
def installed(plugin_settings: Any, npe2pm: Any) -> Iterator[None]:
    """Napari knows our manifest, and keeps its settings in this test's folder."""
    with npe2pm.tmp_plugin(manifest=PluginManifest.from_file(manifest.PATH)):
        yield


@pytest.fixture
def badly_set(installed: None) -> None:
    get_plugin_settings(PLUGIN).keys.next_tile = "Alt-S"


def test_a_key_that_a_menu_has_is_told_at_the_start_and_refused_on_the_sheet(badly_set: None, window: Any) -> None:
    _viewer, driver, _answers = window
    words = "Alt+S does nothing: it is both “Show the next tile” and napari's “Save Screenshot...”"
    driver.wait(lambda: words in driver.panel.messages.text, "the warning")
    driver.press(Qt.Key.Key_F1)
    dialog = driver.panel.controller.keys.dialog
    rows = [row for row in range(dialog.table.rowCount()) if dialog.table.item(row, 0).text() == "Show the next tile"]
    dialog.table.setCurrentCell(rows[0], 0)
    for key, expected in ((Qt.Key.Key_C, "Alt+S"), (Qt.Key.Key_V, "Alt+S"), (Qt.Key.Key_PageDown, "Alt+PgDown")):
        dialog.edit.clear()
        QTest.keyClick(dialog.edit, key, ALT)
        dialog.edit.editingFinished.emit()
        assert dialog.table.item(rows[0], 1).text() == expected
        assert ("Try:" in dialog.hint.text()) == (expected == "Alt+S")


# --- modes ------------------------------------------------------------------------------------------------------------


def on_image(driver: Any) -> str:
    """What is written on the image."""
    overlay = driver.viewer.canvas.overlays.text
    return overlay.text if overlay.visible else ""


def test_esc_leaves_every_mode_and_the_image_says_which_it_is(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.wait(lambda: not driver.panel.controller.overlays.pending, "the overlays")
    labels = driver.layers.labels
    view = driver.panel.correct
    assert "Esc" not in on_image(driver)
    for key, modifiers, words in (
        (Qt.Key.Key_2, Qt.KeyboardModifier.NoModifier, "Painting gland"),
        (Qt.Key.Key_0, Qt.KeyboardModifier.NoModifier, "Erasing annotations"),
        (Qt.Key.Key_F, Qt.KeyboardModifier.NoModifier, "Filling with gland"),
        (Qt.Key.Key_K, ALT, "A click accepts a region"),
        (Qt.Key.Key_X, ALT, "A click rejects a region"),
        (Qt.Key.Key_D, ALT, "Outlining a region"),
        (Qt.Key.Key_H, Qt.KeyboardModifier.NoModifier, "Overlays are hidden"),
    ):
        driver.press(key, modifiers)
        assert words in on_image(driver)
        driver.press(Qt.Key.Key_Escape, on=driver.panel.tiles.list)  # wherever the focus is
        assert "Esc" not in on_image(driver), words
        assert labels.mode == "pan_zoom"
        assert driver.viewer.layers.selection.active is labels
        assert not any(
            each.isChecked() for each in (view.click_button, view.reject_click_button, view.draw_area_button)
        )
        assert driver.panel.overlays.switches["prediction"].isChecked()


def click_image(driver: Any, row: float, column: float) -> None:
    canvas, camera = driver.viewer.window._qt_viewer.canvas.native, driver.viewer.scene.camera
    y = canvas.height() / 2 + (row - camera.center[-2]) * camera.zoom
    x = canvas.width() / 2 + (column - camera.center[-1]) * camera.zoom
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))


def test_a_click_on_a_tile_to_review_paints_nothing(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.pause(0.3)
    click_image(driver, 48, 48)
    assert (driver.label() == 255).all()
    driver.press(Qt.Key.Key_2)  # now painting was asked for
    click_image(driver, 48, 48)
    assert (driver.label() == 1).any()
    driver.press(Qt.Key.Key_PageDown)
    driver.pause(0.3)
    click_image(driver, 48, 48)
    assert driver.session.tile == "tile_02"
    np.testing.assert_array_equal(driver.label(), np.full((96, 96), 255))


def test_a_brush_that_was_chosen_to_correct_stays_when_the_review_goes_on(
    window: Any, predicted_project: Project
) -> None:
    """So that the next correction takes a stroke and Enter; Esc, and every other way to a tile, begin with the hand."""
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.pause(0.3)
    labels = driver.layers.labels
    driver.press(Qt.Key.Key_2)
    click_image(driver, 48, 48)
    for name in ("tile_02", "tile_03"):
        driver.press(Qt.Key.Key_Return)
        assert (driver.session.tile, labels.mode) == (name, "paint")
        assert "Painting gland" in on_image(driver)
    assert (driver.label() == 255).all()
    click_image(driver, 48, 48)
    assert (driver.label() == 1).any()
    driver.wait_saved()
    assert "tile_03" in predicted_project.to_review()  # a stroke alone takes no tile off the queue
    driver.press(Qt.Key.Key_Escape)
    driver.press(Qt.Key.Key_Return)
    assert (driver.session.tile, labels.mode) == ("tile_04", "pan_zoom")


def test_a_brush_of_the_time_before_the_prediction_does_not_stay(
    window: Any, project: Project, add_run: Callable[..., None], truths: dict[str, np.ndarray]
) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    driver.press(Qt.Key.Key_2)
    assert driver.layers.labels.mode == "paint"
    add_run(project, "20260101-000000", truths)
    driver.session.model.runs_changed_outside("tile_01")
    driver.wait(lambda: not driver.panel.controller.overlays.pending, "the overlays")
    driver.press(Qt.Key.Key_Return)
    assert (driver.session.tile, driver.layers.labels.mode) == ("tile_02", "pan_zoom")


def test_enter_does_what_the_focus_says_and_else_accepts(window: Any, predicted_project: Project) -> None:
    """It edits a class, presses the button that Tab came to, and is the window's key everywhere else."""
    _viewer, driver, _answers = window
    panel = driver.panel
    panel.controller.open_project(predicted_project.path)
    driver.wait(lambda: not panel.controller.overlays.pending, "the overlays")
    table = panel.classes.table
    driver.reveal(table)
    driver.choose_class(1)
    driver.press(Qt.Key.Key_Return, on=table)
    (editor,) = (line for line in table.viewport().findChildren(QLineEdit) if line.isVisible())
    QTest.keyClick(editor, Qt.Key.Key_Escape)
    panel.correct.reject_button.setFocus(Qt.FocusReason.TabFocusReason)
    driver.activate()
    QTest.keyClick(panel.correct.reject_button, Qt.Key.Key_Return)
    assert predicted_project.rejected_pixels("tile_01") == 96 * 96
    assert not predicted_project.has_label("tile_01")
    driver.click(panel.painting.undo_button)
    assert not predicted_project.rejected_pixels("tile_01")
    driver.press(Qt.Key.Key_Return, on=panel.correct.reject_button)  # clicked, not reached by Tab
    assert predicted_project.is_accepted("tile_01")
    assert not predicted_project.rejected_pixels("tile_01")


def test_enter_closes_an_outline_and_accepts_nothing_meanwhile(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.pause(0.3)
    driver.press(Qt.Key.Key_2)
    driver.layers.labels.mode = "polygon"
    for row, column in ((20, 20), (20, 60), (60, 60), (60, 20)):
        click_image(driver, row, column)
        driver.pause(0.1)
    driver.press(Qt.Key.Key_Return)
    assert driver.session.tile == "tile_01"
    assert not predicted_project.is_accepted("tile_01")
    label = driver.label()
    assert (label[25:55, 25:55] == 1).all()
    assert (label[:15] == 255).all()
    driver.press(Qt.Key.Key_Escape)
    driver.press(Qt.Key.Key_Return)  # nothing is being drawn
    assert predicted_project.is_accepted("tile_01")


def test_the_enter_among_the_numbers_is_enter(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.show_tile("tile_01")
    driver.press(Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier)
    assert driver.session.project.state("tile_01") is TileState.ACCEPTED
    spin = driver.panel.train.minutes_spin
    driver.reveal(spin)
    driver.press(Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier, on=spin)
    assert driver.session.project.state("tile_02") is TileState.PREDICTED
