"""The guided tour: it points at the real parts, stops nothing, and can be left at any time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtTest import QTest

from napari_unisemalign.shell.pages import Place
from napari_unisemalign.shell.tour import STOPS
from napari_unisemalign.tiles.making import MakingController
from training_core.project import Project

pytestmark = pytest.mark.binding


def click(button: Any) -> None:
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def points_at(panel: Any, target: Any) -> bool:
    """The frame is around what is in sight of this part."""
    frame = panel.pointer.spotlight
    if frame.target is not target:
        return False
    seen = QRect(target.mapTo(frame.parentWidget(), QPoint(0, 0)), target.size())
    return frame.isVisible() and frame.geometry().intersects(seen)


def not_cut_off(label: Any) -> bool:
    return bool(label.height() >= label.heightForWidth(label.width()))


def test_the_tour_points_at_the_real_parts_one_after_the_other(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    panel = driver.panel
    panel.controller.open_project(project.path)
    assert panel.perform("tour")
    for number, stop in enumerate(STOPS, start=1):
        target = panel.pointer.targets[stop.target]
        driver.wait(lambda target=target: points_at(panel, target), f"the frame at stop {number}")
        assert panel.tour.isVisible()
        assert panel.tour.title.text().startswith(f"{number} of {len(STOPS)}")
        assert panel.tour.text.text() == stop.text
        driver.wait(lambda: not_cut_off(panel.tour.text), f"room for the text of stop {number}")
        click(panel.tour.next_button)
    assert not panel.tour.isVisible()
    assert not panel.pointer.spotlight.isVisible()
    assert panel.controller.tour.stop is None


@pytest.mark.nightly
def test_the_tour_is_not_modal_and_goes_back_and_can_be_left(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    panel = driver.panel
    panel.controller.open_project(project.path)
    panel.controller.tour.start()
    assert not panel.tour.back_button.isEnabled()
    driver.show_tile("tile_03")  # a click through the frame, with the tour going on
    click(panel.tour.next_button)
    driver.choose_class(1)
    click(panel.tour.back_button)
    assert panel.controller.tour.stop is STOPS[0]
    click(panel.tour.leave_button)
    assert not panel.tour.isVisible()
    assert (driver.session.tile, driver.session.class_id) == ("tile_03", 1)
    panel.controller.tour.start()
    QTest.keyClick(panel.tour, Qt.Key.Key_Escape)
    assert panel.controller.tour.stop is None


@pytest.mark.nightly
def test_the_frame_goes_when_its_part_is_folded_away_and_comes_back(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    panel = driver.panel
    panel.controller.open_project(project.path)
    panel.controller.tour.start()
    driver.wait(lambda: points_at(panel, panel.tiles.list), "the frame")
    click(panel.tour.next_button)
    driver.wait(lambda: points_at(panel, panel.chips), "the frame around the classes")
    driver.open_place(Place.TRAINING)
    driver.wait(lambda: not panel.pointer.spotlight.isVisible(), "the frame to go")
    driver.open_place(Place.ANNOTATE)
    driver.wait(lambda: points_at(panel, panel.chips), "the frame to come back")


def test_the_button_of_the_empty_window_starts_it_on_the_sample(
    window: Any, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _viewer, driver, _answers = window
    panel = driver.panel
    assert panel.project.tour_button.isVisible()

    def open_sample(self: MakingController, folder: Path | None = None) -> None:
        panel.controller.open_project(folder or project.path)  # making the real one takes a minute

    monkeypatch.setattr(MakingController, "open_sample", open_sample)
    click(panel.project.tour_button)
    driver.wait(lambda: points_at(panel, panel.tiles.list), "the first stop")
    assert not panel.project.tour_button.isVisible()


def test_the_tour_works_with_the_keyboard_alone(window: Any, project: Project) -> None:
    viewer, driver, _answers = window
    panel = driver.panel
    panel.controller.open_project(project.path)
    viewer.window._qt_window.activateWindow()
    panel.controller.tour.start()
    driver.wait(panel.tour.next_button.hasFocus, "the focus on Next")
    QTest.keyClick(panel.tour.next_button, Qt.Key.Key_Space)
    assert panel.controller.tour.stop is STOPS[1]
