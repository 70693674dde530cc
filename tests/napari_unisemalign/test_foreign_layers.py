"""A layer that is not the project's is noticed when it covers the tile or is painted in, and what to do is offered."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_unisemalign.app.layer_values import LABELS, NAMES, TILE
from training_core.project import Project


def test_an_image_on_top_of_the_tile_is_told_and_moved_or_hidden(window: Any, project: Project) -> None:
    viewer, driver, _answers = window
    viewer.add_image(np.zeros((96, 96)), name="before")
    notice = driver.panel.notice
    assert not notice.isVisible()  # without a project nothing is covered
    driver.panel.controller.open_project(project.path)
    assert notice.words.text() == "“before” does not belong to the project, and covers the tile."
    QTest.mouseClick(notice.buttons[1], Qt.MouseButton.LeftButton)
    assert not notice.isVisible()
    viewer.add_image(np.full((96, 96), 9.0), name="scan 7")
    assert notice.isVisible()
    assert notice.words.text() == "“scan 7” does not belong to the project, and covers the tile."
    driver.panel.controller.tiles.show("tile_02")
    assert notice.isVisible()
    hide, below = notice.buttons[:2]
    assert (hide.text(), below.text()) == ("Hide it", "Move it below")
    QTest.mouseClick(below, Qt.MouseButton.LeftButton)
    names = [layer.name for layer in viewer.layers]
    assert names.index("scan 7") < names.index(NAMES[TILE])
    assert viewer.layers["scan 7"].visible
    assert not notice.isVisible()
    viewer.layers.move(names.index("scan 7"), len(names))  # dragged in napari's list
    assert notice.isVisible()
    QTest.mouseClick(hide, Qt.MouseButton.LeftButton)
    assert not viewer.layers["scan 7"].visible
    assert not notice.isVisible()
    viewer.layers["scan 7"].visible = True
    assert notice.isVisible()
    viewer.layers.remove("scan 7")
    assert not notice.isVisible()


def test_painting_in_a_layer_of_napari_s_own_is_told_and_ended(window: Any, project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    driver.pause(0.3)
    notice, saved = driver.panel.notice, driver.panel.painting.saved
    assert saved.text() == "All strokes are saved."
    mine = viewer.add_labels(np.zeros((96, 96), np.uint8), name="Labels")
    for layer, mode in ((mine, "paint"), (viewer.add_shapes(name="Shapes"), "add_polygon"), (mine, "fill")):
        viewer.layers.selection.active = layer
        layer.mode = mode
        assert notice.words.text().startswith(f"“{layer.name}” does not belong to the project")
        assert saved.text() == notice.words.text()
        (back,) = (button for button in notice.buttons if button.isVisible())
        QTest.mouseClick(back, Qt.MouseButton.LeftButton)
        assert not notice.isVisible()
        assert viewer.layers.selection.active.name == NAMES[LABELS]
        assert layer.mode == "pan_zoom"
        assert saved.text() == "All strokes are saved."
    driver.press(Qt.Key.Key_2)
    canvas = viewer.window._qt_viewer.canvas.native
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(canvas.width() // 2, canvas.height() // 2))
    driver.wait_saved()
    assert project.has_label("tile_01")
    assert not mine.data.any()
