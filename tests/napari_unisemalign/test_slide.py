"""The slide around the tile: in place, switched by key and box; a double-click opens another of its tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_unisemalign.app import preferences
from napari_unisemalign.app.layer_values import OUTLINES, SLIDE, TILE
from napari_unisemalign.tiles.slide import NOT_ON_A_SLIDE, regions_around
from training_core.io import write_png
from training_core.io.slides import SlideOptions
from training_core.project import LabelSource, Project, make_classes
from training_core.project.additions import add_files

SIDE = 1024
MPP_UM = 0.25
"""Of the slide; its tiles have 0.5, so that two of its pixels are one of a tile."""


def draw(path: Path) -> None:
    """Fields of 64 px in random stains."""
    colors = np.random.default_rng(5).integers(40, 200, (SIDE // 64, SIDE // 64, 3)).astype(np.uint8)
    pixels = np.kron(colors, np.ones((64, 64, 1), np.uint8))
    size: dict[str, Any] = {"resolution": (10_000 / MPP_UM,) * 2, "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(128, 128), metadata=None, **size)


@pytest.fixture
def slide_project(tmp_path: Path) -> Project:
    """Sixteen tiles of a slide, 256 of its pixels wide, and an image that is no place on any."""
    draw(tmp_path / "scan.svs")
    write_png(tmp_path / "photo.png", np.full((96, 96, 3), 170, np.uint8))
    files = [tmp_path / "scan.svs", tmp_path / "photo.png"]
    cut = SlideOptions(tile_px=128, tile_mpp_um=0.5, min_tissue=0)
    return Project.create(tmp_path / "p", files, classes=make_classes(("background", "gland")), slides=cut)


@pytest.fixture
def opened(window: Any, slide_project: Project, qtbot: Any) -> Any:
    """(viewer, driver, controller of the slide): the project is open, and the slide around its first tile is read."""
    viewer, driver, _answers = window
    driver.panel.controller.open_project(slide_project.path)
    slide = driver.panel.controller.slide
    qtbot.waitUntil(lambda: slide.layers.slide is not None and not slide.is_reading, timeout=60_000)
    return viewer, driver, slide


def on_canvas(viewer: Any, world: tuple[float, float]) -> QPoint:
    """Where on the canvas a place of napari's world, (y, x), is seen."""
    native, camera = viewer.window._qt_viewer.canvas.native, viewer.scene.camera
    y, x = ((place - middle) * camera.zoom for place, middle in zip(world, camera.center[-2:], strict=True))
    return QPoint(round(native.width() / 2 + x), round(native.height() / 2 + y))


def test_the_regions_of_a_slide_are_in_pixels_of_the_tile_on_screen(slide_project: Project) -> None:
    slide_project.write_label("scan_x00256_y00000", np.zeros((128, 128), np.uint8), LabelSource.PAINTED)
    regions = regions_around(slide_project, "scan_x00512_y00256")
    assert regions[0].name == "scan_x00512_y00256"
    assert len(regions) == 16
    found = {each.name: (each.top, each.left, each.height, each.width, each.is_annotated) for each in regions}
    assert found["scan_x00512_y00256"] == pytest.approx((0, 0, 128, 128, False))
    assert found["scan_x00256_y00000"] == pytest.approx((-128, -128, 128, 128, True))
    assert found["scan_x00768_y00768"] == pytest.approx((256, 128, 128, 128, False))


def test_the_slide_lies_where_the_tile_was_cut(opened: Any, qtbot: Any) -> None:
    viewer, driver, slide = opened
    driver.show_tile("scan_x00512_y00256")
    layer, tile = slide.layers.slide, driver.layers.get(TILE)
    for row, column in ((0, 0), (127, 127), (-20, 140)):
        # two pixels of the slide are one of the tile: its middle is the border between them
        seen = layer.data_to_world((256 + 2 * row + 0.5, 512 + 2 * column + 0.5))
        assert seen == pytest.approx(tile.data_to_world((row, column)))
    assert str(layer.units[0]) == str(tile.units[0]) == "micrometer"
    qtbot.waitUntil(lambda: not slide.is_reading, timeout=60_000)
    driver.layers.get(OUTLINES).visible = False
    with_tile = viewer.screenshot(flash=False).astype(int)
    tile.visible = False
    without = viewer.screenshot(flash=False).astype(int)
    middle = (slice(with_tile.shape[0] // 4, -with_tile.shape[0] // 4),) * 2
    assert without[middle][..., :3].std() > 20, "nothing was behind the tile"
    assert np.abs(with_tile - without)[middle].mean() < 3


def test_a_double_click_on_another_tile_opens_it_and_nothing_moves(opened: Any, qtbot: Any) -> None:
    viewer, driver, slide = opened
    driver.show_tile("scan_x00512_y00256")
    viewer.scene.camera.zoom /= 3
    qtbot.waitUntil(lambda: not slide.is_reading, timeout=60_000)
    place = on_canvas(viewer, (-64 * 0.5, 200 * 0.5))  # above and to the right
    corner = slide.layers.slide.data_to_world((0, 0))
    before = on_canvas(viewer, corner)
    native = viewer.window._qt_viewer.canvas.native
    QTest.mouseDClick(native, Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: driver.session.tile == "scan_x00768_y00000", timeout=20_000)
    qtbot.waitUntil(lambda: slide.layers.regions[0].name == "scan_x00768_y00000", timeout=20_000)
    after = on_canvas(viewer, slide.layers.slide.data_to_world((0, 0)))
    assert (after - before).manhattanLength() <= 2


def test_a_key_and_a_box_hide_the_slide_for_good(opened: Any, qtbot: Any) -> None:
    _viewer, driver, slide = opened
    box = driver.panel.slide.switch
    assert box.isChecked()
    assert "0.25 µm/px (source: the file)" in driver.panel.slide.hint.text()
    driver.press(Qt.Key.Key_U, Qt.KeyboardModifier.AltModifier)
    assert not slide.layers.slide.visible
    assert not driver.layers.get(OUTLINES).visible
    assert not box.isChecked()
    assert not preferences.is_on(preferences.SLIDE)
    driver.show_tile("scan_x00512_y00256")
    assert not slide.layers.slide.visible
    driver.click(box)
    assert slide.layers.slide.visible
    assert driver.layers.get(OUTLINES).visible
    driver.show_tile("photo")
    assert driver.layers.get(SLIDE) is None
    assert (box.isEnabled(), box.toolTip()) == (False, NOT_ON_A_SLIDE)
    assert slide.why_not() == NOT_ON_A_SLIDE


def test_a_slide_that_is_gone_is_said_and_one_that_moved_with_the_project_is_found(
    window: Any, slide_project: Project, tmp_path: Path, qtbot: Any
) -> None:
    _viewer, driver, _answers = window
    (tmp_path / "elsewhere").mkdir()
    moved = slide_project.path.rename(tmp_path / "elsewhere" / "p")
    driver.panel.controller.open_project(moved)
    slide, switch = driver.panel.controller.slide, driver.panel.slide.switch
    (tmp_path / "scan.svs").rename(tmp_path / "elsewhere" / "scan.svs")
    driver.show_tile("scan_x00512_y00256")
    qtbot.waitUntil(lambda: slide.layers.slide is not None, timeout=60_000)
    (tmp_path / "elsewhere" / "scan.svs").rename(tmp_path / "scan2.svs")
    driver.show_tile("scan_x00256_y00256")
    assert slide.layers.slide is None
    assert not switch.isEnabled()
    assert "scan.svs. Put it back" in switch.toolTip()


def test_the_slides_of_the_project_are_chosen_to_be_predicted(
    window: Any, project: Project, slide_project: Project, tmp_path: Path
) -> None:
    _viewer, driver, _answers = window
    draw(tmp_path / "second.svs")
    tifffile.imwrite(
        tmp_path / "bare.svs", np.full((512, 512, 3), 120, np.uint8), photometric="rgb", tile=(128, 128), metadata=None
    )
    cut = SlideOptions(tile_px=128, tile_mpp_um=0.5, mpp_um=0.3, min_tissue=0)
    add_files(slide_project, [tmp_path / "second.svs", tmp_path / "bare.svs"], slides=cut)
    controller = driver.panel.controller
    controller.open_project(project.path)
    view = driver.panel.predict
    assert view.slides_button.isHidden()
    controller.open_project(slide_project.path)
    assert not view.slides_button.isHidden()
    (tmp_path / "second.svs").rename(tmp_path / "away.svs")
    view.slides_button.click()
    assert view.chosen.toolTip() == f"{tmp_path / 'bare.svs'}\n{tmp_path / 'scan.svs'}"
    assert view.mpp_um == 0.3
    assert "1 slide is not where it was, and is left out: second." in driver.panel.messages.text
    (tmp_path / "away.svs").rename(tmp_path / "second.svs")
    view.slides_button.click()
    assert view.chosen.text() == "3 chosen: bare.svs, scan.svs, second.svs"


@pytest.mark.nightly
def test_another_slide_under_that_name_is_not_shown(
    window: Any, slide_project: Project, tmp_path: Path, qtbot: Any
) -> None:
    tifffile.imwrite(tmp_path / "scan.svs", np.full((640, 900, 3), 90, np.uint8), photometric="rgb", tile=(128, 128))
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(slide_project.path)
    slide = driver.panel.controller.slide
    qtbot.waitUntil(lambda: "another slide" in slide.why_not(), timeout=60_000)
    qtbot.waitUntil(lambda: not driver.panel.slide.switch.isEnabled(), timeout=20_000)
    assert slide.layers.slide is None


def test_a_project_without_slides_has_no_such_switch(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    assert driver.panel.slide.isHidden()
