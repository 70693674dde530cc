"""The form for a new project and the table of pixel sizes, without a window: against the contracts of their views."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest
import tifffile
from qtpy.QtCore import QObject

from napari_unisemalign.tiles.contracts import PixelSizesSurface
from napari_unisemalign.tiles.new_project.contracts import Field, NewProjectSurface
from napari_unisemalign.tiles.new_project.form import NewProjectForm
from napari_unisemalign.tiles.pixel_sizes import PixelSizes, SizesOfProject
from tests.napari_unisemalign.conftest import tissue
from tests.napari_unisemalign.without_window import slot
from training_core.io import write_png
from training_core.io.slides import SlideOptions
from training_core.project import Project, make_classes


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """One image that states 0.5 µm/px, and one that states nothing."""
    folder = tmp_path / "files"
    folder.mkdir()
    size = {"resolution": (2e4, 2e4), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(folder / "a.tif", tissue(1)[0], photometric="rgb", metadata=None, **size)
    write_png(folder / "b.png", tissue(2)[0])
    return folder


def test_the_table_of_sizes_says_what_was_changed_and_what_is_no_size(files: Path, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "made", [files], classes=make_classes(("background", "gland")))
    view = create_autospec(PixelSizesSurface, instance=True)
    view.chosen.return_value = ["b"]
    PixelSizes(view, SizesOfProject(project))
    view.allow_unknown.assert_called_once_with(True)

    def used() -> dict[str, str]:
        return {row.name: row.used for row in view.set_rows.call_args.args[0]}

    assert used() == {"a": "0.5 µm/px", "b": "not known"}
    slot(view.set_clicked)("a half")
    assert view.say.call_args.kwargs == {"is_error": True}
    assert "a half" in view.say.call_args.args[0]
    slot(view.set_clicked)("0,25")
    assert used() == {"a": "0.5 µm/px", "b": "0.25 µm/px"}
    assert view.say.call_args.args == ("Changed: 1 tile or file.",)
    assert Project.open(project.path).tile("b").mpp_um == 0.25
    view.chosen.return_value = ["a"]
    slot(view.unknown_clicked)()
    assert used()["a"] == "not known"
    slot(view.restore_clicked)()
    assert used()["a"] == "0.5 µm/px"


@pytest.fixture
def view(qapp: Any, tmp_path: Path) -> Any:
    """A form in which nothing is filled in but the classes and the folder."""
    view = create_autospec(NewProjectSurface, instance=True)
    view.owner = QObject()
    view.images.return_value, view.masks.return_value, view.folder.return_value = (), None, tmp_path / "new"
    view.class_names.return_value, view.mask_values.return_value = ("background", "gland"), ()
    view.typed_pixel_size.return_value, view.typed_cases.return_value = "", ""
    view.validation_percent.return_value, view.validation_list.return_value = 0, None
    view.slide_options.return_value = SlideOptions()
    return view


def said(view: Any, field: Field) -> str:
    """What stands below a field now."""
    return str([each.args[1] for each in view.say.call_args_list if each.args[0] is field][-1])


def ready(view: Any) -> str:
    """Why no project can be made; empty where one can."""
    return str(view.set_ready.call_args.args[0])


def test_the_form_says_what_is_missing_until_it_has_all_and_hands_it_over(
    view: Any, files: Path, tmp_path: Path, qtbot: Any
) -> None:
    form = NewProjectForm(view)
    assert ready(view) == "Choose images that can be read."
    view.images.return_value = (files,)
    slot(view.images_changed)()
    assert ready(view) == "The files are still being looked at."
    qtbot.waitUntil(lambda: form.is_complete and not ready(view))
    view.typed_pixel_size.return_value = "0.2 or so"
    slot(view.changed)()
    assert "0.2 or so" in said(view, Field.PIXEL_SIZE)
    assert ready(view) == said(view, Field.PIXEL_SIZE)
    view.typed_pixel_size.return_value = "0.25"
    view.folder.return_value = files  # not empty
    slot(view.changed)()
    assert said(view, Field.PIXEL_SIZE) == ""
    assert "not empty" in said(view, Field.FOLDER)
    view.folder.return_value = tmp_path / "new"
    slot(view.changed)()
    assert ready(view) == ""
    value = form.value()
    assert sorted(path.name for path in value.images) == ["a.tif", "b.png"]
    assert (value.mpp_um, value.folder, [each.name for each in value.classes]) == (
        0.25,
        tmp_path / "new",
        ["background", "gland"],
    )


def test_a_size_of_one_file_counts_for_it_alone_and_until_other_files_are_named(
    view: Any, files: Path, qtbot: Any
) -> None:
    view.images.return_value = (files,)
    form = NewProjectForm(view, [files])
    view.set_images.assert_called_once_with([files])
    slot(view.images_changed)()
    qtbot.waitUntil(lambda: form.is_complete and not ready(view))

    def correct(work: Any) -> None:
        table = create_autospec(PixelSizesSurface, instance=True)
        table.chosen.return_value = ["b"]
        work(table)
        table.allow_unknown.assert_called_once_with(False)
        slot(table.set_clicked)("1")

    view.ask_sizes.side_effect = correct
    slot(view.sizes_clicked)()
    assert form.value().pixel_sizes == {"b": 1.0}
    view.images.return_value = (files / "a.tif",)
    slot(view.images_changed)()
    qtbot.waitUntil(lambda: form.is_complete and not ready(view))
    assert form.value().pixel_sizes == {}


def test_more_images_of_a_project_need_no_folder_and_those_that_it_has_are_said(
    view: Any, files: Path, tmp_path: Path, qtbot: Any
) -> None:
    project = Project.create(tmp_path / "made", [files], classes=make_classes(("background", "gland")))
    view.folder.return_value, view.images.return_value = None, (files,)
    form = NewProjectForm(view, project=project)
    view.offer_classes.assert_called_once_with(["background", "gland"])
    slot(view.images_changed)()
    qtbot.waitUntil(lambda: form.is_complete)
    assert ready(view) == "The project has all of these images already."
