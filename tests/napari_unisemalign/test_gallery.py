"""The list of tiles: what its rows say, filter, order, search and suggestions, and ten thousand tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_unisemalign.tiles.standing import Standing
from napari_unisemalign.tiles.tile_list_view import LINE_ROLE, MIX_ROLE
from napari_unisemalign.tiles.tile_order import Sort, TileFilter
from napari_unisemalign.tiles.tiles_view import TilesView
from training_core.project import Project
from training_core.project.summaries import TileSummary, add_summary

RUN = "20260101-000000"


@pytest.fixture
def measured(predicted_project: Project) -> Project:
    """Four predicted tiles, of which the run wrote what it found."""
    for number, (confidence, changed, unsure) in enumerate(((0.9, 0.01, 0.02), (0.6, 0.3, 0.4), (0.8, 0.1, 0.2)), 1):
        summary = TileSummary(f"tile_0{number}", confidence, {0: 0.7, 1: 0.3}, {1: unsure}, changed)
        add_summary(predicted_project.path / "runs" / RUN, summary)
    return predicted_project


def opened(driver: Any, project: Project) -> Any:
    driver.panel.controller.open_project(project.path)
    gathered(driver)
    driver.reveal(driver.panel.tiles.list)
    return driver.panel.tiles


def gathered(driver: Any) -> None:
    driver.wait(lambda: driver.panel.controller.gallery.is_up_to_date, "the facts of all tiles")


def names(driver: Any) -> list[str]:
    model = driver.panel.tiles.model
    return [model.name_at(row) for row in range(model.rowCount())]


def line(driver: Any, name: str, role: int = LINE_ROLE) -> Any:
    model = driver.panel.tiles.model
    return model.data(model.index(model.row_of(name), 0), role)


def choose(combo: Any, value: object) -> None:
    """With the keyboard, as far as the entry is away."""
    combo.setFocus()
    for _ in range(combo.findData(value) - combo.currentIndex()):
        QTest.keyClick(combo, Qt.Key.Key_Down)
    assert combo.currentData() == value


def test_a_row_says_how_sure_the_model_is_what_changed_and_which_classes(window: Any, measured: Project) -> None:
    _viewer, driver, _answers = window
    opened(driver, measured)
    assert line(driver, "tile_02") == "predicted 60 %"  # what a narrow list has room for
    words = line(driver, "tile_02", Qt.ItemDataRole.ToolTipRole)
    assert words.startswith("tile_02: predicted, confidence 60 %, 30 % changed.")
    colors = [each.color for each in measured.classes]
    assert line(driver, "tile_02", MIX_ROLE) == ((colors[0], 0.7), (colors[1], 0.3))
    picture = driver.panel.tiles.list.viewport().grab().toImage()
    shown = {picture.pixelColor(x, y).name() for x in range(picture.width()) for y in range(picture.height())}
    assert set(colors) <= shown


def test_next_and_previous_follow_the_order_of_the_list(window: Any, measured: Project) -> None:
    _viewer, driver, _answers = window
    tiles = opened(driver, measured)
    choose(tiles.order.sort_combo, Sort.CONFIDENCE)
    assert names(driver) == ["tile_02", "tile_03", "tile_01", "tile_04"]
    assert driver.session.tile == "tile_01"
    driver.click(driver.panel.head.tile_bar.previous_button)
    assert driver.session.tile == "tile_03"
    choose(tiles.order.sort_combo, Sort.CHANGE)
    driver.click(driver.panel.head.tile_bar.next_button)
    assert driver.session.tile == "tile_01"


def test_a_tile_that_no_longer_belongs_stays_until_another_is_shown(window: Any, measured: Project) -> None:
    _viewer, driver, _answers = window
    tiles = opened(driver, measured)
    choose(tiles.order.show_combo, TileFilter.NOT_LABELED)
    driver.show_tile("tile_02")
    driver.choose_class(1)
    driver.stroke([(30, 30)], 8)
    driver.wait_saved()
    gathered(driver)
    assert names(driver) == ["tile_01", "tile_02", "tile_03", "tile_04"]
    driver.click(driver.panel.head.tile_bar.next_button)
    assert driver.session.tile == "tile_03"
    assert names(driver) == ["tile_01", "tile_03", "tile_04"]


def test_searching_and_an_empty_list_says_why(window: Any, measured: Project) -> None:
    _viewer, driver, _answers = window
    tiles = opened(driver, measured)
    QTest.keyClicks(tiles.order.search_edit, "03")
    driver.wait(lambda: names(driver) == ["tile_01", "tile_03"], "the search, with the tile on screen")
    QTest.keyClicks(tiles.order.search_edit, "x")
    driver.wait(lambda: "Clear the search" in tiles.order.hint.text(), "the sentence")
    tiles.order.search_edit.clear()
    driver.wait(lambda: len(names(driver)) == 4, "all tiles")
    assert not tiles.order.hint.text()


def test_suggest_shows_where_a_label_would_help_and_why(window: Any, measured: Project) -> None:
    _viewer, driver, _answers = window
    tiles = opened(driver, measured)
    driver.show_tile("tile_02")
    driver.click(tiles.order.suggest_button)
    assert names(driver)[:2] == ["tile_02", "tile_03"]
    assert (
        line(driver, "tile_02")
        == f"Low confidence on 40 % of the tile, mostly where it predicts {measured.classes[1].name}."
    )
    driver.click(tiles.order.suggest_button)
    assert names(driver) == ["tile_01", "tile_02", "tile_03", "tile_04"]
    assert line(driver, "tile_02").startswith("predicted")


def test_of_ten_thousand_tiles_only_those_in_sight_are_drawn(qtbot: QtBot) -> None:
    view = TilesView()
    qtbot.addWidget(view)
    asked: list[str] = []
    every = [f"tile_{number:05d}" for number in range(10_000)]
    view.thumbnail_wanted.connect(asked.append)
    view.set_tiles(every, lambda _name: Standing())
    view.resize(360, 600)
    view.show()
    qtbot.waitExposed(view)
    qtbot.waitUntil(lambda: bool(asked), timeout=5000)
    assert len(asked) < 40
    view.list.verticalScrollBar().setValue(view.list.verticalScrollBar().maximum())
    qtbot.waitUntil(lambda: "tile_09999" in asked, timeout=5000)
    assert len(asked) < 80
    view.set_thumbnail("tile_09999", np.full((40, 40, 3), 200, np.uint8))
    assert view.model.data(view.model.index(9_999, 0), Qt.ItemDataRole.DecorationRole) is not None
    view.set_order(every[::-1])
    assert view.model.name_at(0) == "tile_09999"
    assert view.model.row_of("tile_00000") == 9_999
