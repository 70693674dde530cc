"""Project, tiles, classes, overlays and export, by clicks in a real window."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractSpinBox, QLabel, QLineEdit, QWidget

from napari_unisemalign.app.dialogs import NewProject
from napari_unisemalign.app.layer_values import LABELS, NAMES, PREDICTION, TILE
from napari_unisemalign.shell.pages import Place
from napari_unisemalign.tiles.tile_list_view import STATE_ROLE
from napari_unisemalign.widgets.shrinking import ShrinkingArea
from training_core.export import CONTENTS, FORMATS
from training_core.io import read_mask
from training_core.project import LabelSource, Project, make_classes


def states(driver: Any) -> list[str]:
    model = driver.panel.tiles.model
    return [model.data(model.index(row, 0), STATE_ROLE) for row in range(model.rowCount())]


def test_an_empty_panel_says_what_to_do(window: Any) -> None:
    _viewer, driver, _answers = window
    panel = driver.panel
    assert "try the sample" in panel.project.summary.text()
    for button in (panel.train.start_button, panel.correct.accept_tile_button, panel.export.export_button):
        assert not button.isEnabled()
        assert "Open a project" in button.toolTip()
    assert not any(button.isEnabled() for button in panel.head.tabs.values())


def test_opening_by_the_button_shows_tiles_thumbnails_and_states(window: Any, project: Project) -> None:
    viewer, driver, answers = window
    answers.folder = project.path
    driver.click(driver.panel.project.open_button)
    assert {NAMES[TILE], NAMES[LABELS]} <= {layer.name for layer in viewer.layers}
    assert driver.session.tile == "tile_01"
    assert "tile_01" in viewer.title
    np.testing.assert_array_equal(viewer.layers[NAMES[TILE]].data, project.image("tile_01"))
    assert states(driver) == ["unannotated"] * 4
    assert driver.panel.project.summary.text() == "4 tiles: 4 unannotated"
    model = driver.panel.tiles.model
    driver.wait(
        lambda: model.data(model.index(0, 0), Qt.ItemDataRole.DecorationRole) is not None, "the first thumbnail", 5.0
    )


def test_next_previous_and_a_click_change_the_tile(window: Any, project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    bar = driver.panel.head.tile_bar
    assert not bar.previous_button.isEnabled()
    layers = [viewer.layers[NAMES[TILE]], viewer.layers[NAMES[LABELS]]]
    driver.click(bar.next_button)
    assert driver.session.tile == "tile_02"
    driver.show_tile("tile_04")
    assert not bar.next_button.isEnabled()
    driver.click(bar.previous_button)
    assert driver.session.tile == "tile_03"
    np.testing.assert_array_equal(viewer.layers[NAMES[TILE]].data, project.image("tile_03"))
    assert [viewer.layers[NAMES[TILE]], viewer.layers[NAMES[LABELS]]] == layers


def test_a_project_that_is_none_is_a_notification_and_changes_nothing(window: Any, project: Project) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(project.path)
    answers.folder = project.path / "images"
    with driver.watching():
        driver.click(driver.panel.project.open_button)
    assert "Try:" in driver.panel.messages.text
    assert notification_manager.records[-1].severity.value == "error"
    assert driver.session.project.path == project.path
    assert driver.session.tile == "tile_01"


def test_a_missing_image_is_said_and_the_other_tiles_work(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    project.image_path("tile_01").unlink()
    driver.panel.controller.open_project(project.path)
    assert "1 of 4 images" in driver.panel.messages.text
    assert driver.session.tile == "tile_02"
    with driver.watching():
        driver.panel.tiles.tile_chosen.emit("tile_01")
    assert "tile_01" in driver.panel.messages.text
    assert driver.session.tile == "tile_02"
    assert driver.panel.tiles.list.currentIndex().row() == 1


def test_a_damaged_label_is_a_notification(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    project.write_label("tile_02", np.zeros((96, 96), np.uint8), LabelSource.PAINTED)
    (project.path / "labels" / "tile_02.png").write_bytes(b"not a picture")
    driver.panel.controller.open_project(project.path)
    with driver.watching():
        driver.panel.tiles.tile_chosen.emit("tile_02")
    assert driver.panel.messages.text
    assert driver.session.tile == "tile_01"


def test_a_new_project_is_made_in_the_background(window: Any, project: Project, tmp_path: Path) -> None:
    _viewer, driver, answers = window
    answers.new = NewProject(
        images=(project.path / "images",),
        folder=tmp_path / "made",
        classes=make_classes(("background", "gland", "stroma")),
    )
    driver.click(driver.panel.project.new_button)
    assert not driver.panel.project.new_button.isEnabled()
    driver.wait(lambda: driver.session.project is not None, "the new project")
    assert driver.session.project.path == tmp_path / "made"
    assert [each.name for each in driver.session.classes()] == ["background", "gland", "stroma"]
    assert driver.panel.project.new_button.isEnabled()


def test_a_new_project_from_nothing_is_a_notification(window: Any, tmp_path: Path) -> None:
    _viewer, driver, answers = window
    (tmp_path / "empty").mkdir()
    classes = make_classes(("background", "gland"))
    answers.new = NewProject(images=(tmp_path / "empty",), folder=tmp_path / "made", classes=classes)
    with driver.watching():
        driver.click(driver.panel.project.new_button)
        driver.wait(lambda: bool(driver.panel.messages.text), "the error")
    assert "no image file" in driver.panel.messages.text
    assert not (tmp_path / "made").exists()
    assert driver.panel.project.new_button.isEnabled()


def test_a_labelled_tile_can_be_kept_for_validation(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    label = np.full((96, 96), 255, np.uint8)
    label[:9, :9] = 1
    for name in ("tile_01", "tile_02", "tile_03"):
        project.write_label(name, label, LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    assert "0 for validation" in driver.panel.train.plan.text()
    view = driver.panel.tiles

    def action(name: str) -> Any:
        return view.menu_at(view.list.visualRect(view.model.index(view.model.row_of(name), 0)).center()).actions()[0]

    assert not action("tile_04").isEnabled()  # nothing to measure with
    action("tile_01").trigger()
    assert project.val_names() == ("tile_01",)
    assert states(driver)[0] == "annotated, for validation"
    assert "2 annotated tiles, 1 without annotations and 1 for validation" in driver.panel.train.plan.text()
    assert action("tile_01").isChecked()
    action("tile_01").trigger()
    assert project.val_names() == ()
    assert states(driver)[0] == "annotated"
    assert view.menu_at(QPoint(5, 10_000)) is None


# --- classes ---------------------------------------------------------------------------------------------------------


def test_a_click_on_a_class_is_ready_to_paint(window: Any, project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    labels = viewer.layers[NAMES[LABELS]]
    assert labels.mode == "pan_zoom"
    viewer.layers.selection.active = viewer.layers[NAMES[TILE]]
    driver.choose_class(0)
    assert labels.selected_label == 1
    assert labels.mode == "paint"
    assert viewer.layers.selection.active is labels
    labels.mode = "fill"
    driver.choose_class(1)
    assert (labels.selected_label, labels.mode) == (2, "fill")


@pytest.mark.parametrize("active", [LABELS, TILE])
def test_number_keys_choose_classes_and_zero_erases(window: Any, project: Project, active: str) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    viewer.layers.selection.active = viewer.layers[NAMES[active]]
    canvas = viewer.window._qt_viewer.canvas.native
    for key, value in ((Qt.Key.Key_1, 1), (Qt.Key.Key_2, 2)):
        QTest.keyClick(canvas, key)
        assert viewer.layers[NAMES[LABELS]].selected_label == value
        assert viewer.layers[NAMES[LABELS]].mode == "paint"
        assert driver.panel.classes.table.currentRow() == value - 1
    QTest.keyClick(canvas, Qt.Key.Key_9)  # no such class
    assert viewer.layers[NAMES[LABELS]].selected_label == 2
    QTest.keyClick(canvas, Qt.Key.Key_0)
    assert viewer.layers[NAMES[LABELS]].mode == "erase"


def test_picking_in_naparis_controls_follows_and_a_label_without_class_is_refused(
    window: Any, project: Project
) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    labels = viewer.layers[NAMES[LABELS]]
    labels.selected_label = 1
    assert driver.session.class_id == 0
    labels.selected_label = 7
    assert labels.selected_label == 1
    assert "add a class" in driver.panel.messages.text


def test_classes_are_added_renamed_recoloured_and_removed(window: Any, project: Project) -> None:
    viewer, driver, answers = window
    driver.panel.controller.open_project(project.path)
    view = driver.panel.classes
    driver.click(view.add_button)
    assert [each.name for each in project.classes] == ["background", "gland", "class 1"]
    added = project.classes[-1]
    assert driver.session.class_id == added.id
    view.table.closePersistentEditor(view.table.currentItem())
    view.table.item(2, 2).setText("stroma")
    view.table.item(2, 3).setText("pink fibres")
    answers.chosen_color = "#123456"
    QTest.mouseClick(
        view.table.viewport(), Qt.MouseButton.LeftButton, pos=view.table.visualItemRect(view.table.item(2, 1)).center()
    )
    stroma = project.classes[-1]
    assert (stroma.name, stroma.prompt, stroma.color) == ("stroma", "pink fibres", "#123456")
    np.testing.assert_allclose(
        viewer.layers[NAMES[LABELS]].colormap.map(added.id + 1), (0x12 / 255, 0x34 / 255, 0x56 / 255, 1), atol=1e-3
    )
    answers.yes = False
    driver.click(view.remove_button)
    assert len(project.classes) == 3
    answers.yes = True
    driver.click(view.remove_button)
    assert [each.id for each in project.classes] == [0, 1]
    assert driver.session.class_id == 0


def test_a_bad_name_is_put_back(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    view = driver.panel.classes
    with driver.watching():
        view.table.item(1, 2).setText("background")
    assert view.table.item(1, 2).text() == "gland"
    assert "unique name" in driver.panel.messages.text


# --- overlays --------------------------------------------------------------------------------------------------------


def test_overlays_are_layers_with_switch_and_opacity(window: Any, predicted_project: Project, truths: Any) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    assert states(driver) == ["predicted"] * 4
    np.testing.assert_array_equal(driver.prediction(), truths["tile_01"])
    assert (driver.label() == 255).all()  # never painted into the labels by themselves
    view = driver.panel.overlays
    prediction, confidence = viewer.layers[NAMES[PREDICTION]], viewer.layers[NAMES["confidence"]]
    assert prediction.visible
    assert not confidence.visible
    driver.click(view.switches["prediction"])
    driver.click(view.switches["confidence"])
    view.sliders["confidence"].setValue(25)
    assert not prediction.visible
    assert confidence.visible
    assert confidence.opacity == 0.25
    prediction.visible = True  # by the eye in napari's layer list
    prediction.opacity = 0.8
    assert view.switches["prediction"].isChecked()
    assert view.sliders["prediction"].value() == 80


def test_overlays_follow_the_tile_and_what_was_active_stays(
    window: Any, project: Project, truths: Any, add_run: Callable[..., None]
) -> None:
    viewer, driver, _answers = window
    add_run(project, "20260101-000000", {"tile_01": truths["tile_01"]})
    driver.panel.controller.open_project(project.path)
    driver.panel.overlays.switches["prediction"].setChecked(False)
    viewer.layers.selection.active = viewer.layers[NAMES[TILE]]
    driver.show_tile("tile_02")
    assert driver.prediction() is None
    assert not driver.panel.overlays.switches["prediction"].isEnabled()
    driver.show_tile("tile_01")
    np.testing.assert_array_equal(driver.prediction(), truths["tile_01"])
    assert not viewer.layers[NAMES[PREDICTION]].visible
    assert viewer.layers.selection.active is viewer.layers[NAMES[TILE]]


def test_a_damaged_overlay_is_a_notification(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    predicted_project.prediction("tile_02").prediction.write_bytes(b"broken")
    driver.panel.controller.open_project(predicted_project.path)
    with driver.watching():
        driver.show_tile("tile_02")
    assert "tile_02.prediction.png" in driver.panel.messages.text


# --- the look --------------------------------------------------------------------------------------------------------


@pytest.mark.binding
@pytest.mark.parametrize("theme", ["dark", pytest.param("light", marks=pytest.mark.nightly)])
def test_nothing_is_cut_off(window: Any, predicted_project: Project, theme: str) -> None:
    viewer, driver, _answers = window
    viewer.theme = theme
    driver.panel.controller.open_project(predicted_project.path)
    driver.pause(0.2)
    panel = driver.panel
    assert 320 <= panel.width() <= 420
    for page in panel.pages.all():
        driver.open_place(page.place)
        for fold in page.folds:
            fold.set_open(True)
        driver.pause(0.1)
        viewport = page.scroll_area.viewport()
        assert page.body.width() == viewport.width()
        for widget in panel.findChildren(QLabel):
            if widget.isVisible() and widget.wordWrap():
                assert widget.height() >= widget.heightForWidth(widget.width()) - 1, widget.text()
        right = viewport.mapToGlobal(QPoint(viewport.width(), 0)).x()
        for widget in page.body.findChildren(QWidget):
            if widget.isWidgetType() and widget.isVisible():
                assert widget.mapToGlobal(QPoint(widget.width(), 0)).x() <= right
                # napari's own style sheet sets the width of spin boxes
                assert widget.width() >= widget.minimumSizeHint().width() or isinstance(widget, QAbstractSpinBox)


@pytest.mark.parametrize("lines", [2, 40])
def test_messages_leave_all_in_sight_on_a_low_screen(window: Any, predicted_project: Project, lines: int) -> None:
    """1366 x 768 at 150 %; a message used to make the window higher than that, with *Start training* below its edge."""
    viewer, driver, _answers = window
    panel = driver.panel
    panel.controller.open_project(predicted_project.path)
    qt_window = panel.window()
    qt_window.setMinimumSize(0, 0)
    words = "\n".join(f"line {number} of what went wrong" for number in range(lines))
    bars = [
        lambda: panel.messages.show_message(words, details="more", is_error=True),
        lambda: panel.notice.show_notice("Something that needs a decision", [("Do it", lambda: None)]),
        lambda: panel.hanging.show_notice("Something else", [("Do it", lambda: None)]),
        panel.tour.show,
    ]
    for place in (Place.ANNOTATE, Place.RESULTS):
        driver.open_place(place)
        viewer.window.resize(910, 512)
        for show in bars:
            show()
            driver.pause(0.2)
            driver.wait(lambda: qt_window.height() <= 512, "the window is no higher than the screen")
            driver.wait(lambda: _bottom(panel.train.start_button) <= 512, "Start training is in sight")
        for bar in (panel.messages, panel.notice, panel.hanging, panel.tour):
            assert isinstance(bar.parentWidget().parentWidget().parentWidget(), ShrinkingArea)
            bar.hide()
        driver.wait(lambda: _bottom(panel.correct.next_button) <= _bottom(panel.pages), "the head is in sight again")
    viewer.window.resize(1366, 768)
    bars[0]()
    message = panel.messages.findChild(ShrinkingArea)
    height = pytest.approx(min(lines, 5) * message.fontMetrics().lineSpacing(), abs=6)
    driver.wait(lambda: message.height() == height, "the message has its lines")
    driver.wait(lambda: (message.verticalScrollBar().maximum() > 0) == (lines > 5), "what is longer scrolls")


def _bottom(part: QWidget) -> int:
    """Pixels below the window's upper edge."""
    return int(part.mapTo(part.window(), QPoint(0, part.height())).y())


@pytest.mark.binding
def test_the_numbers_of_spin_boxes_have_room(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    seen = set()
    for page in driver.panel.pages.all():
        driver.open_place(page.place)
        for fold in page.folds:
            fold.set_open(True)
        driver.pause(0.1)
        for spin in driver.panel.findChildren(QAbstractSpinBox):
            line = spin.findChild(QLineEdit)
            if spin.isVisible() and line is not None:
                seen.add(spin.accessibleName())
                assert line.width() > line.fontMetrics().horizontalAdvance(spin.text()), spin.accessibleName()
    assert {"Confidence from which on to accept", "Minutes to train"} <= seen


def test_the_window_process_never_loads_torch(window: Any) -> None:
    assert window
    assert "torch" not in sys.modules


def test_export_writes_the_labels_on_screen(window: Any, project: Project, tmp_path: Path) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    driver.choose_class(1)
    driver.stroke([(40, 40), (40, 50)], 10)
    driver.wait_saved()
    paths = driver.export(tmp_path / "masks", "labels", "png")
    assert [path.name for path in paths] == ["tile_01.png"]
    np.testing.assert_array_equal(read_mask(paths[0]), driver.label())
    assert (tmp_path / "masks" / "classes.json").exists()
    assert "1 masks" in driver.panel.export.hint.text()
    view = driver.panel.export
    view.content_combo.setCurrentIndex(view.content_combo.findData("predictions"))
    assert "no predictions yet" in view.hint.text()
    assert not view.export_button.isEnabled()
    view.content_combo.setCurrentIndex(view.content_combo.findData("labels"))
    driver.session.states_changed.emit()
    assert "1 masks" in view.hint.text()


def test_the_window_offers_every_export_format_and_content(window: Any) -> None:
    view = window[1].panel.export
    formats = {view.format_combo.itemData(index) for index in range(view.format_combo.count())}
    contents = {view.content_combo.itemData(index) for index in range(view.content_combo.count())}
    assert (formats, contents) == (set(FORMATS), set(CONTENTS))
