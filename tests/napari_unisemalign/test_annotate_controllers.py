"""The controllers of annotating and reviewing, without a window: real layers, labels and undo, specs of their views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from unittest.mock import call, create_autospec

import numpy as np
import pytest
from napari.components import ViewerModel
from scipy import ndimage

from napari_unisemalign.annotate.accept import CorrectionController
from napari_unisemalign.annotate.accept_view import PointedAt
from napari_unisemalign.annotate.brush import BrushController
from napari_unisemalign.annotate.classes import ClassesController
from napari_unisemalign.annotate.contracts import ChipsSurface, ClassesSurface, PaintingSurface
from napari_unisemalign.annotate.overlay_maps import Comparison
from napari_unisemalign.annotate.overlays import OverlaysController
from napari_unisemalign.annotate.painting import PaintingController
from napari_unisemalign.annotate.review_contracts import CleanUpSurface, CorrectSurface, OverlaysSurface
from napari_unisemalign.annotate.undo import UndoController
from napari_unisemalign.app.context import Connections
from napari_unisemalign.app.drawn_shapes import DrawnShapes
from napari_unisemalign.app.image_notes import ImageNotes
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.layer_values import PREDICTION, layer_value
from napari_unisemalign.app.layers import TileLayers
from napari_unisemalign.app.tile_overlays import OverlaySource
from napari_unisemalign.tiles.tiles import TilesController
from tests.napari_unisemalign.without_window import bare_context, slot
from training_core.class_maps.clean_up import CleanUp
from training_core.project import UNLABELED, LabelSource, Project, TileState


@pytest.fixture
def context(qapp: Any) -> Any:
    context = bare_context()
    context.viewer = ViewerModel()
    context.layers, context.connections = TileLayers(context.viewer, context.session.label), Connections()
    context.drawn = DrawnShapes(context.viewer, context.layers)
    context.notes = create_autospec(ImageNotes, instance=True)
    return context


# --- the classes ------------------------------------------------------------------------------------------------------


@pytest.fixture
def table() -> Any:
    return create_autospec(ClassesSurface, instance=True)


@pytest.fixture
def chips() -> Any:
    return create_autospec(ChipsSurface, instance=True)


@pytest.fixture
def classes(context: Any, table: Any, chips: Any, project: Project) -> ClassesController:
    controller = ClassesController(context, table, chips)
    context.session.set_project(project)
    return controller


def test_classes_are_added_renamed_and_coloured(
    context: Any, classes: Any, table: Any, chips: Any, project: Project
) -> None:
    assert [each.name for each in table.set_classes.call_args.args[0]] == ["background", "gland"]
    assert chips.set_classes.call_args.args[1] == {1}  # background is hidden at first
    assert table.set_current.call_args == call(1)
    slot(chips.add_clicked)()
    assert [each.name for each in project.classes] == ["background", "gland", "class 1"]
    table.edit_name.assert_called_once_with(2)
    slot(table.prompt_edited)(1, "glandular epithelium")
    slot(table.name_edited)(1, "crypt")
    slot(table.name_edited)(2, "stroma")
    assert (project.classes[1].name, project.classes[1].prompt) == ("crypt", "glandular epithelium")
    context.dialogs.color.return_value = None
    before = project.classes[1].color
    slot(table.color_clicked)(1)
    assert project.classes[1].color == before
    context.dialogs.color.return_value = "#123456"
    slot(table.color_clicked)(1)
    assert project.classes[1].color == "#123456"
    slot(chips.shown_toggled)(0, True)
    assert chips.set_classes.call_args.args[1] == {0, 1, 2}


def test_a_number_that_no_class_has_is_put_back_in_naparis_controls(
    context: Any, classes: Any, chips: Any, project: Project
) -> None:
    layer = show(context, project, "tile_01")
    assert layer.selected_label == layer_value(1)
    slot(chips.class_chosen)(0)
    assert (layer.selected_label, layer.mode) == (layer_value(0), "paint")
    layer.selected_label = 7
    assert layer.selected_label == layer_value(0)
    (error,) = context.reporter.error.call_args.args
    assert "no class has the number 7" in str(error)


# --- brush, strokes and undo ------------------------------------------------------------------------------------------


def show(context: Any, project: Project, name: str, labels: LabelsController | None = None) -> Any:
    """Put a tile on the screen, as `TilesController` does."""
    label = labels.load(name) if labels is not None else project.label(name)
    layer = context.layers.show_tile(project.image(name), label, project.classes)
    if labels is not None:
        labels.watch(name)
    context.session.set_tile(name)
    return layer


@dataclass
class Desk:
    """What belongs to annotating a project, and its views."""

    project: Project
    layer: Any
    labels: LabelsController
    undo: UndoController
    overlays: OverlaysController
    correction: CorrectionController
    painting_view: Any
    overlays_view: Any
    view: Any


@pytest.fixture
def desk(context: Any, predicted_project: Project) -> Any:
    painting_view = create_autospec(PaintingSurface, instance=True)
    overlays_view = create_autospec(OverlaysSurface, instance=True)
    overlays_view.below, overlays_view.comparison = 0.0, Comparison.DISAGREEMENT
    overlays_view.is_shown.return_value = True
    view, cleanup = create_autospec(CorrectSurface, instance=True), create_autospec(CleanUpSurface, instance=True)
    view.source, view.confidence, view.overwrite = OverlaySource.PREDICTION, 0.9, False
    view.is_usual_confidence = True
    cleanup.value = CleanUp()
    labels = LabelsController(context, lambda _words: None)
    tiles = create_autospec(TilesController, instance=True)
    overlays = OverlaysController(context, overlays_view)
    undo = UndoController(context, painting_view, labels, tiles)
    correction = CorrectionController(context, view, cleanup, labels, tiles, overlays, undo)
    context.session.set_project(predicted_project)
    layer = show(context, predicted_project, "tile_01", labels)
    made = Desk(predicted_project, layer, labels, undo, overlays, correction, painting_view, overlays_view, view)
    yield made
    assert labels.flush()
    overlays.settle()
    context.connections.close()
    context.session.set_project(None)  # what still waits for its turn reads no project that is gone


def test_the_brush_is_the_same_in_the_panel_and_in_naparis_controls(context: Any, chips: Any, project: Project) -> None:
    view = create_autospec(PaintingSurface, instance=True)
    brush = BrushController(context, view, chips)
    assert view.set_brush.call_args == call(None, False)
    layer = show(context, project, "tile_01")
    slot(view.brush_changed)(17)
    assert layer.brush_size == 17
    assert view.set_brush.call_args == call(17, False, None)
    slot(chips.erase_clicked)(True)
    assert layer.mode == "erase"
    assert view.set_brush.call_args == call(17, True, None)
    layer.mode = "paint"
    assert chips.set_erasing.call_args == call(False)
    brush.close()


def test_an_outline_is_filled_as_one_step_of_undo(context: Any, desk: Any) -> None:
    shown: list[tuple[int, str]] = []
    view = create_autospec(PaintingSurface, instance=True)
    PaintingController(
        context, view, desk.labels, desk.undo, desk.overlays,
        lambda where, words: shown.append((0 if where is None else int(where.sum()), words)),
    )  # fmt: skip
    assert view.set_help.call_args.args[0] == "Paint something on this tile first: this helps with the last stroke."
    ring = np.zeros((96, 96), np.uint8)
    ring[10:30, 10:30] = layer_value(1)
    ring[11:29, 11:29] = 0
    desk.layer.data_setitem(np.nonzero(ring), layer_value(1))
    desk.undo.catch_up()
    assert view.set_help.call_args == call("", "")
    slot(view.fill_clicked)()
    label = context.session.label.ids()
    assert int((label == 1).sum()) == 20 * 20
    assert shown == [(0, "")]
    slot(desk.painting_view.undo_clicked)()
    assert int((context.session.label.ids() == 1).sum()) == 20 * 20 - 18 * 18
    slot(desk.painting_view.undo_clicked)()
    assert (context.session.label.ids() == UNLABELED).all()


@pytest.mark.parametrize("how", ["came with what was saved here", "was read again"])
def test_what_others_painted_meanwhile_is_no_step_of_undo(context: Any, desk: Any, how: str) -> None:
    """Mine at (5, 5), theirs at (40, 40); whichever comes first, undoing changes mine alone."""
    other = Project.open(desk.project.path)
    theirs = other.label("tile_01")
    theirs[40, 40] = 0
    if how == "was read again":
        other.write_label("tile_01", theirs, LabelSource.PAINTED)
        desk.labels.read_again()
        desk.layer.data_setitem((np.array([5]), np.array([5])), layer_value(1))
    else:
        desk.layer.data_setitem((np.array([5]), np.array([5])), layer_value(1))
        other.write_label("tile_01", theirs, LabelSource.PAINTED)
    assert desk.labels.flush()
    expected = np.full((96, 96), UNLABELED, np.uint8)
    expected[5, 5], expected[40, 40] = 1, 0
    np.testing.assert_array_equal(context.session.label.ids(), expected)
    slot(desk.painting_view.undo_clicked)()
    expected[5, 5] = UNLABELED
    np.testing.assert_array_equal(context.session.label.ids(), expected)
    assert desk.undo.why_not_undo() == "There is nothing to undo."
    assert desk.labels.flush()
    np.testing.assert_array_equal(other.label("tile_01"), expected)


# --- accept and reject ------------------------------------------------------------------------------------------------


def test_accepting_keeps_strokes_and_replaces_them_only_when_it_is_wanted(
    context: Any, desk: Any, truths: dict[str, np.ndarray]
) -> None:
    assert desk.view.set_available.call_args == call("", "Press Draw region and outline what you mean.", "", "")
    truth = truths["tile_01"]
    wrong = (np.array([2, 3]), np.array([2, 2]))
    assert (truth[wrong] == 0).all()
    desk.layer.data_setitem(wrong, layer_value(1))
    slot(desk.view.accept_tile_clicked)()
    label = context.session.label.ids()
    assert (label[wrong] == 1).all()
    assert int((label != truth).sum()) == 2
    assert desk.labels.flush()
    assert desk.project.state("tile_01") is TileState.ACCEPTED
    desk.view.overwrite = True
    context.dialogs.confirm.return_value = False
    slot(desk.view.accept_tile_clicked)()
    (_title, question, _yes), _keywords = context.dialogs.confirm.call_args
    assert "2 pixels that you painted" in question
    assert (context.session.label.ids()[wrong] == 1).all()
    context.dialogs.confirm.return_value = True
    slot(desk.view.accept_tile_clicked)()
    np.testing.assert_array_equal(context.session.label.ids(), truth)
    slot(desk.painting_view.undo_clicked)()
    assert (context.session.label.ids()[wrong] == 1).all()
    assert desk.view.set_hint.call_args == call("")  # what was said of the accept may be untrue


def test_a_prediction_whose_layer_is_gone_is_accepted_all_the_same(
    context: Any, desk: Any, truths: dict[str, np.ndarray]
) -> None:
    """A script may take a layer away; what the model says is known without it."""
    desk.overlays.settle()
    context.viewer.layers.remove(context.layers.get(PREDICTION))
    slot(desk.view.accept_tile_clicked)()
    np.testing.assert_array_equal(context.session.label.ids(), truths["tile_01"])


def test_a_stroke_grows_by_the_prediction_of_its_own_tile_however_soon(
    context: Any, desk: Any, truths: dict[str, np.ndarray]
) -> None:
    """Back on the tile of the last stroke, the overlays of the other one are still seen for a moment."""
    view = create_autospec(PaintingSurface, instance=True)
    PaintingController(context, view, desk.labels, desk.undo, desk.overlays, lambda _where, _words: None)
    regions, _count = ndimage.label(truths["tile_01"])
    region = regions == 1
    desk.layer.data_setitem(tuple(each[:60] for each in np.nonzero(region)), layer_value(1))
    assert desk.labels.flush()
    show(context, desk.project, "tile_02", desk.labels)
    desk.overlays.settle()
    show(context, desk.project, "tile_01", desk.labels)
    slot(view.grow_clicked)()
    np.testing.assert_array_equal(context.session.label.ids() == 1, region)


def test_a_rejected_prediction_is_gone_until_rejections_are_cleared(context: Any, desk: Any) -> None:
    slot(desk.view.reject_clicked)()
    assert context.session.overlays("tile_01") is None
    assert "You rejected the prediction of this tile." in desk.view.set_available.call_args.args[0]
    assert desk.view.set_take_back.call_args == call("")
    slot(desk.view.accept_tile_clicked)()
    assert (context.session.label.ids() == UNLABELED).all()
    slot(desk.view.take_back_clicked)()
    assert context.session.overlays("tile_01") is not None
    assert desk.view.set_take_back.call_args == call("Nothing of this tile is rejected.")
    assert desk.labels.flush()
    assert desk.project.state("tile_01") is TileState.PREDICTED


def test_what_a_button_would_do_is_said_while_it_is_pointed_at(
    context: Any, desk: Any, truths: dict[str, np.ndarray], qtbot: Any
) -> None:
    truth, pointed = truths["tile_01"], slot(desk.view.pointed)
    pointed(PointedAt.ACCEPT_TILE)
    qtbot.waitUntil(lambda: desk.view.set_preview.called, timeout=60_000)
    regions = sum(ndimage.label(truth == class_id)[1] for class_id in (0, 1))
    gland = round(100 * int(truth.sum()) / truth.size)
    words = f"Accept {regions} regions, {truth.size:,} pixels, background {100 - gland}\xa0%, gland {gland}\xa0%."
    assert desk.view.set_preview.call_args == call(words)
    assert (context.session.label.ids() == UNLABELED).all()


def test_an_overlay_is_drawn_as_its_switch_says(context: Any, desk: Any, truths: dict[str, np.ndarray]) -> None:
    desk.overlays.settle()
    np.testing.assert_array_equal(context.layers.overlay_ids(PREDICTION), truths["tile_01"])
    layer = context.layers.get(PREDICTION)
    slot(desk.overlays_view.visible_changed)(PREDICTION, False)
    assert not layer.visible
    slot(desk.overlays_view.opacity_changed)(PREDICTION, 0.25)
    assert layer.opacity == 0.25
    slot(desk.overlays_view.outline_changed)(True)
    assert context.session.outlined == {0, 1}
    assert desk.overlays_view.set_outlined.call_args.args[1] == {0, 1}
    slot(desk.overlays_view.class_outlined)(0, False)
    assert context.session.outlined == {1}
    desk.overlays.leave_nothing_open()
    desk.overlays_view.show_from_confidence.assert_called_once_with(0.0)
