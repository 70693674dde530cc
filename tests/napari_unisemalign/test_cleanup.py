"""The clean-up in a real window: seen while the numbers change, and in what is accepted and exported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_unisemalign.annotate.clean_up_view import CleanUpView
from napari_unisemalign.annotate.marks import ACCEPT, CLEANED
from training_core.class_maps.clean_up import CleanUp, clean_up
from training_core.io import read_mask, write_png
from training_core.project import Project, make_classes
from training_core.project.pixel_sizes import set_pixel_size

RUN = "20260101-000000"


def speckled() -> tuple[np.ndarray, np.ndarray]:
    """A gland and a speck on background, and the same without the speck."""
    rows, columns = np.mgrid[:96, :96]
    clean = ((rows - 50) ** 2 + (columns - 50) ** 2 < 20**2).astype(np.uint8)
    ids = clean.copy()
    ids[5:10, 5:10] = 1
    return ids, clean


@pytest.fixture
def opened(window: Any, project: Project, add_run: Callable[..., None]) -> Any:
    """(driver, project) with a speckled prediction of the first tile."""
    _viewer, driver, _answers = window
    add_run(project, RUN, {"tile_01": speckled()[0]})
    driver.panel.controller.open_project(project.path)
    return driver, project


def marks(driver: Any) -> np.ndarray:
    preview = driver.panel.controller.correction._preview
    driver.wait(lambda: not preview.busy, "the preview")
    layer = preview.marks.layer
    return np.zeros((96, 96), np.uint8) if layer is None else np.array(layer.data)


def set_only(driver: Any, **values: float) -> None:
    """Type the numbers; what is not given is off."""
    for field, spin in driver.panel.cleanup.spins.items():
        driver.click(spin)
        spin.selectAll()
        QTest.keyClicks(spin, str(values.get(field, 0)))
        QTest.keyClick(spin, Qt.Key.Key_Return)


def test_what_the_clean_up_changes_is_seen_before_it_is_used(opened: Any) -> None:
    driver, _project = opened
    view, (ids, clean) = driver.panel.cleanup, speckled()
    assert not marks(driver).any()
    assert not view.spins["min_object_px"].isVisible()
    driver.click(view.switch)
    set_only(driver, min_object_px=26)
    np.testing.assert_array_equal(marks(driver) == CLEANED, ids != clean)
    assert view.words.text() == "2 regions become 1; 25 pixels change (cyan)."
    set_only(driver, min_object_px=25)
    assert not marks(driver).any()
    assert "nothing to clean up" in view.words.text()
    set_only(driver, min_object_px=26)
    assert (marks(driver) == CLEANED).any()
    driver.click(view.switch)
    assert not marks(driver).any()
    assert view.words.text() == ""
    np.testing.assert_array_equal(driver.prediction(), ids)


@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_accepted_is_cleaned_only_when_asked(opened: Any, at_once: bool) -> None:
    driver, project = opened
    ids, clean = speckled()
    driver.click(driver.panel.correct.accept_tile_button)
    np.testing.assert_array_equal(driver.label(), ids)
    driver.click(driver.panel.cleanup.switch)
    set_only(driver, min_object_px=26)
    if not at_once:
        marks(driver)
    driver.click(driver.panel.correct.accept_tile_button)  # the accepted speck gives way, as nobody painted it
    np.testing.assert_array_equal(driver.label(), clean)
    np.testing.assert_array_equal(project.label("tile_01"), clean)
    assert not (marks(driver) == ACCEPT).any()


def test_an_export_of_predictions_is_cleaned_and_one_of_labels_is_not(opened: Any, tmp_path: Path) -> None:
    driver, project = opened
    ids, clean = speckled()
    driver.click(driver.panel.correct.accept_tile_button)
    driver.click(driver.panel.cleanup.switch)
    set_only(driver, min_object_px=26)
    (path,) = driver.export(tmp_path / "predictions", "predictions")
    np.testing.assert_array_equal(read_mask(path), clean)
    assert "post-processed" in driver.panel.export.hint.text()
    assert json.loads((tmp_path / "predictions" / "classes.json").read_text())["clean_up"]["min_object_px"] == 26
    np.testing.assert_array_equal(read_mask(project.prediction("tile_01").prediction), ids)
    (path,) = driver.export(tmp_path / "labels", "labels")
    np.testing.assert_array_equal(read_mask(path), ids)


@pytest.fixture
def sized(tmp_path: Path, add_run: Callable[..., None]) -> Project:
    """The speckled prediction on tiles of 0.5, 0.25 and unknown µm/px, made by hand."""
    images = tmp_path / "sized"
    images.mkdir()
    for name in ("coarse", "fine", "unknown"):
        write_png(images / f"{name}.png", np.full((96, 96, 3), 200, np.uint8))
    project = Project.create(tmp_path / "sizes", [images], classes=make_classes(("background", "gland")))
    for name, mpp_um in (("coarse", 0.5), ("fine", 0.25)):
        set_pixel_size(project, (name,), mpp_um)
    add_run(project, RUN, dict.fromkeys(("coarse", "fine", "unknown"), speckled()[0]))
    return Project.open(project.path)


def test_sizes_are_typed_on_the_tissue_where_the_pixel_size_is_known(
    window: Any, sized: Project, tmp_path: Path
) -> None:
    """The speck has 25 px: 6.25 µm² on pixels of 0.5 µm, 1.56 µm² on pixels of 0.25 µm."""
    _viewer, driver, _answers = window
    ids, clean = speckled()
    driver.panel.controller.open_project(sized.path)
    view = driver.panel.cleanup
    driver.click(view.switch)
    smallest, other = view.spins["min_object_px"], view._others["min_object_px"]
    assert (smallest.suffix(), smallest.value(), other.text()) == (" µm²", 25.0, "100 px")  # 100 px to begin with
    assert (view.spins["smooth_px"].suffix(), view.spins["smooth_px"].value()) == (" µm", 2.0)
    set_only(driver, min_object_px=7)
    assert other.text() == "28 px"
    assert view.value == CleanUp(min_object_px=28)
    np.testing.assert_array_equal(marks(driver) == CLEANED, ids != clean)
    driver.show_tile("fine")
    assert (smallest.value(), other.text()) == (7.0, "112 px")
    driver.show_tile("unknown")
    assert (smallest.suffix(), smallest.value(), other.text()) == (" px", 112.0, "")
    driver.show_tile("coarse")
    assert (smallest.suffix(), smallest.value(), other.text()) == (" µm²", 7.0, "28 px")
    set_only(driver, min_object_px=2)  # 8 px here: the speck stays; 32 px on the fine tile: it goes
    paths = {path.stem: path for path in driver.export(tmp_path / "masks", "predictions")}
    np.testing.assert_array_equal(read_mask(paths["coarse"]), ids)
    np.testing.assert_array_equal(read_mask(paths["fine"]), clean)
    np.testing.assert_array_equal(read_mask(paths["unknown"]), ids)  # 8 px, too
    legend = json.loads((tmp_path / "masks" / "classes.json").read_text())
    assert legend["clean_up_um"] == {"smooth_um": 0, "max_hole_um2": 0, "min_object_um2": 2, "split_um": 0}
    set_only(driver, min_object_px=0.05)
    assert other.text() == "less than 1 px"


def test_the_form_asks_for_every_step_of_the_clean_up(qtbot: Any) -> None:
    view = CleanUpView()
    qtbot.addWidget(view)
    assert view.value == CleanUp()
    assert set(view.spins) == set(vars(CleanUp()))
    view.switch.setChecked(True)
    for number, spin in enumerate(view.spins.values(), start=1):
        spin.setValue(number)
        assert spin.accessibleName()
        assert spin.toolTip()
    assert view.value == CleanUp(smooth_px=1, max_hole_px=2, min_object_px=3, split_px=4)
    ids, _clean = speckled()
    assert clean_up(ids, view.value, {0}).shape == ids.shape
