"""The confusion matrix in the Train step: what it says, and the way from a cell to the tiles that hold it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_unisemalign.annotate.overlay_maps import Comparison
from napari_unisemalign.app.layer_values import COMPARISON
from napari_unisemalign.results.confusion_matrix import Found, find, matrix, why_none
from napari_unisemalign.shell.pages import Place
from training_core.class_maps.confusion_file import RunConfusion
from training_core.project import LabelSource, Project, TissueClass

RUN = "20260101-000000"
SIDE_PX = 96
BACKGROUND, GLAND, STROMA = 0, 1, 2


@pytest.fixture
def validated(project: Project, add_run: Callable[..., None]) -> Project:
    """A run on three validation tiles whose annotation is gland above and stroma below, in rows.

    tile_01: 10 rows of gland are predicted as stroma; tile_02: 30; tile_03: none. Nothing is background.
    """
    project.add_class("stroma")
    label = np.full((SIDE_PX, SIDE_PX), STROMA, np.uint8)
    label[: SIDE_PX // 2] = GLAND
    predictions = {}
    for name, rows in (("tile_01", 10), ("tile_02", 30), ("tile_03", 0)):
        project.write_label(name, label, LabelSource.PAINTED)
        project.use_for_validation(name, True)
        predictions[name] = label.copy()
        predictions[name][:rows] = STROMA
    add_run(project, RUN, predictions)
    write_confusion(project, RUN, predictions, label)
    project.add_round(RUN)
    return project


def write_confusion(
    project: Project, run_id: str, predictions: dict[str, np.ndarray], label: np.ndarray, **more: Any
) -> None:
    """The file as docs/architecture.md describes it, counted pixel by pixel's class."""
    ids = (BACKGROUND, GLAND, STROMA)
    tiles = [
        {"tile": n, "counts": [[int(((label == t) & (p == s)).sum()) for s in ids] for t in ids]}
        for n, p in predictions.items()
    ]
    total = np.sum([np.zeros((3, 3), int), *(each["counts"] for each in tiles)], axis=0)
    record = {
        "spec_version": 1,
        "classes": [{"id": i, "name": name} for i, name in zip(ids, ("background", "gland", "stroma"), strict=True)],
        "counts": total.tolist(),
        "tiles": tiles,
        "not_predicted": [],
    }
    (project.runs_dir / run_id / "confusion.json").write_text(json.dumps(record | more))


def opened(driver: Any, project: Project) -> Any:
    driver.panel.controller.open_project(project.path)
    driver.open_place(Place.RESULTS)
    settled(driver)
    return driver.panel.confusion


def settled(driver: Any) -> None:
    driver.wait(lambda: driver.panel.controller.confusion.is_up_to_date, "the confusion matrix")
    driver.wait(lambda: not driver.panel.controller.overlays.pending, "the overlays")


def texts(view: Any) -> list[list[str]]:
    table = view.table
    return [
        [table.item(row, column).text() for column in range(table.columnCount())] for row in range(table.rowCount())
    ]


def click(driver: Any, view: Any, row: int, column: int) -> None:
    driver.reveal(view.table)
    place = view.table.visualItemRect(view.table.item(row, column)).center()
    QTest.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    settled(driver)


def listed(view: Any) -> list[str]:
    return [view.tiles.item(row).text() for row in range(view.tiles.count())]


def marked_pixels(driver: Any) -> int:
    layer = driver.layers.get(COMPARISON)
    return int((layer.data != 0).sum()) if layer is not None and layer.visible else 0


def test_the_matrix_is_in_percent_of_the_annotated_class(window: Any, validated: Project) -> None:
    """Gland: 3 x 48 rows of 96 px, 40 rows of them predicted as stroma: 27.8 %."""
    _viewer, driver, _answers = window
    view = opened(driver, validated)
    assert view.table.isVisible()
    assert not view.empty.isVisible()
    assert texts(view) == [["–", "–", "–"], ["0", "72", "28"], ["0", "0", "100"]]
    assert view.caption.text().startswith("Round 1, on 3 validation tiles.")
    tip = view.table.item(1, 2).toolTip()
    assert tip == f"Gland predicted as stroma: 28 % of gland, {40 * 96:,} px on 2 tiles"
    assert view.table.item(0, 1).toolTip() == "No pixel of the validation tiles is annotated as background."
    assert [view.table.verticalHeaderItem(row).text() for row in range(3)] == ["background", "gland", "stroma"]
    assert view.table.horizontalHeaderItem(2).toolTip() == "Predicted as stroma"


def test_a_click_opens_the_tile_with_most_of_it_and_lists_the_others(window: Any, validated: Project) -> None:
    _viewer, driver, _answers = window
    view = opened(driver, validated)
    assert driver.session.tile == "tile_01"
    assert marked_pixels(driver) == 0
    click(driver, view, 1, 2)
    assert driver.session.tile == "tile_02"
    assert listed(view) == ["tile_02: 2,880 px", "tile_01: 960 px"]
    assert view.tiles.currentRow() == 0
    assert view.words.text() == view.table.item(1, 2).toolTip()
    # the places are marked, and only they
    assert marked_pixels(driver) == 30 * 96
    assert driver.layers.get(COMPARISON).data[:30].all()
    assert view.marked.text() == "Marked on tile_02: gland predicted as stroma, 2,880 px."
    review = driver.panel.overlays
    assert (review.comparison, review.comparison_combo.currentText()) == (
        Comparison.CONFUSION, "gland predicted as stroma",
    )  # fmt: skip
    # the next tile of the list
    QTest.mouseClick(
        view.tiles.viewport(), Qt.MouseButton.LeftButton, pos=view.tiles.visualItemRect(view.tiles.item(1)).center()
    )
    settled(driver)
    assert driver.session.tile == "tile_01"
    assert (marked_pixels(driver), view.tiles.currentRow()) == (960, 1)
    # a tile without it, reached otherwise
    driver.show_tile("tile_03")
    driver.open_place(Place.RESULTS)
    assert (marked_pixels(driver), view.tiles.currentRow()) == (0, -1)
    assert view.marked.text() == "Marked on tile_03: gland predicted as stroma, 0 px."


def test_a_cell_without_pixels_and_the_diagonal_open_nothing(window: Any, validated: Project) -> None:
    _viewer, driver, _answers = window
    view = opened(driver, validated)
    click(driver, view, 1, 2)
    for row, column in ((2, 1), (1, 1), (0, 2)):
        driver.panel.controller.tiles.show("tile_04")
        click(driver, view, row, column)
        assert driver.session.tile == "tile_04"
        assert not view.tiles.isVisible()
        assert view.words.text() == view.table.item(row, column).toolTip()
        assert view.marked.text() == ""
        assert driver.panel.overlays.comparison is not Comparison.CONFUSION


def test_the_keyboard_reaches_every_cell_and_tab_leaves(window: Any, validated: Project) -> None:
    viewer, driver, _answers = window
    view = opened(driver, validated)
    driver.reveal(view.table)
    viewer.window._qt_window.activateWindow()
    view.table.setFocus()
    view.table.setCurrentCell(0, 0)
    driver.wait(view.table.hasFocus, "the focus on the matrix")
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right):
        QTest.keyClick(view.table, key)
    assert driver.session.tile == "tile_01"  # moving opens nothing
    QTest.keyClick(view.table, Qt.Key.Key_Return)
    settled(driver)
    assert driver.session.tile == "tile_02"
    assert view.table.hasFocus()
    QTest.keyClick(view.table, Qt.Key.Key_Tab)
    assert not view.table.hasFocus()
    view.tiles.setFocus()
    QTest.keyClick(view.tiles, Qt.Key.Key_Down)
    QTest.keyClick(view.tiles, Qt.Key.Key_Return)
    settled(driver)
    assert driver.session.tile == "tile_01"


def test_a_screen_reader_hears_the_sentence_of_each_cell(window: Any, validated: Project) -> None:
    _viewer, driver, _answers = window
    view = opened(driver, validated)
    for row in range(3):
        for column in range(3):
            item = view.table.item(row, column)
            assert item.data(Qt.ItemDataRole.AccessibleTextRole) == item.toolTip()
    assert view.table.accessibleName()
    assert view.tiles.accessibleName()
    heads = (view.table.verticalHeaderItem(1), view.table.horizontalHeaderItem(1))
    said = [each.data(Qt.ItemDataRole.AccessibleTextRole) for each in heads]
    assert said == ["Annotated as gland", "Predicted as gland"]


def test_the_wheel_over_the_matrix_changes_nothing(window: Any, validated: Project) -> None:
    _viewer, driver, _answers = window
    view = opened(driver, validated)
    assert view.table.verticalScrollBar().maximum() == 0
    assert view.table.horizontalScrollBar().maximum() == 0


@pytest.mark.nightly
def test_another_mark_or_a_switch_ends_it(window: Any, validated: Project) -> None:
    _viewer, driver, _answers = window
    view = opened(driver, validated)
    click(driver, view, 1, 2)
    review = driver.panel.overlays
    driver.click(review.switches[COMPARISON])
    assert marked_pixels(driver) == 0
    assert view.marked.text() == ""
    click(driver, view, 1, 2)
    assert marked_pixels(driver) == 30 * 96


def test_an_annotation_that_changed_since_is_said_and_undo_refreshes_it(window: Any, validated: Project) -> None:
    _viewer, driver, _answers = window
    view = opened(driver, validated)
    click(driver, view, 1, 2)
    driver.choose_class(STROMA)
    driver.stroke([(5.0, float(column)) for column in range(0, SIDE_PX, 2)], 4)
    driver.wait_saved()
    driver.wait(lambda: "has changed since" in view.marked.text(), "the sentence")
    now = marked_pixels(driver)
    assert 0 < now < 2880
    assert view.marked.text().startswith(f"Marked on tile_02: gland predicted as stroma, {now:,} px. When the training")
    driver.panel.controller.undo.undo()
    driver.wait_saved()
    driver.wait(lambda: view.marked.text().endswith("stroma, 2,880 px."), "the sentence after undo")
    assert marked_pixels(driver) == 2880


@pytest.mark.nightly
def test_a_new_run_replaces_the_matrix(window: Any, validated: Project, add_run: Callable[..., None]) -> None:
    _viewer, driver, _answers = window
    view = opened(driver, validated)
    click(driver, view, 1, 2)
    label = validated.label("tile_01")
    predictions = {name: label.copy() for name in ("tile_01", "tile_02", "tile_03")}
    predictions["tile_03"][:12] = STROMA
    session = driver.session
    session.begin_training()
    add_run(validated, "20260102-000000", predictions)
    write_confusion(validated, "20260102-000000", predictions, label)
    session.project.add_round("20260102-000000")
    session.end_training("Done.")
    driver.wait(lambda: view.caption.text().startswith("Round 2"), "the new matrix")
    settled(driver)
    assert texts(view)[1] == ["0", "92", "8"]  # 12 of 144 rows
    assert listed(view) == ["tile_03: 1,152 px"]
    assert view.words.text() == f"Gland predicted as stroma: 8 % of gland, {12 * 96:,} px on 1 tile"


def test_a_class_that_was_renamed_or_removed_since(window: Any, validated: Project) -> None:
    _viewer, driver, _answers = window
    view = opened(driver, validated)
    session = driver.session
    session.project.update_class(GLAND, name="crypt")
    session.classes_changed.emit()
    assert view.table.verticalHeaderItem(1).text() == "crypt"
    assert view.table.item(1, 2).toolTip().startswith("Crypt predicted as stroma")
    record = find(validated)
    kept = [each for each in validated.classes if each.id != STROMA]
    shown = matrix(record, kept)
    assert shown is not None
    assert [each.name for each in shown.classes] == ["background", "crypt", "stroma (removed)"]


@pytest.mark.nightly
def test_a_rejected_tile_says_why_nothing_is_marked(window: Any, validated: Project) -> None:
    _viewer, driver, _answers = window
    validated.reject("tile_02", RUN)
    view = opened(driver, validated)
    click(driver, view, 1, 2)
    assert driver.session.tile == "tile_02"
    assert view.marked.text() == "Nothing is marked: this tile has no prediction, or it was rejected."


EMPTY = "The confusion matrix appears here"
NO_VALIDATION = "No confusion matrix: the last training had no validation tiles."
EARLIER = "No confusion matrix: the last training was made by an earlier version."


@pytest.mark.parametrize(
    ("summary", "expected"),
    [(None, EMPTY), ({"val": None}, NO_VALIDATION), ({"val": {"mDice": 80.0, "mJaccard": 70.0}}, EARLIER)],
)
def test_where_there_is_none_a_sentence_says_why(
    window: Any, project: Project, add_run: Callable[..., None], summary: dict[str, Any] | None, expected: str
) -> None:
    _viewer, driver, _answers = window
    if summary is not None:
        add_run(project, RUN, {})
        (project.runs_dir / RUN / "summary.json").write_text(json.dumps(summary))
    view = opened(driver, project)
    assert not view.table.isVisible()
    assert not view.title.isVisible()
    assert view.empty.text().startswith(expected)


def test_a_run_that_was_stopped_while_it_predicted(
    window: Any, validated: Project, add_run: Callable[..., None]
) -> None:
    _viewer, driver, _answers = window
    label = validated.label("tile_01")
    write_confusion(validated, RUN, {"tile_01": label}, label, not_predicted=["tile_02", "tile_03"])
    view = opened(driver, validated)
    assert view.caption.text().startswith("Round 1, on 1 validation tile (without 2 that the training did not predict)")
    write_confusion(validated, RUN, {}, label, not_predicted=["tile_01", "tile_02", "tile_03"])
    driver.session.states_changed.emit()
    driver.wait(lambda: view.empty.text().startswith("No confusion matrix: the last training was stop"), "the reason")


def test_a_damaged_file_is_told(window: Any, validated: Project) -> None:
    _viewer, driver, _answers = window
    (validated.runs_dir / RUN / "confusion.json").write_text("{")
    view = opened(driver, validated)
    assert "confusion.json is damaged" in driver.panel.messages.text
    assert not view.table.isVisible()


@pytest.mark.parametrize("n_classes", [2, 3, 8])
def test_two_to_eight_classes_are_readable_in_a_narrow_panel(window: Any, project: Project, n_classes: int) -> None:
    _viewer, driver, _answers = window
    classes = [TissueClass(i, f"a rather long name {i}", f"#{20 * i:02x}8040") for i in range(n_classes)]
    counts = (1000 * np.eye(n_classes, dtype=int) + 1).tolist()
    record = RunConfusion.model_validate(
        {
            "classes": [{"id": each.id, "name": each.name} for each in classes],
            "counts": counts,
            "tiles": [{"tile": "tile_01", "counts": counts}],
        }
    )
    view = opened(driver, project)
    view.set_matrix(matrix(Found(RUN, 1, record, has_validation=True), classes), "")
    view.setFixedWidth(320)  # what margins and the scroll bar leave of 360
    driver.pause(0.2)
    table = view.table
    widest = max(table.fontMetrics().horizontalAdvance(text) for text in (">99", "100", "<1"))
    for column in range(n_classes):
        assert table.columnWidth(column) >= widest + 2
    right = table.visualItemRect(table.item(0, n_classes - 1)).right()
    assert right <= table.viewport().width()
    assert table.width() <= 320
    assert table.verticalHeader().width() >= 70


def test_what_the_numbers_look_like() -> None:
    record = RunConfusion.model_validate(
        {
            "classes": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}],
            "counts": [[9996, 4], [0, 7]],
            "tiles": [{"tile": "v", "counts": [[9996, 4], [0, 7]]}],
        }
    )
    found = Found(RUN, None, record, has_validation=True)
    shown = matrix(found, [TissueClass(0, "a", "#000000"), TissueClass(1, "b", "#ffffff")])
    assert shown is not None
    assert [[cell.text for cell in row] for row in shown.cells] == [[">99", "<1"], ["0", "100"]]
    assert shown.cells[0][1].words == "A predicted as b: less than 1 % of a, 4 px on 1 tile"
    assert shown.caption == "Last training, on 1 validation tile."
    assert why_none(found) == ""
