"""What the overlays mark, leave open and hide, in a real window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_unisemalign.annotate import overlay_maps
from napari_unisemalign.annotate.overlay_maps import Comparison, Maps, compose
from napari_unisemalign.app.layer_values import (
    COMPARISON,
    CONFIDENCE,
    LABELS,
    NAMES,
    OVERLAY_ROLES,
    PREDICTION,
    PSEUDO_LABEL,
    TILE,
)
from training_core.io import write_png
from training_core.project import UNLABELED, LabelSource, Project, make_classes

CLASSES = make_classes(("background", "gland"))
RUN, NEXT_RUN = "20260101-000000", "20260102-000000"


@pytest.fixture
def graded_project(predicted_project: Project) -> Project:
    """The confidence of the first tile rises from 0 at the left to 1 at the right; its label is wrong in one corner."""
    ramp = np.tile(np.linspace(0, 255, 96).round().astype(np.uint8), (96, 1))
    write_png(predicted_project.prediction("tile_01").confidence, ramp)
    return predicted_project


def open_settled(driver: Any, project: Project) -> None:
    driver.panel.controller.open_project(project.path)
    driver.wait(lambda: all(driver.layers.get(role) is not None for role in OVERLAY_ROLES), "the layers")
    driver.pause(0.1)


def choose(driver: Any, comparison: Comparison) -> None:
    combo = driver.panel.overlays.comparison_combo
    driver.reveal(combo)
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Home if comparison is Comparison.DISAGREEMENT else Qt.Key.Key_End)
    assert driver.panel.overlays.comparison is comparison
    driver.panel.controller.overlays.settle()


def marked(driver: Any) -> np.ndarray:
    return np.asarray(driver.layers.get(COMPARISON).data) == 1


def maps(**others: Any) -> Maps:
    ids = np.zeros((4, 5), np.uint8)
    return Maps(**{"prediction": ids, "pseudo_label": ids, "confidence": ids + 128, "former": None, **others})


def test_pixels_that_are_not_labelled_or_left_open_do_not_disagree() -> None:
    label = np.full((4, 5), UNLABELED, np.uint8)
    label[0] = 1
    confidence = np.full((4, 5), 200, np.uint8)
    confidence[0, 0] = 10
    seen = compose(maps(confidence=confidence), label, 0.5, Comparison.DISAGREEMENT, CLASSES)
    assert np.argwhere(seen.marked).tolist() == [[0, 1], [0, 2], [0, 3], [0, 4]]
    assert seen.prediction[0, 0] == seen.pseudo_label[0, 0] == UNLABELED
    assert (seen.prediction[1:] == 0).all()
    assert "4 of 4 annotated pixels (100 %), most often background where you annotated gland" in seen.words
    assert "5 % of the pixels are hidden and left unannotated" in seen.words


def test_without_label_or_earlier_round_the_words_say_so() -> None:
    assert "Nothing is annotated" in compose(maps(), None, 0, Comparison.DISAGREEMENT, CLASSES).words
    assert "no earlier round" in compose(maps(), None, 0, Comparison.CHANGES, CLASSES).words
    agreeing = compose(maps(), np.zeros((4, 5), np.uint8), 0, Comparison.DISAGREEMENT, CLASSES)
    assert "Agrees with all 20 annotated" in agreeing.words
    other_size = compose(maps(), np.ones((2, 2), np.uint8), 0, Comparison.DISAGREEMENT, CLASSES)
    assert not other_size.marked.any()


def test_disagreement_follows_the_labels(window: Any, graded_project: Project, truths: Any) -> None:
    _viewer, driver, _answers = window
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[:10, :10] = 1 - truths["tile_01"][:10, :10]
    label[50:60] = truths["tile_01"][50:60]
    graded_project.write_label("tile_01", label, LabelSource.PAINTED)
    open_settled(driver, graded_project)
    view = driver.panel.overlays
    driver.click(view.switches[COMPARISON])
    expected = np.zeros((96, 96), bool)
    expected[:10, :10] = True
    np.testing.assert_array_equal(marked(driver), expected)
    assert driver.layers.get(COMPARISON).visible
    assert "Differs from 100 of 1,060 annotated pixels (9 %)" in view.words.text()
    driver.choose_class(int(truths["tile_01"][5, 5]))
    driver.stroke([(5, 5)], 40)  # now the corner is labelled as predicted
    driver.wait_saved()
    driver.panel.controller.overlays.settle()
    assert not marked(driver)[:10, :10].any()


def test_changes_since_the_last_round(window: Any, predicted_project: Project, truths: Any, add_run: Any) -> None:
    _viewer, driver, _answers = window
    ids = truths["tile_01"].copy()
    ids[:8, :48] = 1 - ids[:8, :48]
    add_run(predicted_project, NEXT_RUN, {"tile_01": ids, "tile_02": truths["tile_02"]})
    open_settled(driver, predicted_project)
    choose(driver, Comparison.CHANGES)
    np.testing.assert_array_equal(marked(driver), ids != truths["tile_01"])
    assert "4 % of the tile changed since the last round" in driver.panel.overlays.words.text()
    driver.show_tile("tile_02")
    driver.panel.controller.overlays.settle()
    assert not marked(driver).any()
    assert "Nothing changed" in driver.panel.overlays.words.text()


def test_the_slider_leaves_open_and_accepting_takes_what_is_seen(window: Any, graded_project: Project) -> None:
    _viewer, driver, _answers = window
    open_settled(driver, graded_project)
    view, overlays = driver.panel.overlays, driver.panel.controller.overlays
    whole = overlays.shown_prediction("tile_01")
    assert (whole != UNLABELED).all()
    driver.reveal(view.below_slider)
    view.below_slider.setFocus()
    for _ in range(50):
        QTest.keyClick(view.below_slider, Qt.Key.Key_Right)
    assert view.below == pytest.approx(0.5)
    driver.wait(lambda: "left unannotated" in view.words.text(), "the slider")
    shown = overlays.shown_prediction("tile_01")
    assert (shown[:, :47] == UNLABELED).all()
    np.testing.assert_array_equal(shown[:, 49:], whole[:, 49:])
    assert (overlays.shown_pseudo_label("tile_01")[:, :47] == UNLABELED).all()
    assert overlays.shown_prediction("tile_02") is None  # not on screen
    driver.click(driver.panel.correct.accept_tile_button)
    np.testing.assert_array_equal(driver.label(), shown)


def test_each_class_is_filled_or_an_outline_as_its_squares_show(
    window: Any, predicted_project: Project, add_run: Any
) -> None:
    """A gland of 20 x 20 px: as an outline, the 2 outermost pixels of it on each side are left, 400 - 256 of them."""
    _viewer, driver, _answers = window
    ids = np.zeros((96, 96), np.uint8)
    ids[30:50, 40:60] = 1
    add_run(predicted_project, NEXT_RUN, {"tile_01": ids})
    open_settled(driver, predicted_project)
    view, chips = driver.panel.overlays, driver.panel.chips.chips
    layer = driver.layers.get(PREDICTION)

    def drawn() -> np.ndarray:
        return np.asarray(layer.data)

    def inside_of(icon: Any) -> int:
        """How opaque the middle of a square is, of 255."""
        image = icon.pixmap(14, 14).toImage()
        return int(image.pixelColor(7, 7).alpha())

    squares = {"chip": chips[1].button.icon, "button": view.class_styles.buttons[1].icon}
    assert (drawn() == 2).sum() == 400
    assert {name: inside_of(icon()) for name, icon in squares.items()} == {"chip": 255, "button": 255}
    driver.click(view.class_styles.buttons[1])
    assert {name: inside_of(icon()) for name, icon in squares.items()} == {"chip": 0, "button": 0}
    assert inside_of(chips[0].button.icon()) == 255
    ring = np.zeros((96, 96), bool)
    ring[30:50, 40:60] = True
    ring[32:48, 42:58] = False
    np.testing.assert_array_equal(drawn() == 2, ring)
    assert (drawn() == 1).sum() == 96 * 96 - 400  # background stays filled
    assert not view.filled_button.isChecked()
    assert not view.outline_button.isChecked()  # neither holds for all
    np.testing.assert_array_equal(driver.prediction(), ids)
    driver.click(driver.panel.correct.accept_tile_button)
    np.testing.assert_array_equal(driver.label(), ids)  # what is accepted is the region, not its border
    driver.click(view.outline_button)
    assert view.class_styles.buttons[0].isChecked()
    assert (drawn() == 1).sum() < 600
    driver.click(view.filled_button)
    assert (drawn() == 2).sum() == 400
    assert driver.session.outlined == frozenset()


@pytest.mark.parametrize("by", ["key", "button"])
def test_flicker_hides_and_shows_the_same_overlays(window: Any, predicted_project: Project, by: str) -> None:
    viewer, driver, _answers = window
    open_settled(driver, predicted_project)
    view = driver.panel.overlays
    driver.click(view.switches[CONFIDENCE])
    before = {role: driver.layers.get(role).visible for role in OVERLAY_ROLES}
    assert [role for role in OVERLAY_ROLES if before[role]] == [PREDICTION, CONFIDENCE]

    def flicker() -> None:
        if by == "key":
            QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_H)
        else:
            driver.click(view.flicker_button)

    flicker()
    assert not any(driver.layers.get(role).visible for role in OVERLAY_ROLES)
    assert viewer.layers[NAMES[LABELS]].visible
    assert view.flicker_button.text().startswith("Show")
    flicker()
    assert {role: driver.layers.get(role).visible for role in OVERLAY_ROLES} == before
    assert view.flicker_button.text().startswith("Hide")
    flicker()
    driver.click(view.switches[PSEUDO_LABEL])  # shown by hand: there is nothing to put back any more
    assert view.flicker_button.text().startswith("Hide")
    assert not view.flicker_button.isChecked()


def test_refreshing_steals_nothing(window: Any, predicted_project: Project, truths: Any, add_run: Callable) -> None:
    viewer, driver, _answers = window
    open_settled(driver, predicted_project)
    viewer.layers.selection.active = viewer.layers[NAMES[TILE]]
    viewer.scene.camera.zoom = 3.5
    camera = (viewer.scene.camera.zoom, viewer.scene.camera.center)
    layers = list(viewer.layers)
    add_run(predicted_project, NEXT_RUN, {"tile_01": 1 - truths["tile_01"]})
    driver.session.overlays_changed.emit("tile_01")
    driver.wait(lambda: (driver.prediction() == 1 - truths["tile_01"]).all(), "the new overlay")
    driver.pause(0.1)
    assert list(viewer.layers) == layers
    assert viewer.layers.selection.active is viewer.layers[NAMES[TILE]]
    assert set(viewer.layers.selection) == {viewer.layers[NAMES[TILE]]}
    assert (viewer.scene.camera.zoom, viewer.scene.camera.center) == camera


def test_the_confidence_map_is_perceptually_uniform(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    open_settled(driver, predicted_project)
    assert viewer.layers[NAMES[CONFIDENCE]].colormap.name == "viridis"
    lightness = viewer.layers[NAMES[CONFIDENCE]].colormap.map(np.linspace(0, 1, 20))[:, :3] @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(lightness) > 0).all()


def test_maps_are_read_away_from_the_window(
    window: Any, predicted_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the preview of an accept wants them: the tile comes first."""
    _viewer, driver, _answers = window
    open_settled(driver, predicted_project)
    read, threads = overlay_maps.read_mask, []

    def listening(path: Any) -> Any:
        threads.append(threading.current_thread())
        return read(path)

    monkeypatch.setattr(overlay_maps, "read_mask", listening)
    driver.panel.controller.tiles.show("tile_02")
    assert driver.panel.controller.overlays.pending
    driver.wait(lambda: not driver.panel.controller.overlays.pending, "the overlays")
    assert len(threads) >= 3
    assert threading.main_thread() not in threads
    assert (driver.layers.overlay_ids(PREDICTION) != UNLABELED).any()
