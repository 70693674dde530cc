"""Closing the panel puts the project away; opening it again finds everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QShortcut

from napari_unisemalign.plugin import UniSemAlignPanel, panel_in
from napari_unisemalign.tools.driver import Driver
from training_core.project import Project

pytestmark = pytest.mark.binding


def listeners(viewer: Any) -> dict[str, int]:
    """How many listen to what outlives the panel."""
    layers = viewer.layers
    return {
        "inserted": len(layers.events.inserted.callbacks),
        "removed": len(layers.events.removed.callbacks),
        "reordered": len(layers.events.reordered.callbacks),
        "active": len(layers.selection.events.active.callbacks),
        "drag": len(viewer.mouse_drag_callbacks),
        "move": len(viewer.mouse_move_callbacks),
        "keys": len(viewer.keymap),
        "shortcuts": len(viewer.window._qt_window.findChildren(QShortcut)),
    }


def close_panel(driver: Driver) -> None:
    """Press the button of the dock that closes it for good."""
    dock = driver.panel.parentWidget()
    buttons = {each.toolTip(): each for each in dock.titleBarWidget().findChildren(QAbstractButton)}
    gone: list[bool] = []
    driver.panel.destroyed.connect(lambda: gone.append(True))
    QTest.mouseClick(buttons["close this panel"], Qt.MouseButton.LeftButton)
    driver.wait(lambda: bool(gone), "the panel to go")


def test_closing_the_panel_leaves_napari_as_it_was_and_reopening_finds_everything(
    make_napari_viewer: Any, predicted_project: Project, truths: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros((8, 8)), name="mine")
    QTest.qWait(50)
    before, title = listeners(viewer), viewer.title
    for turn in range(2):
        driver = Driver(viewer, panel_in(viewer))
        driver.pause(0.2)  # until the dock is in the window
        with driver.watching():
            driver.panel.controller.open_project(predicted_project.path)
            np.testing.assert_array_equal(driver.prediction(), truths["tile_01"])
            assert (driver.label() != 255).any() == bool(turn)  # what was painted before is there
            driver.press(Qt.Key.Key_K, Qt.KeyboardModifier.AltModifier)  # a mode that listens to the mouse
            driver.choose_class(1)
            driver.stroke([(30 + 20 * turn, 30)], 8)  # not saved yet
            close_panel(driver)
            assert [layer.name for layer in viewer.layers] == ["mine"]
            assert viewer.title == title
            assert not viewer.canvas.overlays.text.visible
            assert listeners(viewer) == before
            label = Project.open(predicted_project.path).label("tile_01")
            assert label[30, 30] == 1
            assert (label[50, 30] == 1) == bool(turn)
            QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_PageDown)  # nobody answers
            viewer.layers["mine"].visible = False
            driver.pause(0.3)
    assert not [each for each in viewer.window.dock_widgets.values() if isinstance(each, UniSemAlignPanel)]
