"""The controllers of the results, without a window: against the contracts of their views."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any
from unittest.mock import call, create_autospec

import numpy as np
import pytest
from PIL import Image

from napari_unisemalign.results.areas_table import AreasController
from napari_unisemalign.results.contracts import AreasSurface, CleaningChoice, ExportSurface
from napari_unisemalign.results.export import ExportController
from napari_unisemalign.tiles.tiles import TilesController
from tests.napari_unisemalign.without_window import bare_context, bare_labels, slot
from tests.training_core.export.test_geojson import slide_project
from training_core.class_maps.clean_up import CleanUp
from training_core.io import read_mask
from training_core.project import LabelSource, Project
from training_core.project.slide_places import Spot, add_tile


@pytest.fixture
def context() -> Any:
    return bare_context()


@pytest.fixture
def labels() -> Any:
    return bare_labels()


# --- export ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def export_view(tmp_path: Path) -> Any:
    view = create_autospec(ExportSurface, instance=True)
    view.content, view.format, view.folder = "labels", "png", str(tmp_path / "masks")
    view.values = "ids"
    return view


@pytest.fixture
def exporting(context: Any, export_view: Any, labels: Any) -> ExportController:
    cleaning = create_autospec(CleaningChoice, instance=True)
    cleaning.value = CleanUp()
    return ExportController(context, export_view, cleaning, labels)


def test_an_export_writes_the_masks_and_says_what_it_left_out(
    context: Any, exporting: Any, export_view: Any, project: Project, truths: dict[str, np.ndarray], tmp_path: Path
) -> None:
    assert export_view.set_available.call_args == call("Open a project to export its masks.")
    for name in ("tile_01", "tile_03"):
        project.write_label(name, truths[name], LabelSource.PAINTED)
    context.session.set_project(project)
    assert export_view.set_folder.call_args == call(str(project.path / "export"))
    assert export_view.set_available.call_args == call("")
    export_view.set_available.reset_mock()
    slot(export_view.export_clicked)()
    folder = tmp_path / "masks"
    np.testing.assert_array_equal(read_mask(folder / "tile_03.png"), truths["tile_03"])
    assert sorted(path.name for path in folder.glob("*.png")) == ["tile_01.png", "tile_03.png"]
    assert export_view.set_available.call_args_list[0] == call("Masks are being written.")
    assert export_view.set_available.call_args == call("")
    said = export_view.set_hint.call_args.args[0]
    assert said.startswith(f"Wrote 2 masks and the list of classes to {folder}.")
    assert said.endswith("2 of 4 tiles are left out: they have no annotation.")


def test_tiles_that_overlap_on_their_slide_are_told(
    context: Any, exporting: Any, export_view: Any, tmp_path: Path
) -> None:
    project = slide_project(tmp_path)
    first = project.tiles[0]
    corner = Spot.of(first)
    name = add_tile(project, first.name, dataclasses.replace(corner, x_px=corner.x_px + 40, width_px=40, height_px=40))
    for each, side_px in ((first.name, first.width_px), (name, 40)):
        project.write_label(each, np.zeros((side_px, side_px), np.uint8), LabelSource.PAINTED)
    context.session.set_project(project)
    export_view.format = "geojson"
    slot(export_view.export_clicked)()
    said = export_view.set_hint.call_args.args[0]
    assert "2 tiles overlap another of their slide; objects there are written once for each." in said


@pytest.mark.parametrize(
    ("file_format", "said", "names"),
    [
        ("geojson", "Wrote 2 files of objects and", {"tile_01.geojson", "tile_03.geojson"}),
        ("coco", "Wrote 1 file of objects and", {"annotations.coco.json"}),
        ("overlay", "Wrote 2 overlays and", {"tile_01.overlay.jpg", "tile_03.overlay.jpg"}),
        ("ome-tiff", "Wrote 2 masks and", {"tile_01.ome.tiff", "tile_03.ome.tiff"}),
        ("ome-zarr", "Wrote 2 masks and", {"tile_01.ome.zarr", "tile_03.ome.zarr"}),
    ],
)
def test_what_is_written_is_called_what_it_is(
    context: Any,
    exporting: Any,
    export_view: Any,
    project: Project,
    truths: dict[str, np.ndarray],
    tmp_path: Path,
    file_format: str,
    said: str,
    names: set[str],
) -> None:
    for name in ("tile_01", "tile_03"):
        project.write_label(name, truths[name], LabelSource.PAINTED)
    context.session.set_project(project)
    export_view.format = file_format
    slot(export_view.export_clicked)()
    assert {path.name for path in (tmp_path / "masks").iterdir()} == {*names, "classes.json"}
    assert export_view.set_hint.call_args.args[0].startswith(said)


def test_masks_hold_the_values_that_are_chosen_and_so_does_the_copied_command(
    context: Any, exporting: Any, export_view: Any, project: Project, truths: dict[str, np.ndarray], tmp_path: Path
) -> None:
    project.write_label("tile_01", truths["tile_01"], LabelSource.PAINTED)
    context.session.set_project(project)
    export_view.values = "numbers"
    slot(export_view.export_clicked)()
    numbers = np.zeros(256, np.uint8)
    numbers[[each.id for each in project.classes]] = np.arange(1, len(project.classes) + 1)
    np.testing.assert_array_equal(read_mask(tmp_path / "masks" / "tile_01.png"), numbers[truths["tile_01"]])
    slot(export_view.copy_clicked)()
    assert " --values numbers" in export_view.copy.call_args.args[0]
    assert export_view.set_values_available.call_args == call("")
    export_view.format = "geojson"  # which has no values
    slot(export_view.format_changed)()
    assert export_view.set_values_available.call_args == call("Files of this format have no values.")
    slot(export_view.export_clicked)()
    assert (tmp_path / "masks" / "tile_01.geojson").exists()
    slot(export_view.copy_clicked)()
    assert "--values" not in export_view.copy.call_args.args[0]


def test_strokes_that_cannot_be_saved_keep_an_export_from_starting(
    context: Any, exporting: Any, export_view: Any, labels: Any, project: Project, tmp_path: Path
) -> None:
    context.session.set_project(project)
    labels.flush.return_value = False
    slot(export_view.export_clicked)()
    context.background.run.assert_not_called()
    assert not (tmp_path / "masks").exists()


def test_an_export_that_fails_is_reported_and_can_be_tried_again(
    context: Any, exporting: Any, export_view: Any, project: Project, truths: dict[str, np.ndarray], tmp_path: Path
) -> None:
    project.write_label("tile_01", truths["tile_01"], LabelSource.PAINTED)
    context.session.set_project(project)
    (tmp_path / "masks").write_text("a file where the folder should be")
    slot(export_view.export_clicked)()
    (error,) = context.reporter.error.call_args.args
    assert "masks" in str(error)
    assert export_view.set_available.call_args == call("")
    assert "Wrote" not in export_view.set_hint.call_args.args[0]


def test_a_folder_that_was_chosen_is_shown_and_none_changes_nothing(
    context: Any, exporting: Any, export_view: Any, tmp_path: Path
) -> None:
    export_view.set_folder.reset_mock()
    context.dialogs.export_folder.return_value = None
    slot(export_view.browse_clicked)()
    export_view.set_folder.assert_not_called()
    context.dialogs.export_folder.return_value = tmp_path / "elsewhere"
    slot(export_view.browse_clicked)()
    export_view.set_folder.assert_called_once_with(str(tmp_path / "elsewhere"))


# --- areas ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def areas_view() -> Any:
    return create_autospec(AreasSurface, instance=True)


@pytest.fixture
def measuring(context: Any, areas_view: Any, labels: Any) -> AreasController:
    return AreasController(context, areas_view, labels, create_autospec(TilesController, instance=True))


def test_areas_are_measured_outdated_by_a_change_and_forgotten_with_the_project(
    context: Any, measuring: Any, areas_view: Any, project: Project, truths: dict[str, np.ndarray]
) -> None:
    for name in ("tile_01", "tile_02"):
        project.write_label(name, truths[name], LabelSource.PAINTED)
    session = context.session
    session.set_project(project)
    session.model.tiles_changed_outside()
    areas_view.set_outdated.assert_not_called()  # there are no numbers
    slot(areas_view.wanted)()
    areas, classes, hint = areas_view.set_areas.call_args.args
    assert [each.name for each in areas] == ["tile_01", "tile_02"]
    assert areas[0].pixels[1] == int((truths["tile_01"] == 1).sum())
    assert [each.name for each in classes] == ["background", "gland"]
    assert hint.startswith("2 tiles are left out: neither annotated nor predicted.")
    session.model.tiles_changed_outside()
    areas_view.set_outdated.assert_called_once_with()
    session.set_project(None)
    assert areas_view.set_areas.call_args == call((), (), "")
    assert areas_view.set_available.call_args == call("Open a project first.")


def test_a_table_is_written_where_the_user_says(
    context: Any, measuring: Any, areas_view: Any, project: Project, truths: dict[str, np.ndarray], tmp_path: Path
) -> None:
    project.write_label("tile_01", truths["tile_01"], LabelSource.PAINTED)
    context.session.set_project(project)
    slot(areas_view.save_clicked)()
    context.dialogs.table_file.assert_not_called()  # nothing is measured
    slot(areas_view.wanted)()
    context.dialogs.table_file.return_value = tmp_path / "areas.csv"
    slot(areas_view.save_clicked)()
    lines = (tmp_path / "areas.csv").read_text().splitlines()
    assert any(line.startswith("tile_01,") for line in lines)
    context.reporter.info.assert_called_once()


def test_objects_are_written_with_their_plot_and_what_is_cut_or_missing_is_said(
    context: Any, measuring: Any, areas_view: Any, project: Project, tmp_path: Path
) -> None:
    ids = np.zeros((96, 96), np.uint8)
    ids[10:20, 10:20] = ids[40:60, 40:60] = ids[80:, 80:] = 1  # the last one touches the edge
    project.write_label("tile_01", ids, LabelSource.PAINTED)
    context.session.set_project(project)
    context.dialogs.export_folder.return_value = None
    slot(areas_view.objects_clicked)()
    context.background.run.assert_not_called()
    context.dialogs.export_folder.return_value = tmp_path / "objects"
    slot(areas_view.objects_clicked)()
    with (tmp_path / "objects" / "objects.csv").open(encoding="utf-8-sig") as file:
        assert sorted(int(row["area_px"]) for row in csv.DictReader(file)) == [100, 256, 400]
    with Image.open(tmp_path / "objects" / "objects.png") as plot:
        assert plot.width > 1000
    said = context.reporter.info.call_args.args[0]
    assert said.startswith(f"Measured 3 objects, see {tmp_path / 'objects'}.")
    assert "3 tiles are left out" in said
    assert "1 object touches the edge of its tile" in said
    assert areas_view.set_available.call_args_list[-2:] == [call("The objects are being measured."), call("")]
