"""Annotations of other programs that are dropped on the panel become annotations of the open project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import notification_manager

from napari_unisemalign.app.layer_values import LABELS, NAMES
from tests.napari_unisemalign.conftest import SIDE_PX, drop
from training_core.project import UNLABELED, LabelSource, Project


def told() -> str:
    """What napari's notifications say."""
    return "\n".join(each.message for each in notification_manager.records)


def geojson(folder: Path, tile: str, class_name: str, *extra: dict[str, Any]) -> Path:
    """An area of 10 x 20 px from (4, 6) on."""
    ring = [[4, 6], [24, 6], [24, 16], [4, 16], [4, 6]]
    properties = {"objectType": "annotation", "classification": {"name": class_name}}
    area = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}
    path = folder / f"{tile}.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [area, *extra]}))
    return path


def test_dropped_annotations_are_imported_and_strokes_stay(window: Any, project: Project, tmp_path: Path) -> None:
    viewer, driver, answers = window
    tissue = project.classes[1]
    painted = np.full((SIDE_PX, SIDE_PX), UNLABELED, np.uint8)
    painted[:10] = project.classes[0].id
    project.write_label("tile_01", painted, LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 1]}, "properties": {}}
    files = [geojson(tmp_path, "tile_01", tissue.name, point), geojson(tmp_path, "tile_02", tissue.name)]
    with driver.watching():
        drop(driver.panel, *files)
        driver.wait(lambda: "were annotated" in told(), "the import")
    said = told()
    assert "320 px on 2 tiles were annotated." in said
    assert "80 px on 1 tile were annotated otherwise and stay as they are." in said
    assert "1 object of the files labels nothing" in said
    expected = painted.copy()
    expected[10:16, 4:24] = tissue.id
    np.testing.assert_array_equal(project.label("tile_01"), expected)
    shown = np.asarray(viewer.layers[NAMES[LABELS]].data)
    assert shown[12, 10] == shown[15, 23] != shown[30, 30]
    assert answers.asked == []
    notification_manager.records.clear()


def test_a_class_that_the_project_lacks_is_said_and_nothing_is_imported(
    window: Any, project: Project, tmp_path: Path
) -> None:
    _viewer, driver, _answers = window
    path = geojson(tmp_path, "tile_01", "Necrosis")
    drop(driver.panel, path)
    driver.wait(lambda: "Open a project first" in driver.panel.messages.text, "the message")
    driver.panel.controller.open_project(project.path)
    before = project.has_label("tile_01")
    drop(driver.panel, path)
    driver.wait(lambda: "Necrosis" in driver.panel.messages.text, "the message")
    assert project.has_label("tile_01") is before
    assert not driver.panel.controller.tiles.busy
    notification_manager.records.clear()
