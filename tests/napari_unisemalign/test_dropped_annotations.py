"""Annotations of other programs become annotations of the open project: dropped on the panel, or by its button."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel

from napari_unisemalign.app.dialogs import ImportChoice
from napari_unisemalign.app.layer_values import LABELS, NAMES
from napari_unisemalign.tiles.import_classes_view import ImportClassesDialog
from tests.napari_unisemalign.conftest import SIDE_PX, drop
from training_core.export import export_masks
from training_core.project import UNLABELED, LabelSource, Project
from training_core.project.drawn_classes import COMPLETE, NOT_LABELLED, FoundClass


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
    assert answers.asked == [tissue.name]  # it is shown what becomes of the classes, all of them known
    notification_manager.records.clear()


@pytest.mark.binding
def test_the_keyboard_alone_imports_a_folder(window: Any, project: Project, tmp_path: Path) -> None:
    _viewer, driver, answers = window
    tissue = project.classes[1]
    export = tmp_path / "export"
    export.mkdir()
    for tile in ("tile_01", "tile_02"):
        geojson(export, tile, tissue.name)
    (export / "classes.json").write_text("[]")  # lies beside what is exported, and is no annotation
    driver.panel.controller.open_project(project.path)
    answers.folder = export
    button, menu = driver.panel.project.import_button, driver.panel.project.import_menu
    driver.reveal(button)
    button.setFocus(Qt.FocusReason.TabFocusReason)

    def choose_folder() -> None:
        QTest.keyClick(menu, Qt.Key.Key_Down)
        if menu.activeAction() is menu.actions()[0]:
            QTest.keyClick(menu, Qt.Key.Key_Down)
        QTest.keyClick(menu, Qt.Key.Key_Return)

    with driver.watching():
        QTimer.singleShot(300, choose_folder)
        QTest.keyClick(button, Qt.Key.Key_Space)
        driver.wait(lambda: "were annotated" in told(), "the import")
    assert "400 px on 2 tiles were annotated." in told()
    assert answers.asked == ["annotation_folder", tissue.name]
    for tile in ("tile_01", "tile_02"):
        assert int((project.label(tile) == tissue.id).sum()) == 200
    notification_manager.records.clear()


def test_chosen_files_are_imported_and_a_folder_without_any_is_said(
    window: Any, project: Project, tmp_path: Path
) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(project.path)
    answers.files = (geojson(tmp_path, "tile_01", project.classes[1].name),)
    driver.panel.perform("import-annotations")
    driver.wait(lambda: "were annotated" in told(), "the import")
    assert int((project.label("tile_01") == project.classes[1].id).sum()) == 200
    notification_manager.records.clear()
    answers.folder = tmp_path / "empty"
    answers.folder.mkdir()
    driver.panel.perform("import-annotation-folder")
    driver.wait(lambda: "has no file of annotations" in driver.panel.messages.text, "the reason")
    notification_manager.records.clear()


def choose(dialog: ImportClassesDialog, name: str, words: str) -> None:
    """In the line of a class."""
    (combo,) = (each for each in dialog.combos if each.accessibleName() == f"What {name} is")
    combo.setCurrentIndex(combo.findText(words))
    assert combo.currentText() == words


def test_nothing_is_imported_before_it_is_said_what_a_class_is(window: Any, project: Project, tmp_path: Path) -> None:
    _viewer, driver, answers = window
    path = geojson(tmp_path, "tile_01", "Necrosis")
    drop(driver.panel, path)
    driver.wait(lambda: "Open a project first" in driver.panel.messages.text, "the message")
    driver.panel.controller.open_project(project.path)
    before = project.has_label("tile_01")
    drop(driver.panel, path)  # the question is answered with Cancel: nothing else can be pressed
    driver.wait(lambda: answers.asked == ["Necrosis"], "the question")
    driver.wait(lambda: not driver.panel.controller.tiles.busy, "the end")
    assert project.has_label("tile_01") is before
    assert len(Project(project.path).classes) == len(project.classes)
    notification_manager.records.clear()


def test_classes_are_mapped_added_and_left_out_and_annotations_replaced(
    window: Any, project: Project, tmp_path: Path
) -> None:
    _viewer, driver, answers = window
    background, tissue = project.classes[0].id, project.classes[1]
    painted = np.full((SIDE_PX, SIDE_PX), background, np.uint8)
    project.write_label("tile_01", painted, LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)

    def box(left: int, name: str | None) -> dict[str, Any]:
        ring = [[left, 50], [left + 10, 50], [left + 10, 60], [left, 60], [left, 50]]
        own = {} if name is None else {"classification": {"name": name, "color": [0, 128, 255]}}
        geometry = {"type": "Polygon", "coordinates": [ring]}
        return {"type": "Feature", "geometry": geometry, "properties": {"objectType": "annotation", **own}}

    path = geojson(tmp_path, "tile_01", "Tumor", box(0, "Necrosis"), box(30, "Pen"), box(60, None))

    def answer(dialog: ImportClassesDialog) -> None:
        assert not dialog.import_button.isEnabled()
        assert dialog.hint.text() == "Choose what 4 classes are."
        choose(dialog, "Tumor", tissue.name)
        choose(dialog, "Necrosis", "New class of this name")
        choose(dialog, "Pen", "Leave out")
        dialog.combos[-1].setCurrentIndex(dialog.combos[-1].findText("Unannotated"))
        dialog.replace_box.click()

    answers.classes = answer
    with driver.watching():
        drop(driver.panel, path)
        driver.wait(lambda: "were annotated" in told(), "the import")
    opened = Project(project.path)
    (necrosis,) = (each for each in opened.classes if each.name == "Necrosis")
    assert necrosis.color == "#0080ff"
    expected = painted.copy()
    expected[6:16, 4:24], expected[50:60, :10], expected[50:60, 60:70] = tissue.id, necrosis.id, UNLABELED
    np.testing.assert_array_equal(opened.label("tile_01"), expected)
    notification_manager.records.clear()


def test_labels_of_an_ome_zarr_folder_are_imported(window: Any, project: Project, tmp_path: Path) -> None:
    _viewer, driver, _answers = window
    label = np.full((SIDE_PX, SIDE_PX), UNLABELED, np.uint8)
    label[20:40, 3:50] = project.classes[1].id
    project.write_label("tile_03", label, LabelSource.PAINTED)
    (folder,) = export_masks(project, tmp_path / "out", format="ome-zarr")
    project.write_label("tile_03", np.full_like(label, UNLABELED), LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    with driver.watching():
        drop(driver.panel, folder)
        driver.wait(lambda: "were annotated" in told(), "the import")
    np.testing.assert_array_equal(project.label("tile_03"), label)
    notification_manager.records.clear()


def test_the_question_shows_what_is_known_and_asks_for_the_rest(qtbot: Any, project: Project) -> None:
    found = (
        FoundClass("Region*", 2, COMPLETE),
        FoundClass("Ignore*", 1, NOT_LABELLED),
        FoundClass("R&D", 3, None),
        FoundClass("", 1200, None),
    )
    dialog = ImportClassesDialog(found, project.classes)
    qtbot.addWidget(dialog)
    dialog.show()
    region, ignored, unknown, nameless = dialog.combos
    assert region.currentText() == "Completely annotated"
    assert ignored.currentText() == "Unannotated"
    assert unknown.currentText() == nameless.currentText() == "Choose…"
    assert nameless.findText("New class of this name") == -1  # it has no name
    assert [each.text() for each in dialog.findChildren(QLabel) if "&&" in each.text()] == ["R&&D: 3 areas"]
    unknown.setCurrentIndex(unknown.findText("New class of this name"))
    assert dialog.hint.text() == "Choose what 1 class is."
    nameless.setCurrentIndex(nameless.findText("Leave out"))
    assert dialog.import_button.isEnabled()
    assert dialog.value() == ImportChoice({"Ignore*": "unlabelled"}, "leave-out", replace=False)
    dialog.replace_box.click()
    region.setCurrentIndex(region.findText(project.classes[1].name))
    assert dialog.value().given["Region*"] == project.classes[1].name
    assert dialog.value().replace
