"""The pages of the panel, the tile bar and the foot: what is in sight whatever is open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget, QLabel

from napari_unisemalign.shell.docks_view import WIDEST_PX
from napari_unisemalign.shell.pages import Place
from training_core.messages.events import RunStarted, StepDone
from training_core.project import LabelSource, Project

AT_LEAST = 0.6
"""The image's share of the window's width."""


def primary_controls(panel: Any) -> list[Any]:
    """What a turn of annotate, review and train needs."""
    head = (panel.correct.accept_next_button, panel.correct.reject_button, panel.correct.next_button)
    return [*(chip.button for chip in panel.chips.chips.values()), panel.chips.eraser, *head, panel.train.start_button]


@pytest.mark.parametrize("size", [(1366, 768), (1280, 720), (1920, 1080)])
def test_the_image_is_large_and_no_primary_control_needs_scrolling(
    window: Any, predicted_project: Project, size: tuple[int, int]
) -> None:
    viewer, driver, _answers = window
    viewer.window.resize(*size)
    panel = driver.panel
    panel.controller.open_project(predicted_project.path)
    main, canvas = viewer.window._qt_window, viewer.window._qt_viewer.canvas.native
    driver.wait(lambda: canvas.width() >= AT_LEAST * main.width(), "the image to be large")
    assert (main.width(), main.height()) == size
    for control in primary_controls(panel):
        assert control.isVisible()
        corner = control.mapTo(main, QPoint(control.width(), control.height()))
        assert corner.x() <= size[0]
        assert corner.y() <= size[1]
        assert not panel.pages.page(Place.ANNOTATE).scroll_area.isAncestorOf(control)


def test_the_panel_can_be_narrow(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    panel = driver.panel
    panel.controller.open_project(predicted_project.path)
    for place in Place:
        driver.open_place(place)
        for fold in panel.pages.page(place).folds:
            fold.set_open(True)
        driver.pause(0.2)
    assert panel.minimumWidth() == 320


def test_the_title_is_whole_the_eye_follows_the_theme_and_the_status_bar_names_no_key_of_naparis(
    window: Any, predicted_project: Project
) -> None:
    viewer, driver, _answers = window
    panel = driver.panel
    panel.controller.open_project(predicted_project.path)
    driver.pause(0.2)
    bar = panel.parentWidget().titleBarWidget()
    (title,) = (label for label in bar.findChildren(QLabel) if label.text() == "UniSemAlign")
    assert title.toolTip() == "Train a tissue segmenter (UniSemAlign)"
    assert title.fontMetrics().horizontalAdvance(title.text()) <= title.width()
    driver.layers.activate_labels("paint")
    assert viewer.help == "F1: all keys"  # napari would say that 1 erases, where it paints with a class

    def ink() -> float:
        """How light the strokes of an open eye are, 0 to 255."""
        image = panel.chips.chips[1].eye.icon().pixmap(32, 32).toImage()
        pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
        return float(np.mean([each.lightness() for each in pixels if each.alpha() > 200]))

    inks = {}
    for theme in ("dark", "light"):
        viewer.theme = theme
        driver.pause(0.3)
        inks[theme] = ink()
    assert inks["dark"] > 180
    assert inks["light"] < 80


def test_naparis_docks_fold_while_a_project_is_open_and_come_back_with_a_key(window: Any, project: Project) -> None:
    viewer, driver, _answers = window
    main = viewer.window._qt_window
    docks = [main.findChild(QDockWidget, name) for name in ("layer list", "layer controls")]
    assert all(dock.isVisible() for dock in docks)
    assert not driver.panel.tiles.isVisible()
    driver.panel.controller.open_project(project.path)
    assert not any(dock.isVisible() for dock in docks)
    assert driver.panel.tiles.isVisible()
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_F4)
    assert all(dock.isVisible() for dock in docks)
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_F4)
    assert not any(dock.isVisible() for dock in docks)


def test_a_page_is_chosen_by_its_button_and_by_key(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    pages = driver.panel.pages
    assert pages.place is Place.PROJECT
    assert not pages.button(Place.RESULTS).isEnabled()
    driver.panel.controller.open_project(project.path)
    assert pages.place is Place.ANNOTATE
    for place in (Place.RESULTS, Place.SETTINGS, Place.TRAINING, Place.PROJECT):
        QTest.mouseClick(pages.button(place), Qt.MouseButton.LeftButton)
        assert pages.place is place
        assert [each for each in Place if pages.button(each).isChecked()] == [place]
    QTest.keyClick(pages.button(Place.ANNOTATE), Qt.Key.Key_Space)
    assert pages.place is Place.ANNOTATE


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Space])
def test_a_fold_works_by_key(window: Any, project: Project, key: Qt.Key) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    fold = next(each for each in driver.panel.pages.page(Place.ANNOTATE).folds if not each.is_open)
    fold.header.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(fold.header, key)
    assert fold.is_open
    assert fold.body.isVisible()
    QTest.keyClick(fold.header, key)
    assert not fold.body.isVisible()


def test_a_right_tile_takes_one_click_or_one_key(window: Any, predicted_project: Project, truths: Any) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.click(driver.panel.correct.accept_next_button)
    assert driver.session.tile == "tile_02"
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()  # as after a click on the image; on a button, Enter presses that
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    assert driver.session.tile == "tile_03"
    driver.wait_saved()
    for name in ("tile_01", "tile_02"):
        assert predicted_project.state(name) == "accepted"
        assert (predicted_project.label(name) == truths[name]).all()


def test_enter_in_a_field_accepts_nothing_and_presses_a_focused_button(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    panel = driver.panel
    panel.controller.open_project(predicted_project.path)
    for field in (panel.correct.confidence_spin, panel.overlays.below_slider, panel.train.minutes_spin):
        driver.reveal(field)
        field.setFocus()
        QTest.keyClick(field, Qt.Key.Key_Return)
    for part in (panel.tiles.order.search_edit, panel.tiles.order.show_combo, panel.chips.eraser):
        part.setFocus(Qt.FocusReason.TabFocusReason)
        QTest.keyClick(part, Qt.Key.Key_Return)
    assert driver.session.tile == "tile_01"
    assert (driver.label() == 255).all()
    panel.correct.accept_next_button.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(panel.correct.accept_next_button, Qt.Key.Key_Return)
    assert driver.session.tile == "tile_02"


@pytest.mark.nightly
def test_enter_presses_a_button_once_and_only_where_tab_came_to_it(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    panel = driver.panel
    panel.controller.open_project(predicted_project.path)
    fold = next(each for each in panel.pages.page(Place.ANNOTATE).folds if not each.is_open)
    pressed: list[str] = []
    for button in (panel.overlays.flicker_button, fold.header, panel.head.tile_bar.next_button):
        driver.reveal(button)
        button.clicked.connect(lambda: pressed.append("once"))
        for reason, presses in ((Qt.FocusReason.TabFocusReason, 1), (Qt.FocusReason.MouseFocusReason, 0)):
            panel.head.project_button.setFocus(Qt.FocusReason.OtherFocusReason)
            button.setFocus(reason)
            QTest.keyClick(button, Qt.Key.Key_Return)
            assert len(pressed) == presses, (button.text(), reason)
            pressed.clear()
            QApplication.processEvents()


def test_the_zoom_is_kept_and_a_project_opens_where_it_was_left(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    panel = driver.panel
    panel.controller.open_project(predicted_project.path)
    viewer.scene.camera.zoom = 11.0
    viewer.scene.camera.center = (30.0, 40.0)
    driver.show_tile("tile_03")
    assert viewer.scene.camera.zoom == 11.0
    driver.open_place(Place.RESULTS)
    driver.wait(lambda: not panel.controller.left_off._timer.isActive(), "it to be kept")
    viewer.reset_view()
    panel.controller.open_project(predicted_project.path)
    assert driver.session.tile == "tile_03"
    assert panel.pages.place is Place.RESULTS
    assert viewer.scene.camera.zoom == pytest.approx(11.0)
    assert viewer.scene.camera.center[-2:] == pytest.approx((30.0, 40.0))


def test_the_foot_says_what_to_do(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    panel = driver.panel
    assert "try the sample" in panel.status.text.text()
    panel.controller.open_project(project.path)
    assert "at least 2 tiles" in panel.status.text.text()
    for name in ("tile_01", "tile_02"):
        driver.show_tile(name)
        driver.choose_class(1)
        driver.stroke([(40, 40), (40, 50)], 10)
        driver.wait_saved()
    assert "Start training" in panel.status.text.text()


def test_after_a_training_review_is_next_and_then_export(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    panel = driver.panel
    panel.controller.open_project(predicted_project.path)
    waiting = [name for name, state in predicted_project.states().items() if state == "predicted"]
    assert panel.status.text.text().startswith(f"{len(waiting)} tiles wait")
    for name in waiting:
        predicted_project.write_label(name, predicted_project.label(name) * 0, LabelSource.PAINTED)
    driver.session.states_changed.emit()
    assert "export the masks" in panel.status.text.text()


def test_the_tile_bar_goes_to_the_neighbours(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    bar = driver.panel.head.tile_bar
    assert not bar.isVisible()
    driver.panel.controller.open_project(project.path)
    assert bar.isVisible()
    assert bar.name.toolTip() == "tile_01 (1 of 4) – unannotated"
    assert not bar.previous_button.isEnabled()
    QTest.mouseClick(bar.next_button, Qt.MouseButton.LeftButton)
    assert driver.session.tile == "tile_02"
    assert bar.name.toolTip().startswith("tile_02 (2 of 4)")
    QTest.mouseClick(bar.previous_button, Qt.MouseButton.LeftButton)
    assert driver.session.tile == "tile_01"


def test_the_foot_says_what_on_which_device_and_how_long_and_nothing_jumps(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    panel, session = driver.panel, driver.session
    panel.controller.open_project(project.path)
    driver.pause(0.1)
    place = panel.train.footer.mapTo(panel, QPoint(0, 0)).y()
    assert not panel.status.progress.isVisible()
    assert not panel.train.stop_button.isVisible()
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
    driver.pause(0.1)
    assert panel.status.progress.isVisible()
    assert panel.status.progress.value() == 250
    assert panel.status.details.toolTip() == "CPU, 25 % done, 1 min 15 s left"
    assert panel.train.stop_button.isVisible()
    assert not panel.train.start_button.isVisible()
    assert panel.train.footer.mapTo(panel, QPoint(0, 0)).y() == place
    session.end_training("Finished.")
    assert panel.status.text.text() == "Finished."
    assert not panel.status.progress.isVisible()


@pytest.mark.nightly
def test_the_image_gets_its_share_again_in_a_window_made_smaller_until_the_user_chooses(
    window: Any, project: Project
) -> None:
    viewer, driver, _answers = window
    main = viewer.window._qt_window
    viewer.window.resize(1700, 900)
    driver.panel.controller.open_project(project.path)
    driver.wait(lambda: abs(driver.panel.width() - WIDEST_PX) <= 3, "the panel's width")
    viewer.window.resize(1366, 768)
    driver.wait(lambda: driver.image_share() >= AT_LEAST, "the image's share")
    main.resizeDocks([driver.panel.parentWidget()], [380], Qt.Orientation.Horizontal)  # as by the separator
    driver.wait(lambda: abs(driver.panel.width() - 380) <= 3, "the chosen width")
    chosen = driver.panel.width()
    viewer.window.resize(1300, 768)
    driver.pause(1.0)
    assert driver.panel.width() == chosen
