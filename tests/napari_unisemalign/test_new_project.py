"""The form for a new project: what it finds in images, slides and masks, what it says of bad input, what it makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QTimer

from napari_unisemalign.app.layer_values import TILE
from napari_unisemalign.tiles.new_project.form import NewProjectForm
from napari_unisemalign.tiles.new_project.form_view import NewProjectDialog
from napari_unisemalign.tiles.new_project.mask_values_view import CLASS
from tests.cases.ome_zarr_images import RGB_CHANNELS, write_ome_zarr
from tests.cases.web_server import serving
from tests.napari_unisemalign.conftest import in_the_form
from training_core.base.addresses import path_or_address
from training_core.io import write_png
from training_core.project import UNLABELED, Project


@pytest.fixture
def images(project: Project) -> Path:
    return project.path / "images"


@pytest.fixture
def masks(project: Project, truths: dict[str, np.ndarray], tmp_path: Path) -> Path:
    """Masks of 0, 128 and 255 for three of the four images."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for name in list(truths)[:3]:
        mask = np.where(truths[name] == 1, 255, 0).astype(np.uint8)
        mask[:10] = 128
        write_png(folder / f"{name}.png", mask)
    return folder


Settle = Callable[[NewProjectForm], None]


@pytest.mark.binding
def test_images_are_counted_and_a_folder_is_proposed_until_one_is_typed(
    form: NewProjectForm, settle: Settle, images: Path, qtbot: Any
) -> None:
    dialog = form.dialog
    assert not dialog.ok_button.isEnabled()
    dialog.set_images([images])
    settle(form)
    assert dialog.images_note.text() == "4 images, the files state no pixel size."
    assert dialog.ok_button.isEnabled()
    assert form.value().folder == images.parent / "images-unisemalign"
    assert [each.name for each in form.value().classes] == ["background", "gland"]
    dialog.folder_edit.clear()
    qtbot.keyClicks(dialog.folder_edit, "/elsewhere/made")
    dialog.set_images([images / "tile_01.png", images / "tile_03.png"])
    settle(form)
    assert dialog.images_note.text().startswith("2 images")
    assert form.value().folder == Path("/elsewhere/made")
    assert form.value().images == (images / "tile_01.png", images / "tile_03.png")


def test_the_values_of_masks_become_classes(form: NewProjectForm, settle: Settle, images: Path, masks: Path) -> None:
    dialog = form.dialog
    dialog.set_images([images])
    dialog.masks_edit.setText(str(masks))
    settle(form)
    assert "3 images have a mask" in dialog.masks_note.text()
    assert not dialog.classes_edit.isVisible()
    table = dialog.values_table
    rows = [[table.item(row, column).text() for column in range(3)] for row in range(3)]
    assert [(value, name) for value, _share, name in rows] == [
        ("0", "background"),
        ("128", "gland"),
        ("255", "class 2"),
    ]
    table.item(1, CLASS).setText("")
    table.item(2, CLASS).setText("gland")
    made = form.value()
    assert [each.name for each in made.classes] == ["background", "gland"]
    assert made.mask_values == {"0": 0, "128": UNLABELED, "255": 1}
    dialog.masks_edit.clear()
    settle(form)
    assert dialog.classes_edit.isVisible()
    assert form.value().masks is None


@pytest.mark.binding
@pytest.mark.parametrize(
    ("field", "text", "note", "said"),
    [
        ("images_edit", "/nowhere", "images_note", "/nowhere"),
        ("masks_edit", "/nowhere", "masks_note", "/nowhere"),
        ("classes_edit", "gland, Gland", "classes_note", "two classes named Gland"),
        ("classes_edit", " , ", "classes_note", "No class is given"),
        ("mpp_edit", "40x", "mpp_note", "The pixel size is “40x”"),
        ("mpp_edit", "250", "mpp_note", "The pixel size is “250”"),
        ("folder_edit", "", "folder_note", "No project folder"),
        ("folder_edit", "/usr", "folder_note", "not empty"),
    ],
)
def test_every_bad_input_has_a_sentence_below_its_field_and_a_good_one_takes_it_away(
    form: NewProjectForm, settle: Settle, images: Path, field: str, text: str, note: str, said: str
) -> None:
    dialog = form.dialog
    dialog.set_images([images])
    settle(form)
    edit = getattr(dialog, field)
    before = edit.text()
    edit.setText(text)
    settle(form)
    assert said in getattr(dialog, note).text()
    assert getattr(dialog, note).isVisible()
    assert not dialog.ok_button.isEnabled()
    assert dialog.ok_button.toolTip()
    edit.setText(before)
    settle(form)
    assert dialog.ok_button.isEnabled()


@pytest.mark.binding
def test_a_comma_is_a_point_in_the_pixel_size(form: NewProjectForm, settle: Settle, images: Path) -> None:
    form.dialog.set_images([images])
    form.dialog.mpp_edit.setText("0,5")
    settle(form)
    assert form.value().mpp_um == 0.5


@pytest.mark.binding
def test_the_button_makes_a_project_with_labels_from_masks(
    real_form: Any, images: Path, masks: Path, truths: Any, tmp_path: Path
) -> None:
    driver = real_form

    def fill(dialog: NewProjectDialog) -> None:
        dialog.set_images([images])
        dialog.masks_edit.setText(str(masks))
        dialog.mpp_edit.setText("0.5")
        dialog.folder_edit.setText(str(tmp_path / "made"))

    with driver.watching():
        in_the_form(fill)
        driver.click(driver.panel.project.new_button)
        driver.wait(lambda: driver.session.project is not None, "the new project")
    project = driver.session.project
    assert [each.name for each in project.classes] == ["background", "gland", "class 2"]
    assert (project.label("tile_02")[:10] == 1).all()
    np.testing.assert_array_equal(project.label("tile_02")[10:], np.where(truths["tile_02"] == 1, 2, 0)[10:])
    assert project.tile("tile_01").mpp_um == 0.5
    assert not project.has_label("tile_04")


def test_a_slide_is_cut_into_tiles_and_making_it_can_be_cancelled(real_form: Any, tmp_path: Path) -> None:
    driver, slide = real_form, tmp_path / "slide.ome.tif"
    pixels = np.random.default_rng(0).integers(120, 200, (1024, 1024, 3), dtype=np.uint8)
    pixels[..., 1] //= 2  # tissue has a color
    with tifffile.TiffWriter(slide) as tiff:
        options = {"photometric": "rgb", "tile": (256, 256), "resolutionunit": "CENTIMETER"}
        tiff.write(pixels, subifds=1, resolution=(2e4, 2e4), **options)
        tiff.write(pixels[::2, ::2], subfiletype=1, resolution=(1e4, 1e4), **options)

    def fill(dialog: NewProjectDialog) -> None:
        dialog.set_images([slide])
        dialog.slides.tile_px_spin.setValue(128)
        dialog.slides.max_tiles_spin.setValue(20)

    with driver.watching():
        in_the_form(fill)
        driver.click(driver.panel.project.new_button)
        assert driver.panel.project.cancel_button.isVisible()
        driver.click(driver.panel.project.cancel_button)
        driver.wait(lambda: driver.panel.project.new_button.isEnabled(), "the end")
        assert driver.session.project is None
        assert not driver.panel.project.cancel_button.isVisible()
        assert sorted(tmp_path.glob("*unisemalign*")) == []

        in_the_form(fill)
        driver.click(driver.panel.project.new_button)
        driver.wait(lambda: driver.session.project is not None, "the new project")
    project = driver.session.project
    assert len(project.tiles) == 20
    assert {(tile.width_px, tile.height_px, tile.mpp_um) for tile in project.tiles} == {(128, 128, 0.5)}
    assert project.path.name == "slide.ome-unisemalign"


@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "tcga-cr-7395-01a-01-ts1.svs"])
def test_a_real_slide_becomes_a_project_by_the_button(
    real_form: Any, shared_dir: Path, tmp_path: Path, name: str
) -> None:
    driver, said = real_form, []

    def fill(dialog: NewProjectDialog) -> None:
        dialog.set_images([shared_dir / "data" / "slides" / name])
        dialog.folder_edit.setText(str(tmp_path / "made"))
        note = dialog.mpp_note

        def look() -> None:
            if "has no pixel size (MPP) in its metadata" in note.text():
                said.append(note.text())
                dialog.mpp_edit.setText("0.25")

        timer = QTimer(dialog)
        timer.timeout.connect(look)
        timer.start(30)

    with driver.watching():
        in_the_form(fill)
        driver.click(driver.panel.project.new_button)
        driver.wait(lambda: driver.session.project is not None, "the new project", 300.0)
    assert bool(said) == name.startswith("tcga")  # the other one says it
    project = driver.session.project
    assert project.tiles
    assert {tile.mpp_um for tile in project.tiles} == {0.5}  # as the form asks, not the slide's own
    shown = np.asarray(driver.layers.get(TILE).data)
    assert shown.shape == (512, 512, 3)
    assert shown.std() > 10  # tissue, not an empty background


def test_an_ome_zarr_image_is_one_slide_in_its_folder_or_on_a_server(
    form: NewProjectForm, settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    dialog = form.dialog
    data = np.random.default_rng(5).integers(40, 200, (3, 600, 600), np.uint8)
    path = write_ome_zarr(tmp_path / "www" / "scan.ome.zarr", [data], omero=RGB_CHANNELS, mpp_um=0.5)
    dialog.set_images([path])
    settle(form)
    assert dialog.images_note.text().startswith("1 slide")
    assert form.value().folder == tmp_path / "www" / "scan.ome-unisemalign"
    with serving(tmp_path / "www") as server:
        dialog.images_edit.setText(f"{server.address}/scan.ome.zarr")
        settle(form)
        assert dialog.images_note.text().startswith("1 slide")
        assert form.value().images == (path_or_address(f"{server.address}/scan.ome.zarr"),)
        assert form.value().folder == Path.home() / "scan.ome-unisemalign"
        dialog.images_edit.setText(server.address.replace("//", "//me:secret@") + "/scan.ome.zarr")
        settle(form)
    assert "a user name or password" in dialog.images_note.text()
    assert "secret" not in dialog.images_note.text()
    assert not dialog.ok_button.isEnabled()
