"""Tiles added from the slide on the desk: by a click, a rectangle and a key, in the real window."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_unisemalign.app.layer_values import NEW_TILE, OUTLINES
from training_core.io.slides import SlideOptions
from training_core.project import Project, make_classes

SIDE = 1024
FIRST = "scan_x00000_y00000"


@pytest.fixture
def opened(window: Any, tmp_path: Path, qtbot: Any) -> Any:
    """(viewer, driver): four tiles of 256 px of a slide of 1024, in its upper left corner; two of its px are one."""
    rng = np.random.default_rng(5)
    colors = np.full((16, 16, 3), 238, np.uint8)
    colors[:8, :8] = rng.integers(40, 200, (8, 8, 3))
    pixels = np.kron(colors, np.ones((64, 64, 1), np.uint8))
    size: dict[str, Any] = {"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(tmp_path / "scan.svs", pixels, photometric="rgb", tile=(128, 128), metadata=None, **size)
    cut = SlideOptions(tile_px=128, tile_mpp_um=0.5, min_tissue=0.5)
    project = Project.create(
        tmp_path / "p", [tmp_path / "scan.svs"], classes=make_classes(("background", "gland")), slides=cut
    )
    viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    slide = driver.panel.controller.slide
    qtbot.waitUntil(lambda: slide.layers.slide is not None and not slide.is_reading, timeout=300_000)
    viewer.reset_view(layers=[slide.layers.slide])
    viewer.scene.camera.zoom *= 0.8
    return viewer, driver


def seen(viewer: Any, driver: Any, x: float, y: float) -> QPoint:
    """Where on the canvas the slide's pixel (x, y) is seen."""
    world = driver.panel.controller.slide.layers.slide.data_to_world((y - 0.5, x - 0.5))
    native, camera = viewer.window._qt_viewer.canvas.native, viewer.scene.camera
    down, across = ((place - middle) * camera.zoom for place, middle in zip(world, camera.center[-2:], strict=True))
    return QPoint(round(native.width() / 2 + across), round(native.height() / 2 + down))


def drag(viewer: Any, *points: QPoint) -> None:
    """Press at the first point, let go at the last."""
    native = viewer.window._qt_viewer.canvas.native
    QTest.mouseMove(native, points[0])
    QTest.mousePress(native, Qt.MouseButton.LeftButton, pos=points[0])
    for point in points[1:]:
        QTest.mouseMove(native, point)
        QTest.qWait(20)
    QTest.mouseRelease(native, Qt.MouseButton.LeftButton, pos=points[-1])


def stored(driver: Any) -> dict[str, Any]:
    """The tile that was added last, as project.json has it."""
    tiles = json.loads((driver.session.project.path / "project.json").read_text())["tiles"]
    return tiles[-1]  # type: ignore[no-any-return]


def test_a_click_adds_a_tile_there_which_opens_and_can_be_removed(opened: Any, qtbot: Any) -> None:
    viewer, driver = opened
    button, slide = driver.panel.slide.add_button, driver.panel.controller.slide
    driver.click(button)
    assert button.isChecked()
    assert "A click or a rectangle adds a tile" in driver.panel.controller.context.notes.text
    place = seen(viewer, driver, 700, 640)
    QTest.mouseMove(viewer.window._qt_viewer.canvas.native, place)
    qtbot.waitUntil(lambda: driver.layers.get(NEW_TILE) is not None, timeout=300_000)
    shown = driver.layers.get(NEW_TILE).data[0, 0]  # in px of the tile, counted from the middle of its first one
    assert shown == pytest.approx(((640 - 128) / 2 - 0.5, (700 - 128) / 2 - 0.5), abs=3)
    before = seen(viewer, driver, 0, 0)
    drag(viewer, place)
    qtbot.waitUntil(lambda: len(driver.session.project.tiles) == 5, timeout=300_000)
    tile = stored(driver)
    qtbot.waitUntil(lambda: driver.session.tile == tile["name"], timeout=300_000)
    assert (tile["place"]["x_px"], tile["place"]["y_px"]) == pytest.approx((700 - 128, 640 - 128), abs=4)
    assert (tile["width_px"], tile["height_px"], tile["mpp_um"]) == (128, 128, 0.5)
    assert not button.isChecked()
    assert driver.layers.get(NEW_TILE) is None
    assert (seen(viewer, driver, 0, 0) - before).manhattanLength() <= 2, "the slide moved on the screen"
    assert slide.layers.regions[0].name == tile["name"]
    assert len(driver.layers.get(OUTLINES).data) == 4 * 5
    driver.panel.controller.tiles.remove([tile["name"]])
    assert driver.session.tile == FIRST
    assert len(slide.layers.regions) == 4
    drag(viewer, seen(viewer, driver, 700, 640))
    assert len(driver.session.project.tiles) == 4, "the mode is over"


def test_a_rectangle_becomes_a_tile_and_what_is_there_is_opened(opened: Any, qtbot: Any) -> None:
    viewer, driver = opened
    new, said = driver.panel.controller.new_tile, driver.panel.messages
    driver.press(Qt.Key.Key_I, Qt.KeyboardModifier.AltModifier)
    center = viewer.scene.camera.center
    drag(viewer, seen(viewer, driver, 600, 700), seen(viewer, driver, 616, 740))
    assert "at least 32 x 32 px" in said.text
    assert new.is_on
    assert viewer.scene.camera.center == center, "the drag moved the image"
    drag(viewer, seen(viewer, driver, 300, 100))
    assert driver.session.tile == "scan_x00256_y00000", "a tile that is there opens"
    assert not new.is_on
    driver.press(Qt.Key.Key_I, Qt.KeyboardModifier.AltModifier)
    drag(viewer, *(seen(viewer, driver, *point) for point in ((920, 1090), (700, 900), (600, 500))))
    qtbot.waitUntil(lambda: len(driver.session.project.tiles) == 5, timeout=300_000)
    tile = stored(driver)
    place = tile["place"]
    assert (place["x_px"], place["y_px"]) == pytest.approx((600, 500), abs=4)
    assert (tile["width_px"], tile["height_px"]) == pytest.approx((160, 262), abs=4), "to the slide's lower edge"
    assert place["y_px"] + tile["height_px"] * place["scale"] <= SIDE
    qtbot.waitUntil(lambda: driver.session.tile == tile["name"], timeout=300_000)


@pytest.mark.binding
def test_the_keyboard_alone_places_a_rectangle(opened: Any, qtbot: Any) -> None:
    viewer, driver = opened
    new, notes = driver.panel.controller.new_tile, driver.panel.controller.context.notes
    none, shift = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
    viewer.scene.camera.center = (640 * 0.25, 640 * 0.25)  # µm
    viewer.scene.camera.zoom = 4  # of the screen's pixels to a µm: 16 of them are 16 px of the slide, 8 of the tile
    driver.press(Qt.Key.Key_Right)
    assert driver.layers.get(NEW_TILE) is None, "the arrows are napari's until the mode is on"
    driver.panel.slide.add_button.setFocus(Qt.FocusReason.TabFocusReason)
    driver.press(Qt.Key.Key_I, Qt.KeyboardModifier.AltModifier)
    driver.press(Qt.Key.Key_Return)
    assert len(driver.session.project.tiles) == 4, "what is not seen is not added"
    assert "128 x 128 px" in notes.text

    def outlined() -> list[tuple[float, float]]:
        """(row, column) of the upper left corner and of the lower right one, in px of the slide."""
        edges = np.asarray(driver.layers.get(NEW_TILE).data)
        corners = edges[:, 0]
        return [tuple((each + 0.5) * 2) for each in (corners.min(0), corners.max(0))]

    corner, end = outlined()
    assert corner == pytest.approx((640 - 128, 640 - 128), abs=2)
    assert end == pytest.approx((640 + 128, 640 + 128), abs=2)
    for key, modifiers, times in (
        (Qt.Key.Key_Right, none, 3), (Qt.Key.Key_Up, none, 2), (Qt.Key.Key_Left, none, 1),
        (Qt.Key.Key_Right, shift, 4), (Qt.Key.Key_Up, shift, 2), (Qt.Key.Key_Left, shift, 1),
        (Qt.Key.Key_Down, none, 1),
    ):  # fmt: skip
        for _ in range(times):
            driver.press(key, modifiers)
    (top, left), (bottom, right) = outlined()
    assert (top, left) == pytest.approx((corner[0] - 16, corner[1] + 2 * 16), abs=0.1)
    assert (bottom - top, right - left) == pytest.approx((2 * (128 - 16), 2 * (128 + 24)), abs=0.1)
    assert "152 x 112 px" in notes.text
    driver.press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(driver.session.project.tiles) == 5, timeout=300_000)
    tile = stored(driver)
    assert (tile["place"]["x_px"], tile["place"]["y_px"]) == (round(left), round(top))
    assert (tile["width_px"], tile["height_px"]) == (152, 112)
    qtbot.waitUntil(lambda: driver.session.tile == tile["name"], timeout=300_000)
    assert not new.is_on
    driver.press(Qt.Key.Key_Right)
    assert driver.layers.get(NEW_TILE) is None, "the arrows are napari's again"


def test_a_frame_moved_by_keys_stays_on_the_slide_and_in_sight(opened: Any) -> None:
    viewer, driver = opened
    notes = driver.panel.controller.context.notes
    viewer.scene.camera.center = (640 * 0.25, 640 * 0.25)  # µm
    viewer.scene.camera.zoom = 4
    driver.press(Qt.Key.Key_I, Qt.KeyboardModifier.AltModifier)
    for _ in range(40):  # 640 px
        driver.press(Qt.Key.Key_Right)
    corner = np.asarray(driver.layers.get(NEW_TILE).data)[:, 0].max(0)
    assert (corner[1] + 0.5) * 2 == SIDE, "the frame ends at the edge of the slide"
    middle = viewer.scene.camera.center[-1] / 0.25
    seen = viewer.canvas.size[1] / 4 / 0.25
    assert abs(SIDE - 128 - middle) < seen / 2, "the image followed"
    for _ in range(40):
        driver.press(Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert "32 x 128 px" in notes.text, "no smaller than a tile may be"
    for _ in range(40):
        driver.press(Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert "128 x 128 px" in notes.text, "no further than the slide"


def test_the_keyboard_alone_adds_a_tile_in_the_middle_and_leaves_the_mode(opened: Any, qtbot: Any) -> None:
    viewer, driver = opened
    new, alt = driver.panel.controller.new_tile, Qt.KeyboardModifier.AltModifier
    driver.press(Qt.Key.Key_I, alt)
    assert new.is_on
    driver.press(Qt.Key.Key_Escape)
    assert not new.is_on
    assert driver.panel.controller.context.notes.text == ""
    assert viewer.scene.camera.mouse_pan
    driver.press(Qt.Key.Key_I, alt)
    driver.press(Qt.Key.Key_1)
    assert not new.is_on, "a brush was taken up"
    viewer.scene.camera.center = (800 * 0.25, 1010 * 0.25)  # µm
    driver.press(Qt.Key.Key_I, alt | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: len(driver.session.project.tiles) == 5, timeout=300_000)
    qtbot.waitUntil(lambda: driver.session.tile == stored(driver)["name"], timeout=300_000)
    assert stored(driver)["place"] == {
        "file": "scan", "x_px": pytest.approx(SIDE - 256), "y_px": pytest.approx(800 - 128, abs=1), "scale": 2.0,
    }  # fmt: skip
    driver.panel.controller.slide.switch(False)
    assert "Show the slide" in driver.panel.slide.add_button.toolTip()
    viewer.scene.camera.center = (1800 * 0.25, 1010 * 0.25)
    driver.panel.controller.slide.switch(True)
    new.add_in_view()
    assert "does not lie on the slide" in driver.panel.messages.text
