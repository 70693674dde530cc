"""Areas and numbers of regions: worked out by hand, shown in the Results page, exported."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest

from napari_unisemalign.results.areas import Unit, as_csv, measured, total
from training_core.project import LabelSource, Project, make_classes

CLASSES = make_classes(("background", "gland"))


def mask() -> np.ndarray:
    """10 x 10: two glands of 4 and 6 pixels that touch at a corner only, 10 pixels open, the rest background."""
    ids = np.zeros((10, 10), np.uint8)
    ids[0:2, 0:2] = 1
    ids[2:4, 2:5] = 1
    ids[9] = 255
    return ids


def test_areas_are_pixels_times_the_pixel_size_squared() -> None:
    areas = measured("a", mask(), 0.5)
    assert (areas.pixels, areas.objects, areas.open_pixels) == ({0: 80, 1: 10}, {0: 1, 1: 2}, 10)
    assert areas.value(1, Unit.PERCENT) == pytest.approx(100 * 10 / 90)
    assert areas.value(1, Unit.UM2) == pytest.approx(2.5)
    assert areas.value(1, Unit.MM2) == pytest.approx(2.5e-6)
    assert areas.value(1, Unit.OBJECTS) == 2


def test_without_a_pixel_size_there_is_no_area_and_no_sum_of_areas() -> None:
    known, unknown = measured("a", mask(), 0.5), measured("b", mask(), None)
    assert unknown.value(1, Unit.UM2) is None
    assert total([known, unknown], 1, Unit.UM2) is None
    assert total([known, known], 1, Unit.UM2) == pytest.approx(5.0)
    assert total([known, unknown], 1, Unit.OBJECTS) == 4
    lines = list(csv.DictReader(as_csv([known, unknown], CLASSES).splitlines()))
    assert [line["area_um2"] for line in lines if line["class"] == "gland"] == ["2.5", ""]


def test_the_results_page_measures_annotations_over_predictions(
    window: Any, predicted_project: Project, truths: Any, tmp_path: Any
) -> None:
    _viewer, driver, answers = window
    label = np.full((96, 96), 255, np.uint8)
    label[:48] = 1
    predicted_project.write_label("tile_01", label, LabelSource.PAINTED)
    driver.panel.controller.open_project(predicted_project.path)
    view = driver.panel.areas
    driver.click(view.count_button)
    driver.wait(lambda: view.table.isVisible(), "the numbers")
    expected = (48 * 96 + int((truths["tile_01"][48:] == 1).sum())) / 96**2
    assert view.table.rowCount() == 5
    assert view.table.item(0, 2).text() == f"{100 * expected:.1f} %"
    assert "no pixel size" in view.hint.text()
    view.unit_combo.setCurrentIndex(view.unit_combo.findData(Unit.UM2))
    assert view.table.item(0, 2).text() == "–"
    answers.folder = tmp_path
    driver.click(view.save_button)
    lines = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    gland = next(line for line in lines if line["tile"] == "tile_01" and line["class"] == "gland")
    assert int(gland["pixels"]) == round(expected * 96**2)


def test_a_class_that_is_removed_counts_nowhere(
    window: Any, predicted_project: Project, truths: Any, add_run: Any
) -> None:
    """What was predicted as it is open, and no part of the per cents of the others."""
    _viewer, driver, _answers = window
    stroma = predicted_project.add_class("stroma")
    ids = truths["tile_02"].copy()
    ids[:24] = stroma.id
    add_run(predicted_project, "20270101-000000", {"tile_02": ids})
    predicted_project.remove_class(stroma.id, 255)
    driver.panel.controller.open_project(predicted_project.path)
    view = driver.panel.areas
    driver.click(view.count_button)
    driver.wait(lambda: view.table.isVisible(), "the numbers")
    line = next(row for row in range(view.table.rowCount()) if view.table.item(row, 0).text() == "tile_02")
    assert view.table.item(line, 2).text() == f"{100 * (truths['tile_02'][24:] == 1).mean():.1f} %"


def test_the_button_writes_the_objects(window: Any, predicted_project: Project, truths: Any, tmp_path: Any) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(predicted_project.path)
    answers.folder = tmp_path
    view = driver.panel.areas
    driver.click(view.objects_button)
    driver.wait(lambda: (tmp_path / "objects.png").exists(), "the plot")
    driver.wait(view.objects_button.isEnabled, "the button again")
    rows = list(csv.DictReader((tmp_path / "tiles.csv").read_text(encoding="utf-8-sig").splitlines()))
    glands = {row["tile"]: int(row["area_px"]) for row in rows if row["class_name"] == "gland"}
    assert glands["tile_01"] == int((truths["tile_01"] == 1).sum())
