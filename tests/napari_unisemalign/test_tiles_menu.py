"""The menu of the tiles: several at once, in a real window; and what the thumbnails show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QItemSelectionModel, QPoint

from napari_unisemalign.tiles.thumbnails import painted
from training_core.project import LabelSource, Project, make_classes

CLASSES = make_classes(("background", "gland"))


def select(driver: Any, *names: str) -> Any:
    """As Ctrl and clicks do; returns the actions of the menu of the last one, by their first words."""
    view = driver.panel.tiles
    for name in names:
        index = view.model.index(view.model.row_of(name), 0)
        view.list.selectionModel().select(index, QItemSelectionModel.SelectionFlag.Select)
    assert set(names) <= set(view.selected)
    menu = view.menu_at(view.list.visualRect(index).center())
    return {" ".join(each.text().split()[:2]): each for each in menu.actions()}


def test_several_tiles_are_rejected_and_undone_one_by_one(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    select(driver, "tile_01", "tile_02", "tile_03")["Reject the"].trigger()
    assert [predicted_project.rejected_pixels(f"tile_0{n}") > 0 for n in (1, 2, 3, 4)] == [True, True, True, False]
    driver.click(driver.panel.painting.undo_button)
    assert predicted_project.rejected_pixels("tile_03") == 0
    assert predicted_project.rejected_pixels("tile_01") > 0


def test_several_tiles_are_accepted(window: Any, predicted_project: Project, truths: Any) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    select(driver, "tile_01", "tile_03")["Accept the"].trigger()
    driver.wait_saved()
    for name in ("tile_01", "tile_03"):
        np.testing.assert_array_equal(predicted_project.label(name), truths[name])
    assert not predicted_project.has_label("tile_02")
    assert driver.session.tile == "tile_01"
    assert "2 of 2" in driver.panel.correct.hint.text()


def test_annotated_tiles_are_held_out_together(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    label = np.full((96, 96), 255, np.uint8)
    label[:9, :9] = 1
    for name in ("tile_01", "tile_02"):
        project.write_label(name, label, LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    select(driver, "tile_01", "tile_02", "tile_03")["Use for"].trigger()
    assert project.val_names() == ("tile_01", "tile_02")  # the third has nothing to measure with
    select(driver, "tile_01", "tile_02")["Use for"].trigger()
    assert project.val_names() == ()


def test_removed_tiles_leave_the_list_and_keep_their_images(window: Any, project: Project) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(project.path)
    image = project.image_path("tile_01")
    answers.yes = False
    select(driver, "tile_01", "tile_02")["Remove 2"].trigger()
    assert len(project.tiles) == 4
    assert "No image is deleted" in answers.asked[-1]
    answers.yes = True
    select(driver, "tile_01", "tile_02")["Remove 2"].trigger()
    assert [tile.name for tile in project.tiles] == ["tile_03", "tile_04"]
    assert driver.panel.tiles.model.rowCount() == 2
    assert driver.session.tile == "tile_03"
    assert image.exists()


@pytest.mark.nightly
def test_beside_the_tiles_there_is_no_menu(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    assert driver.panel.tiles.menu_at(QPoint(5, 10_000)) is None


def test_a_thumbnail_shows_annotations_over_predictions_and_no_predicted_background() -> None:
    pixels = np.full((2, 2, 3), 200, np.uint8)
    predicted, annotated = np.array([[0, 1], [1, 1]], np.uint8), np.array([[255, 255], [0, 255]], np.uint8)
    shown = painted(pixels, predicted, annotated, CLASSES)
    gland, background = (np.array([int(each.color[i : i + 2], 16) for i in (1, 3, 5)]) for each in CLASSES[::-1])
    np.testing.assert_array_equal(shown[0, 0], (200, 200, 200))  # predicted background
    np.testing.assert_allclose(shown[0, 1], 0.6 * 200 + 0.4 * gland, atol=0.51)
    np.testing.assert_allclose(shown[1, 0], 0.4 * 200 + 0.6 * background, atol=0.51)  # annotated, whatever is predicted
    np.testing.assert_allclose(shown[1, 1], shown[0, 1])


@pytest.mark.nightly
def test_a_thumbnail_is_drawn_again_when_something_is_painted(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    view = driver.panel.tiles

    def picture() -> Any:
        return view.list.grab(view.list.visualRect(view.model.index(0, 0))).toImage()

    driver.wait(lambda: view.model._thumbnails.get("tile_01") is not None, "the first thumbnail")
    before = picture()
    driver.choose_class(1)
    driver.stroke([(20, 20), (60, 60)], 20)
    driver.wait_saved()
    driver.wait(lambda: picture() != before, "the stroke in the thumbnail")
