"""Objects selected, accepted, rejected, deleted, merged, split and reviewed: without a window, then in a real one.

What an object is, is measured by scikit-image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import call, create_autospec

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from skimage.draw import disk
from skimage.measure import label as connected
from skimage.measure import regionprops

from napari_unisemalign.annotate.accept import CorrectionController
from napari_unisemalign.annotate.contracts import PaintingSurface
from napari_unisemalign.annotate.joins import JoinWatch
from napari_unisemalign.annotate.object_contracts import ObjectsSurface
from napari_unisemalign.annotate.object_edits import ObjectEdits
from napari_unisemalign.annotate.object_review import ObjectReview
from napari_unisemalign.annotate.object_split import ObjectSplit
from napari_unisemalign.annotate.overlay_maps import Comparison
from napari_unisemalign.annotate.overlays import OverlaysController
from napari_unisemalign.annotate.review_contracts import CleanUpSurface, CorrectSurface, OverlaysSurface
from napari_unisemalign.annotate.selection import SELECTION, ObjectSelection
from napari_unisemalign.annotate.undo import UndoController
from napari_unisemalign.app.context import Connections
from napari_unisemalign.app.drawn_shapes import DrawnShapes
from napari_unisemalign.app.image_notes import ImageNotes
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.layer_values import ROLE_KEY, layer_value
from napari_unisemalign.app.layers import TileLayers
from napari_unisemalign.app.tile_overlays import OverlaySource
from napari_unisemalign.tiles.tiles import TilesController
from tests.napari_unisemalign.without_window import bare_context, slot
from training_core.class_maps.clean_up import CleanUp
from training_core.export.objects import export_objects
from training_core.io import write_png
from training_core.io.inspection.answers import Answers
from training_core.project import UNLABELED, LabelSource, Project, make_classes
from training_core.project.file_records import FileAnswers

RUN = "20260101-000000"
SURE = {"left": 230, "right": 120, "low": 180}
"""The confidence of three glands, of 255."""
LEFT, RIGHT, LOW = (25, 25), (25, 62), (70, 40)
"""Their centres."""


def glands() -> tuple[np.ndarray, np.ndarray]:
    """A prediction (96, 96) with three glands, and its confidence."""
    ids, confidence = np.zeros((96, 96), np.uint8), np.full((96, 96), 250, np.uint8)
    for centre, radius, certain in zip((LEFT, RIGHT, LOW), (10, 12, 14), SURE.values(), strict=True):
        ids[disk(centre, radius)] = 1
        confidence[disk(centre, radius)] = certain
    return ids, confidence


def area_at(ids: np.ndarray, place: tuple[int, int]) -> int:
    """The pixels of the connected area there, counted by scikit-image."""
    numbers = connected(ids == ids[place], connectivity=1)
    return int(regionprops(numbers)[numbers[place] - 1].area)


@pytest.fixture
def gland_project(project: Project, add_run: Any) -> Project:
    """Tiles 1 and 3 have the same three glands, tiles 2 and 4 none."""
    ids, confidence = glands()
    nothing = np.zeros_like(ids)
    add_run(project, RUN, {f"tile_0{n}": ids if n in (1, 3) else nothing for n in (1, 2, 3, 4)})
    for n in (1, 3):
        write_png(project.runs_dir / RUN / "predictions" / f"tile_0{n}.confidence.png", confidence)
    return project


@dataclass
class Desk:
    project: Project
    context: Any
    view: Any
    labels: LabelsController
    undo: UndoController
    correction: CorrectionController
    selection: ObjectSelection
    edits: ObjectEdits
    split: ObjectSplit
    review: ObjectReview
    tiles: Any
    correct_view: Any

    def show(self, name: str) -> None:
        """As `TilesController.show`."""
        self.labels.leave()
        label = self.labels.load(name)
        self.context.layers.show_tile(self.project.image(name), label, self.project.classes, self.mpp_um)
        self.labels.watch(name)
        self.context.session.set_tile(name)

    mpp_um: float | None = None

    @property
    def said(self) -> str:
        return str(self.correct_view.set_hint.call_args.args[0])

    @property
    def words(self) -> str:
        return str(self.view.set_words.call_args.args[0])

    @property
    def left(self) -> str:
        return str(self.view.set_left.call_args.args[0])

    @property
    def label(self) -> np.ndarray:
        label = self.context.session.label.ids()
        assert label is not None
        return np.asarray(label)


@pytest.fixture
def desk(qapp: Any, gland_project: Project) -> Any:
    context = bare_context()
    context.viewer = ViewerModel()
    context.layers, context.connections = TileLayers(context.viewer, context.session.label), Connections()
    context.drawn = DrawnShapes(context.viewer, context.layers)
    context.notes = create_autospec(ImageNotes, instance=True)
    overlays_view = create_autospec(OverlaysSurface, instance=True)
    overlays_view.below, overlays_view.comparison = 0.0, Comparison.DISAGREEMENT
    correct_view, cleanup = (
        create_autospec(CorrectSurface, instance=True),
        create_autospec(CleanUpSurface, instance=True),
    )
    correct_view.source, correct_view.confidence, correct_view.overwrite = OverlaySource.PREDICTION, 0.9, False
    correct_view.is_usual_confidence, cleanup.value = True, CleanUp()
    labels, tiles = LabelsController(context, lambda _words: None), create_autospec(TilesController, instance=True)
    overlays = OverlaysController(context, overlays_view)
    undo = UndoController(context, create_autospec(PaintingSurface, instance=True), labels, tiles)
    correction = CorrectionController(context, correct_view, cleanup, labels, tiles, overlays, undo)
    view = create_autospec(ObjectsSurface, instance=True)
    selection = ObjectSelection(context, view, correction)
    edits = ObjectEdits(context, view, selection, correction, labels, undo)
    split = ObjectSplit(context, view, selection, edits, correction)
    review = ObjectReview(context, view, selection, edits, split, labels, tiles)
    made = Desk(
        gland_project, context, view, labels, undo, correction, selection, edits, split, review, tiles, correct_view
    )
    tiles.show.side_effect = made.show
    context.session.set_project(gland_project)
    made.show("tile_01")
    yield made
    context.reporter.error.assert_not_called()
    assert labels.flush()
    overlays.settle()
    context.connections.close()
    context.session.set_project(None)


def test_what_is_selected_is_said_and_outlined(desk: Any) -> None:
    desk.selection.select([LEFT])
    ids, _confidence = glands()
    assert desk.words == f"gland · {area_at(ids, LEFT)} px · confidence {100 * SURE['left'] / 255:.0f} %"
    layer = next(each for each in desk.context.viewer.layers if each.metadata.get(ROLE_KEY) == SELECTION)
    drawn = np.asarray(layer.data) > 0
    assert drawn.any()
    assert not drawn[ids == 0].any()  # inside the object
    assert not drawn[LEFT]  # an outline, not a lid
    assert not drawn[RIGHT[0] - 12 : RIGHT[0] + 13, RIGHT[1] - 12 : RIGHT[1] + 13].any()
    desk.selection.select([])
    assert desk.words == ""
    assert not np.asarray(layer.data).any()


def test_areas_are_in_um2_where_the_pixel_size_is_known(desk: Any) -> None:
    desk.mpp_um = 0.5
    desk.show("tile_03")
    desk.selection.select([LOW, LEFT])
    ids, _confidence = glands()
    um2 = (area_at(ids, LOW) + area_at(ids, LEFT)) * 0.5**2
    assert desk.words == f"2 objects (gland) · {um2:,.0f} µm²"


def test_objects_are_those_of_the_annotations_and_else_of_the_prediction(desk: Any) -> None:
    """Painted over: cut by a stroke of background, partly annotated; rejected: none."""
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[LEFT[0]] = 0
    label[LOW[0] :, :] = 1
    desk.context.session.label.replace(label)
    now = desk.selection.refresh()
    merged = np.where(label == UNLABELED, glands()[0], label)
    assert len(now.objects) == connected(merged == 1, connectivity=1).max() == 5
    low = now.at(LOW)
    assert low.open_px == int(((glands()[0] == 1) & (label == UNLABELED))[50:].sum())
    assert now.at((-1, 5)) is None
    desk.selection.select([LOW])
    assert desk.words.endswith("· partly annotated")
    assert [each.confidence for each in now.to_review()] == sorted(each.confidence for each in now.to_review())


def test_accepting_takes_the_selected_object_alone_and_undo_brings_it_back(desk: Any) -> None:
    desk.selection.select([RIGHT])
    slot(desk.view.accept_clicked)()
    ids, _confidence = glands()
    expected = connected(ids == 1, connectivity=1)
    np.testing.assert_array_equal(desk.label == 1, expected == expected[RIGHT])
    assert (desk.label[desk.label != 1] == UNLABELED).all()
    assert desk.said == f"Accepted 1 object (gland), {area_at(ids, RIGHT)} px."
    assert desk.words.endswith("annotated")
    desk.labels.flush()
    edit = desk.project.label_edits("tile_01")[-1]
    assert (edit.source, edit.region) == (LabelSource.ACCEPTED_PREDICTION, "component")
    slot(desk.view.accept_clicked)()
    assert desk.said == "Nothing to accept: it is annotated already."
    desk.undo.undo()
    assert (desk.label == UNLABELED).all()
    assert "confidence" in desk.words


@pytest.mark.nightly
def test_accepting_replaces_nothing_that_is_annotated_in_the_object(desk: Any) -> None:
    """An earlier accept said gland where the new run says background: the object is both."""
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[40:45, 60:63] = 1
    label[36:40, 60:63] = 1
    desk.project.write_label("tile_03", label, LabelSource.ACCEPTED_PREDICTION, run_id=RUN, region="component")
    desk.show("tile_03")
    desk.selection.select([RIGHT])
    assert desk.edits.accept()
    assert (desk.label[label == 1] == 1).all()


def test_rejecting_puts_the_object_aside_and_undo_clears_that(desk: Any) -> None:
    desk.selection.select([LOW])
    slot(desk.view.reject_clicked)()
    ids, _confidence = glands()
    assert desk.context.session.rejected_pixels("tile_01") == area_at(ids, LOW)
    assert desk.selection.refresh().at(LOW) is None
    assert desk.words == ""
    assert desk.said.startswith(f"Rejected 1 object (gland), {area_at(ids, LOW)} px:")
    desk.undo.undo()
    assert desk.context.session.rejected_pixels("tile_01") == 0
    assert desk.selection.refresh().at(LOW) is not None


def test_deleting_leaves_unannotated_what_was_annotated_and_nothing_else(desk: Any) -> None:
    desk.selection.select([LEFT])
    slot(desk.view.delete_clicked)()
    assert desk.said == "Nothing to delete: it is not annotated. Reject it instead."
    label = np.zeros((96, 96), np.uint8)
    label[disk((80, 80), 8)] = 1
    desk.context.session.label.replace(label)
    desk.undo.catch_up()
    desk.selection.select([(80, 80)])
    slot(desk.view.reject_clicked)()
    assert desk.said == "Nothing to reject: it is annotated. Delete it instead."
    slot(desk.view.delete_clicked)()
    np.testing.assert_array_equal(desk.label == UNLABELED, label == 1)
    assert desk.said == f"Deleted 1 object (gland), {int((label == 1).sum())} px: unannotated now."
    assert desk.words == ""
    desk.undo.undo()
    np.testing.assert_array_equal(desk.label, label)


@pytest.mark.nightly
def test_deleting_says_that_the_prediction_still_shows_the_object(desk: Any) -> None:
    desk.selection.select([LEFT])
    slot(desk.view.accept_clicked)()
    slot(desk.view.delete_clicked)()
    assert desk.said.endswith("The prediction shows it still: reject that too if it is wrong.")
    assert "confidence" in desk.words  # still selected, to be rejected


def test_merging_makes_one_object_of_two_and_undo_two_of_it(desk: Any) -> None:
    desk.selection.select([LEFT, RIGHT])
    slot(desk.view.merge_clicked)()
    merged = np.where(desk.label == UNLABELED, glands()[0], desk.label)
    numbers = connected(merged == 1, connectivity=1)
    assert numbers.max() == 2
    assert numbers[LEFT] == numbers[RIGHT] != numbers[LOW]
    gap = int((desk.label == 1).sum())
    assert desk.said == f"Merged 2 objects (gland): {gap} px between them belong to it now."
    assert (glands()[0][desk.label == 1] == 0).all()  # only what lies between is annotated
    (one,) = desk.selection.chosen
    assert one.area_px == area_at(merged, LEFT)
    desk.undo.undo()
    assert (desk.label == UNLABELED).all()
    assert len(desk.selection.refresh().objects) == 3


def test_one_object_is_merged_with_the_nearest_by_keys_alone(desk: Any) -> None:
    desk.selection.select([LEFT])
    slot(desk.view.merge_clicked)()
    assert (desk.label == UNLABELED).all()
    assert desk.said.startswith("The nearest object of its class is selected too.")
    assert {each.number for each in desk.selection.chosen} == {
        desk.selection.map.at(LEFT).number,
        desk.selection.map.at(RIGHT).number,
    }
    slot(desk.view.merge_clicked)()
    assert desk.said.startswith("Merged 2 objects (gland)")


@pytest.mark.nightly
def test_a_merge_that_replaces_annotations_says_how_many(desk: Any) -> None:
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[:, 40:44] = 0
    desk.context.session.label.replace(label)
    desk.undo.catch_up()
    desk.selection.select([LEFT, RIGHT])
    slot(desk.view.merge_clicked)()
    replaced = int(((label == 0) & (desk.label == 1)).sum())
    assert replaced > 0
    assert desk.said.endswith(f"{replaced} annotated pixels of another class were replaced.")


@pytest.mark.nightly
def test_objects_of_two_classes_are_not_merged(desk: Any) -> None:
    stroma = desk.project.add_class("stroma")
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[80:90, 80:90] = stroma.id
    desk.context.session.model.classes_changed_outside()
    desk.context.session.label.replace(label)
    desk.selection.select([LEFT, (85, 85)])
    slot(desk.view.merge_clicked)()
    assert desk.said == "Objects of one class can be merged; these are of several."
    np.testing.assert_array_equal(desk.label, label)


def test_a_line_splits_the_object_that_it_crosses_with_background(desk: Any) -> None:
    line = np.array([[LOW[0] - 30.0, LOW[1]], [95.0, LOW[1]]])
    slot(desk.view.select_toggled)(True)
    desk.split.split(line)
    merged = np.where(desk.label == UNLABELED, glands()[0], desk.label)
    assert connected(merged == 1, connectivity=2).max() == 4
    cut = desk.label != UNLABELED
    assert (desk.label[cut] == 0).all()
    assert (glands()[0][cut] == 1).all()  # no more than the object is cut
    assert cut.sum() == (glands()[0][:, LOW[1]][40:] == 1).sum()
    sizes = sorted(area_at(merged, (LOW[0], LOW[1] + side)) for side in (-3, 3))
    assert {each.area_px for each in desk.selection.chosen} == set(sizes)
    assert desk.said == f"Split 1 object into 2: {sizes[0]} px, {sizes[1]} px. The cut is background."
    desk.undo.undo()
    assert (desk.label == UNLABELED).all()


@pytest.mark.nightly
def test_a_line_that_parts_nothing_changes_nothing(desk: Any) -> None:
    desk.split.split(np.array([[10.0, 10.0], LEFT]))
    assert (desk.label == UNLABELED).all()
    assert desk.said.startswith("Nothing is split")
    desk.selection.select([LEFT])
    desk.split.split(np.array([[LOW[0], 0.0], [LOW[0], 95.0]]))  # through another than the selected one
    assert desk.said.startswith("Nothing is split")


def test_an_object_is_split_at_its_waist_without_a_line(desk: Any) -> None:
    desk.selection.select([LEFT, RIGHT])
    desk.edits.merge()
    desk.selection.select([LEFT])
    desk.split.split_at_waist()
    columns = np.nonzero(desk.label == 0)[1]
    assert LEFT[1] + 9 <= columns.min() <= columns.max() <= RIGHT[1] - 11
    merged = np.where(desk.label == UNLABELED, glands()[0], desk.label)
    assert connected(merged == 1, connectivity=2).max() == 3
    assert desk.said.startswith("Split 1 object into 2: ")


@pytest.mark.nightly
def test_without_a_waist_or_a_selection_nothing_is_split(desk: Any) -> None:
    desk.split.split_at_waist()
    assert desk.said == desk.selection.why_none() != ""
    desk.selection.select([LOW])
    desk.split.split_at_waist()
    assert desk.said == "Nothing is split: there is no waist. Draw a line through it instead."
    assert (desk.label == UNLABELED).all()


def test_the_review_goes_from_the_least_certain_object_to_the_next_tile(desk: Any, qtbot: Any) -> None:
    """Three objects on tile 1 and three on tile 3."""

    def is_said(words: str) -> Callable[[], bool]:
        return lambda: desk.left == words

    by_confidence = (RIGHT, LOW, LEFT)
    slot(desk.view.next_clicked)()
    for left, centre in zip((3, 2, 1), by_confidence, strict=True):
        (one,) = desk.selection.chosen
        assert one.number == desk.selection.map.at(centre).number
        here = f"{left} object{'s' * (left > 1)} left on this tile"
        assert desk.left.startswith(here)
        qtbot.waitUntil(is_said(f"{here}, 3 on 1 other tile"))
        slot(desk.view.accept_clicked)()
    assert desk.context.session.tile == "tile_03"  # tile 2 has no gland
    assert desk.left == "3 objects left on this tile, none on other tiles"
    slot(desk.view.reject_clicked)()
    slot(desk.view.next_clicked)()  # skips
    slot(desk.view.accept_clicked)()
    assert desk.left == "All objects are reviewed but 1 skipped one, which the next review begins with."
    assert desk.context.session.tile == "tile_03"
    slot(desk.view.next_clicked)()
    (one,) = desk.selection.chosen
    assert one.number == desk.selection.map.at(LOW).number
    slot(desk.view.accept_clicked)()
    assert desk.left == "No object is left to review."
    labels = {name: desk.labels.load(name) for name in ("tile_01", "tile_03")}
    np.testing.assert_array_equal(labels["tile_01"] == 1, glands()[0] == 1)
    assert labels["tile_03"][RIGHT] == UNLABELED


@pytest.mark.nightly
def test_the_view_goes_to_the_object_and_keeps_its_zoom_where_it_fits(desk: Any) -> None:
    camera = desk.context.viewer.scene.camera
    camera.zoom = 6.0
    slot(desk.view.next_clicked)()
    assert camera.zoom == 6.0
    np.testing.assert_allclose(camera.center[-2:], RIGHT, atol=0.5)
    camera.zoom = 400.0
    slot(desk.view.next_clicked)()
    height, width = np.asarray(desk.context.viewer.canvas.size)
    side = np.ptp(np.nonzero(connected(glands()[0] == 1, connectivity=1)[:, : LOW[1] + 30][50:])[0]) + 1
    assert side * camera.zoom <= min(height, width)
    assert side * camera.zoom > 0.5 * min(height, width)


def test_other_ways_to_use_the_mouse_end_this_one(desk: Any) -> None:
    slot(desk.view.select_toggled)(True)
    assert desk.selection.pointing
    desk.correction.areas.draw(True)
    assert not desk.selection.pointing
    slot(desk.view.select_toggled)(True)
    assert desk.selection.pointing
    assert not desk.correction.areas.drawing
    desk.context.layers.labels.mode = "paint"
    assert not desk.selection.pointing
    slot(desk.view.split_toggled)(True)
    assert desk.split.drawing
    desk.correction.areas.toggle_drawing()
    assert not desk.split.drawing


def test_nothing_is_changed_in_a_window_that_only_looks(desk: Any) -> None:
    desk.project.write_label("tile_02", np.eye(96, dtype=np.uint8), LabelSource.PAINTED)
    desk.show("tile_02")
    desk.selection.select([(5, 5)])
    assert desk.selection.chosen
    desk.project.read_only = True
    slot(desk.view.delete_clicked)()
    assert "only look" in desk.said
    assert desk.label[5, 5] == 1


def test_what_can_be_done_is_told_with_reasons(desk: Any) -> None:
    assert desk.view.set_available.call_args.args[2].startswith("Select an object first")
    desk.selection.select([LEFT])
    assert desk.view.set_available.call_args == call("", "", "", "")


# --- strokes that join ------------------------------------------------------------------------------------------------


@pytest.fixture
def watch(desk: Any, qtbot: Any) -> Any:
    """Paints a box with a class, waits until the stroke is looked at, and returns what is said of it."""
    joins, info = JoinWatch(desk.context, desk.correction), desk.context.reporter.info

    def paint(rows: slice, columns: slice, class_id: int) -> str:
        info.reset_mock()
        layer = desk.context.layers.labels
        where = np.zeros(layer.data.shape, bool)
        where[rows, columns] = True
        layer.data_setitem(np.nonzero(where), layer_value(class_id))
        desk.undo.catch_up()
        settled()
        return str(info.call_args.args[0]) if info.called else ""

    def settled() -> None:
        qtbot.waitUntil(lambda: not joins.busy, timeout=30_000)

    paint.settled = settled  # type: ignore[attr-defined]
    return paint


def test_a_stroke_that_joins_objects_is_told_and_another_is_not(desk: Any, watch: Any) -> None:
    assert watch(slice(24, 27), slice(20, 37), 1) == ""  # beyond the border of one object
    assert watch(slice(24, 27), slice(36, 43), 0) == ""  # background between them
    said = watch(slice(20, 23), slice(30, 60), 1)
    assert said == "This joins 2 objects that were separate. Undo it, or split them."
    assert watch(slice(20, 23), slice(30, 60), 1) == ""  # they are one already
    assert watch(slice(22, 70), slice(44, 46), 1).startswith("This joins 2 objects")


@pytest.mark.nightly
def test_neither_a_merge_nor_an_undo_is_told_as_a_join(desk: Any, watch: Any, qtbot: Any) -> None:
    info = desk.context.reporter.info
    desk.selection.select([LEFT, RIGHT])
    desk.edits.merge()
    watch.settled()
    info.assert_not_called()
    desk.undo.undo()
    assert watch(slice(20, 23), slice(30, 60), 1) != ""
    info.reset_mock()
    assert watch(slice(90, 92), slice(0, 5), 1) == ""
    desk.undo.undo()  # the join is the newest step once more
    watch.settled()
    info.assert_not_called()


@pytest.fixture
def numbered_desk(desk: Any, tmp_path: Path) -> Any:
    """The desk with a tile whose mask numbers objects: two touch, the third lies 4 px beside, all at rows 10 to 19."""
    numbers = np.zeros((96, 96), np.uint16)
    numbers[10:20, 10:20], numbers[10:20, 20:30], numbers[10:20, 34:44] = 301, 302, 303
    (tmp_path / "masks").mkdir()
    tifffile.imwrite(tmp_path / "masks" / "tile_04.tif", numbers)
    given = FileAnswers(mask=Answers(mask_holds="numbered_objects"))
    images, masks = [tmp_path / "images" / "tile_04.png"], tmp_path / "masks"
    classes = make_classes(("background", "gland"))
    desk.project = Project.create(tmp_path / "numbered", images, classes=classes, masks=masks, answers=given)
    desk.labels.release()
    desk.context.session.set_project(desk.project)
    desk.show("tile_04")
    return desk


def areas(desk: Any) -> list[int]:
    """Of the objects of the tile on screen, in pixels."""
    return sorted(each.area_px for each in desk.selection.refresh().objects.values())


def test_numbered_objects_are_not_joined_by_a_stroke(numbered_desk: Any, watch: Any) -> None:
    """They came apart with an imported mask, and stay apart where they touch."""
    assert areas(numbered_desk) == [100, 100, 100]
    assert watch(slice(12, 14), slice(15, 25), 1) == ""
    assert areas(numbered_desk) == [100, 100, 100]


def test_numbered_objects_are_merged_undone_and_redone(numbered_desk: Any, tmp_path: Path) -> None:
    desk = numbered_desk
    before = desk.context.session.label.ids()
    desk.selection.select([(15, 15), (15, 25)])
    desk.edits.merge()
    assert desk.said == "Merged 2 objects (gland)."
    assert areas(desk) == [100, 200]
    np.testing.assert_array_equal(desk.context.session.label.ids(), before)
    desk.selection.select([(15, 15), (15, 38)])
    desk.edits.merge()
    label = desk.context.session.label.ids()
    assert (label[10:20, 30:34] == 1).all(), "what lies between"
    painted = int(np.count_nonzero(label != before))
    assert f"Merged 2 objects (gland): {painted} px between them" in desk.said
    assert areas(desk) == [300 + painted]
    desk.labels.flush()
    (exported,) = export_objects(Project(desk.project.path), tmp_path / "out")
    assert exported.area_px == 300 + painted
    for expected in ([100, 200], [100, 100, 100]):
        desk.undo.undo()
        assert areas(desk) == expected
    np.testing.assert_array_equal(desk.context.session.label.ids(), before)
    desk.undo.redo()
    assert areas(desk) == [100, 200]


def test_what_is_painted_between_merged_objects_belongs_to_them(numbered_desk: Any, watch: Any) -> None:
    desk = numbered_desk
    desk.selection.select([(15, 15), (15, 25)])
    desk.edits.merge()
    assert watch(slice(20, 22), slice(10, 30), 1) == ""  # below both
    assert areas(desk) == [100, 240]
    assert watch(slice(8, 10), slice(36, 40), 1) == ""  # above the third, which was not merged with anything
    assert areas(desk) == [8, 100, 240]
    desk.selection.select([(9, 37), (15, 38)])
    desk.edits.merge()
    assert areas(desk) == [108, 240]


# --- in a window ------------------------------------------------------------------------------------------------------


def click_tile(viewer: Any, place: tuple[float, float], *, shift: bool = False) -> None:
    canvas, camera = viewer.window._qt_viewer.canvas.native, viewer.scene.camera
    y = canvas.height() / 2 + (place[0] - camera.center[-2]) * camera.zoom
    x = canvas.width() / 2 + (place[1] - camera.center[-1]) * camera.zoom
    held = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    QTest.mouseMove(canvas, QPoint(round(x), round(y)))
    QTest.qWait(50)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, held, QPoint(round(x), round(y)))
    QTest.qWait(50)


@pytest.mark.binding
def test_clicks_select_and_keys_accept_merge_and_split(window: Any, gland_project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(gland_project.path)
    view, alt = driver.panel.objects, Qt.KeyboardModifier.AltModifier
    ids, _confidence = glands()
    with driver.watching():
        driver.press(Qt.Key.Key_J, alt)
        assert view.select_button.isChecked()
        click_tile(viewer, LEFT)
        assert view.words.text().startswith(f"gland · {area_at(ids, LEFT)} px · confidence")
        driver.press(Qt.Key.Key_Y)
        assert int((driver.label() == 1).sum()) == area_at(ids, LEFT)
        click_tile(viewer, RIGHT, shift=True)
        assert view.words.text().startswith("2 objects (gland)")
        click_tile(viewer, LEFT, shift=True)
        assert view.words.text().startswith(f"gland · {area_at(ids, RIGHT)} px")
        driver.press(Qt.Key.Key_G)
        driver.press(Qt.Key.Key_G)
        assert driver.panel.correct.hint.text().startswith("Merged 2 objects")
        driver.press(Qt.Key.Key_Delete, Qt.KeyboardModifier.ShiftModifier)
        assert (driver.label() == UNLABELED).all()
        driver.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert (driver.label() == 1).any()
        click_tile(viewer, LOW)
        before = driver.label()
        driver.press(Qt.Key.Key_K)
        assert view.split_button.isChecked()
        click_tile(viewer, (LOW[0] - 20, LOW[1]))
        click_tile(viewer, (LOW[0] + 20, LOW[1]))
        driver.press(Qt.Key.Key_Return)
        driver.wait(lambda: driver.panel.correct.hint.text().startswith("Split 1 object into 2"), "the split")
        assert not view.split_button.isChecked()
        assert (driver.label()[driver.label() != before] == 0).all()
        driver.press(Qt.Key.Key_Return)  # with objects selected it accepts these alone
        assert (driver.label()[:5] == UNLABELED).all()
        assert driver.label()[LOW[0], LOW[1] + 5] == 1
        driver.press(Qt.Key.Key_Escape)
        assert not view.select_button.isChecked()
        assert view.words.text() == ""
        driver.press(Qt.Key.Key_J, alt)
        click_tile(viewer, LEFT)  # merged with the other one above
        driver.press(Qt.Key.Key_K)
        driver.press(Qt.Key.Key_Return)  # no line is begun
        assert driver.panel.correct.hint.text().startswith("Split 1 object into 2")


@pytest.mark.nightly
@pytest.mark.binding
def test_a_double_click_ends_the_line(window: Any, gland_project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(gland_project.path)
    with driver.watching():
        driver.click(driver.panel.objects.split_button)
        click_tile(viewer, (LOW[0], LOW[1] - 20))
        canvas, camera = viewer.window._qt_viewer.canvas.native, viewer.scene.camera
        end = QPoint(
            round(canvas.width() / 2 + (LOW[1] + 20 - camera.center[-1]) * camera.zoom),
            round(canvas.height() / 2 + (LOW[0] - camera.center[-2]) * camera.zoom),
        )
        QTest.mouseMove(canvas, end)
        QTest.qWait(50)
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=end)
        QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=end)
        driver.wait(lambda: driver.panel.correct.hint.text().startswith("Split 1 object into 2"), "the split")
    cut = driver.label() == 0
    assert cut.sum() == (glands()[0][LOW[0]] == 1).sum()


@pytest.mark.nightly
def test_the_review_is_worked_by_keys_alone(window: Any, gland_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(gland_project.path)
    view = driver.panel.objects
    notes = driver.panel.controller.context.notes
    with driver.watching():
        driver.press(Qt.Key.Key_J)
        driver.wait(lambda: view.left.text() == "3 objects left on this tile, 3 on 1 other tile", "the count")
        assert "3 objects left on this tile" in notes.text
        assert "Y accept, N reject, J next" in notes.text
        for key in (Qt.Key.Key_Y, Qt.Key.Key_N, Qt.Key.Key_J):
            driver.press(key)
        assert driver.session.tile == "tile_03"
        driver.press(Qt.Key.Key_Escape)
        assert "object" not in notes.text
        driver.press(Qt.Key.Key_Y)  # nothing is selected: nothing is accepted
        assert (driver.label() == UNLABELED).all()
