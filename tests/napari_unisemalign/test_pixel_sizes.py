"""The dialog of pixel sizes: what it shows, and that it corrects tiles, slides and files that are to become tiles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QItemSelectionModel, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_unisemalign.shell.dialogs import WindowDialogs
from napari_unisemalign.tiles.new_project.form import NewProjectForm
from napari_unisemalign.tiles.pixel_sizes import PixelSizes, SizesOfProject
from napari_unisemalign.tiles.pixel_sizes_view import PixelSizesDialog
from tests.napari_unisemalign.conftest import tissue
from training_core.io import write_png
from training_core.io.slides import SlideOptions
from training_core.project import Project, make_classes


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two of 0.5 µm/px, one that states ten times that, one that states nothing, and a slide of 0.25."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name, mpp in (("a_1", 0.5), ("a_2", 0.5), ("scan", 5.0)):
        size = {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"}
        tifffile.imwrite(folder / f"{name}.tif", tissue(1)[0], photometric="rgb", metadata=None, **size)
    write_png(folder / "plain.png", tissue(2)[0])
    pixels = np.random.default_rng(0).integers(120, 200, (512, 512, 3), dtype=np.uint8)
    pixels[..., 1] //= 2
    options: dict[str, Any] = {"photometric": "rgb", "tile": (256, 256), "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(folder / "slide.ome.tif") as tiff:
        tiff.write(pixels, subifds=1, resolution=(4e4, 4e4), **options)
        tiff.write(pixels[::2, ::2], subfiletype=1, resolution=(2e4, 2e4), **options)
    return folder


@pytest.fixture
def sized(files: Path, tmp_path: Path) -> Project:
    classes = make_classes(("background", "gland"))
    return Project.create(tmp_path / "sized", [files], classes=classes, slides=SlideOptions(tile_px=128))


@pytest.fixture
def dialog(qtbot: Any, sized: Project) -> PixelSizesDialog:
    dialog = PixelSizesDialog()
    qtbot.addWidget(dialog)
    dialog.pixel_sizes = PixelSizes(dialog, SizesOfProject(sized))
    dialog.show()
    return dialog


def rows(dialog: PixelSizesDialog) -> dict[str, list[str]]:
    table = dialog.table
    texts = [[table.item(row, column).text() for column in range(4)] for row in range(table.rowCount())]
    return {name.removeprefix("⚠ "): rest for name, *rest in texts}


def click(dialog: PixelSizesDialog, button: Any) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_it_shows_what_is_used_who_set_it_and_what_the_file_states(dialog: PixelSizesDialog) -> None:
    assert rows(dialog) == {
        "slide.ome": ["0.25 µm/px", "the file", "0.25 µm/px (TIFF tags)"],
        "a_1": ["0.5 µm/px", "the file", "0.5 µm/px (TIFF tags)"],
        "a_2": ["0.5 µm/px", "the file", "0.5 µm/px (TIFF tags)"],
        "scan": ["5 µm/px", "the file", "5 µm/px (TIFF tags)"],
        "plain": ["not known", "nobody", "nothing"],
    }
    names = [dialog.table.item(row, 0).text() for row in range(5)]
    assert [name for name in names if name.startswith("⚠")] == ["⚠ scan"]
    assert not dialog.set_button.isEnabled()
    assert "Choose files" in dialog.set_button.toolTip()


def test_one_several_and_all_without_are_corrected_and_the_files_own_come_back(
    dialog: PixelSizesDialog, sized: Project
) -> None:
    click(dialog, dialog.unusual_button)
    assert dialog.chosen() == ["scan"]
    QTest.keyClicks(dialog.edit, "0,5")
    click(dialog, dialog.set_button)
    assert (sized.tile("scan").mpp_um, str(sized.tile("scan").mpp_set_by)) == (0.5, "user")
    assert rows(dialog)["scan"] == ["0.5 µm/px", "you, for this file", "5 µm/px (TIFF tags)"]
    assert not dialog.unusual_button.isEnabled()
    click(dialog, dialog.missing_button)
    assert dialog.chosen() == ["plain"]
    click(dialog, dialog.set_button)
    assert sized.tile("plain").mpp_um == 0.5
    dialog.choose(["a_1", "a_2"])
    dialog.edit.setText("0.25")
    click(dialog, dialog.set_button)
    assert sized.tile("a_1").mpp_um == sized.tile("a_2").mpp_um == 0.25
    assert "2 tiles" in dialog.note.text()
    dialog.choose(["scan", "a_1"])
    click(dialog, dialog.restore_button)
    assert sized.tile("scan").mpp_um == pytest.approx(5.0)
    assert sized.tile("a_1").mpp_um == pytest.approx(0.5)
    dialog.choose(["plain"])
    click(dialog, dialog.unknown_button)
    assert sized.tile("plain").mpp_um is None


def test_the_tiles_of_a_slide_change_with_it(dialog: PixelSizesDialog, sized: Project) -> None:
    cut = [tile.name for tile in sized.tiles if tile.place is not None]
    assert {sized.tile(name).mpp_um for name in cut} == {0.5}
    dialog.choose(["slide.ome"])
    dialog.edit.setText("0.5")
    click(dialog, dialog.set_button)
    assert {sized.tile(name).mpp_um for name in cut} == {1.0}  # twice what was thought
    assert f"{len(cut)} tiles" in dialog.note.text()


@pytest.mark.parametrize("wrong", ["40x", "500", "0"])
def test_what_no_microscope_gives_is_refused_below_the_field(
    dialog: PixelSizesDialog, sized: Project, wrong: str
) -> None:
    dialog.choose(["plain"])
    dialog.edit.setText(wrong)
    click(dialog, dialog.set_button)
    assert f"“{wrong}”" in dialog.note.text()
    assert sized.tile("plain").mpp_um is None


def test_the_keyboard_alone_corrects_a_tile(dialog: PixelSizesDialog, sized: Project, qtbot: Any) -> None:
    dialog.activateWindow()
    dialog.table.setFocus()
    qtbot.waitUntil(dialog.table.hasFocus)
    dialog.table.selectionModel().setCurrentIndex(
        dialog.table.model().index(0, 0), QItemSelectionModel.SelectionFlag.NoUpdate
    )
    for _ in range(4):  # slide, a_1, a_2, plain, scan
        QTest.keyClick(dialog.table, Qt.Key.Key_Down)
    assert dialog.chosen() == ["scan"]
    for _ in range(10):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        if QApplication.focusWidget() is dialog.edit:
            break
    QTest.keyClicks(QApplication.focusWidget(), "0.5")
    QTest.keyClick(dialog.edit, Qt.Key.Key_Return)
    assert sized.tile("scan").mpp_um == 0.5
    assert dialog.isVisible()


def when_open(act: Callable[[PixelSizesDialog], None]) -> None:
    """When the dialog of pixel sizes is on the screen, work in it and close it."""
    timer = QTimer(QApplication.instance())

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, PixelSizesDialog):
            timer.stop()
            act(dialog)
            dialog.reject()

    timer.timeout.connect(look)
    timer.start(30)


def test_in_the_form_one_file_is_corrected_before_anything_is_made(
    form: NewProjectForm, settle: Callable[[NewProjectForm], None], files: Path, tmp_path: Path
) -> None:
    def act(dialog: PixelSizesDialog) -> None:
        assert rows(dialog)["plain"] == ["not known", "nobody", "nothing"]
        assert [dialog.table.item(row, 0).text() for row in range(5) if dialog.table.item(row, 0).text()[0] == "⚠"]
        assert dialog.unknown_button.isHidden()
        dialog.choose(["scan", "slide.ome"])
        dialog.edit.setText("0.5")
        click(dialog, dialog.set_button)

    form.dialog.set_images([files])
    settle(form)
    assert "⚠ 1 unusual pixel size, beyond a factor of 3" in form.dialog.overview.texts()
    when_open(act)
    click(form.dialog, form.dialog.sizes_button)  # type: ignore[arg-type]
    settle(form)
    assert "unusual" not in "\n".join(form.dialog.overview.texts())
    made = form.value()
    assert made.pixel_sizes == {"scan": 0.5, "slide.ome": 0.5}
    project = Project.create(tmp_path / "made", made.images, classes=made.classes, **made.options())
    assert (project.tile("scan").mpp_um, str(project.tile("scan").mpp_set_by)) == (0.5, "user")
    assert project.index.files["slide.ome"].mpp_um == 0.5
    form.dialog.set_images([files / "a_1.tif"])  # other files: nothing is set for them
    settle(form)
    assert form.value().pixel_sizes == {}


def test_a_tile_of_a_slide_leads_to_its_slide(qtbot: Any, sized: Project) -> None:
    tile = next(tile.name for tile in sized.tiles if tile.place is not None)
    parent = QWidget()
    qtbot.addWidget(parent)
    chosen: list[list[str]] = []
    when_open(lambda dialog: chosen.append(dialog.chosen()))
    assert not WindowDialogs(parent).pixel_sizes(sized, [tile, "a_1"])
    assert chosen == [["slide.ome", "a_1"]]


def test_button_and_menu_of_the_list_ask_for_it(window: Any, sized: Project) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(sized.path)
    with driver.watching():
        driver.click(driver.panel.project.sizes_button)
        view = driver.panel.tiles
        menu = view.menu_at(view.list.visualRect(view.model.index(0, 0)).center())
        next(action for action in menu.actions() if action.text() == "Pixel size…").trigger()
    assert answers.asked == ["pixel_sizes", f"pixel_sizes {sized.tiles[0].name}"]
