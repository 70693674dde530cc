"""What is dropped on the window or opened in napari opens as a project, or is offered to become one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

from napari_unisemalign import plugin
from napari_unisemalign.app.layer_values import LABELS, NAMES
from tests.napari_unisemalign.conftest import drop
from training_core.project import Project

pytestmark = pytest.mark.binding


def canvas_of(viewer: Any) -> QWidget:
    return viewer.window._qt_viewer


@pytest.mark.parametrize("place", ["panel", "canvas"])
def test_a_dropped_project_folder_opens(window: Any, project: Project, place: str) -> None:
    viewer, driver, answers = window
    QTest.qWait(50)  # the dock gets into the window
    with driver.watching():
        drop(driver.panel if place == "panel" else canvas_of(viewer), project.path)
        driver.wait(lambda: driver.session.project is not None, "the project")
    assert driver.session.project.path == project.path
    assert NAMES[LABELS] in viewer.layers
    assert answers.asked == []


def test_what_is_dropped_on_the_panel_fills_in_the_form_and_no_loses_nothing(window: Any, project: Project) -> None:
    viewer, driver, answers = window
    files = [project.path / "images" / f"tile_0{number}.png" for number in (1, 2)]
    with driver.watching():
        drop(driver.panel, *files)
        driver.wait(lambda: len(answers.asked) == 1, "the form")
        drop(driver.panel, project.path / "images")
        driver.wait(lambda: len(answers.asked) == 2, "the form")
    assert answers.asked == [
        f"new_project {files[0]} {files[1]}",
        f"new_project {project.path / 'images'}",
    ]
    assert driver.session.project is None
    assert len(viewer.layers) == 0


def test_dropped_images_are_naparis_and_a_button_offers_to_make_a_project(window: Any, project: Project) -> None:
    viewer, driver, answers = window
    files = [project.path / "images" / f"tile_0{number}.png" for number in (1, 2)]
    button = driver.panel.project.opened_button
    assert not button.isVisible()
    with driver.watching():
        drop(canvas_of(viewer), *files)
        assert [layer.name for layer in viewer.layers] == ["tile_01", "tile_02"]  # napari has read them, unasked
        assert answers.asked == []
        assert button.text() == "Make a project of the 2 open images …"
        driver.click(button)
        driver.wait(lambda: bool(answers.asked), "the form")
    assert answers.asked == [f"new_project {files[0]} {files[1]}"]
    assert len(viewer.layers) == 2
    del viewer.layers["tile_01"]
    assert button.text() == "Make a project of tile_02.png …"
    driver.panel.controller.open_project(project.path)
    assert button.text() == "Add tile_02.png to the project …"
    del viewer.layers["tile_02"]
    assert not button.isVisible()


def test_a_folder_opened_with_the_plugin_or_slides_on_the_canvas_become_one_offer(
    window: Any, project: Project, tmp_path: Path
) -> None:
    viewer, driver, answers = window
    slides = [tmp_path / "a.svs", tmp_path / "b.svs"]
    for slide in slides:
        shutil.copy(project.path / "images" / "tile_01.png", slide)
    QTest.qWait(50)  # the dock gets into the window
    with driver.watching():
        drop(canvas_of(viewer), *slides)
        driver.wait(lambda: bool(answers.asked), "the form")
        viewer.open(project.path / "images", plugin="napari-unisemalign")
        driver.wait(lambda: len(answers.asked) == 2, "the form")
    assert answers.asked == [f"new_project {slides[0]} {slides[1]}", f"new_project {project.path / 'images'}"]
    assert len(viewer.layers) == 0


def test_the_reader_leaves_everything_else_alone(window: Any, project: Project, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (empty, project.path / "images" / "tile_01.png", tmp_path / "nothing.tif"):
        assert plugin.get_reader(str(path)) is None


# --- recent projects -------------------------------------------------------------------------------------------------


@pytest.mark.nightly
def test_recent_projects_are_listed_where_none_is_open_and_opened_by_a_click(
    window: Any, project: Project, tmp_path: Path
) -> None:
    _viewer, driver, _answers = window
    recent = driver.panel.project.recent
    assert not recent.menu_button.isEnabled()
    other = Path(shutil.copytree(project.path, tmp_path / "other"))
    with driver.watching():
        for path in (project.path, other):
            driver.panel.controller.open_project(path)
        assert [action.text().split()[0] for action in recent.menu.actions()] == ["other", "project"]
        recent.menu.actions()[1].trigger()
        assert driver.session.project.path == project.path
        assert [action.text().split()[0] for action in recent.menu.actions()] == ["project", "other"]

        shutil.rmtree(other)
        recent.menu.actions()[1].trigger()
    assert "not there any more" in driver.panel.messages.text
    assert [action.text().split()[0] for action in recent.menu.actions()] == ["project"]
    assert driver.session.project.path == project.path
    notification_manager.records.clear()


def test_a_new_window_lists_them_and_says_which_are_gone(
    make_napari_viewer: Any, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_unisemalign.tiles.recent import remember
    from napari_unisemalign.tools.driver import Driver

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    remember(tmp_path / "gone")
    remember(project.path)
    viewer = make_napari_viewer(show=True)
    panel = plugin.panel_in(viewer)
    driver = Driver(viewer, panel)
    recent = panel.project.recent
    assert f"{tmp_path / 'gone'}" in recent.missing.text()
    assert recent.missing.isVisible()
    assert [button.toolTip() for button in recent.buttons] == [str(project.path)]
    with driver.watching():
        driver.click(recent.buttons[0])
    assert driver.session.project.path == project.path
    assert not recent.isVisible()
    panel.controller.context.background.close()
    panel.controller.context.thumbnails.close()


# --- the brush -------------------------------------------------------------------------------------------------------


def test_brush_and_eraser_follow_naparis_own_and_the_other_way_round(window: Any, project: Project) -> None:
    viewer, driver, _answers = window
    view = driver.panel.painting
    assert not view.brush_slider.isEnabled()
    driver.panel.controller.open_project(project.path)
    labels = viewer.layers[NAMES[LABELS]]
    assert view.brush_slider.value() == labels.brush_size
    view.brush_slider.setValue(33)
    assert labels.brush_size == 33
    labels.brush_size = 12
    assert (view.brush_slider.value(), view.brush_words.text()) == (12, "12 px")
    assert view.erase_button.text() == "Eraser (0)"
    driver.choose_class(1)
    driver.click(view.erase_button)
    assert labels.mode == "erase"
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_2)
    assert labels.mode == "paint"
    assert not view.erase_button.isChecked()
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_0)
    assert view.erase_button.isChecked()
    driver.click(view.erase_button)
    assert labels.mode == "paint"
    labels.brush_size = 400  # beyond the slider
    assert labels.brush_size == 400
    assert view.brush_words.text() == "400 px"
