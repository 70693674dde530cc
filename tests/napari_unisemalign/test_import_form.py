"""The form with a troubled folder: what it says before anything is made, what it asks, and what the answers make."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QLabel

from napari_unisemalign.app.dialogs import NewProject
from napari_unisemalign.tiles.new_project import disk, looking
from napari_unisemalign.tiles.new_project.form import NewProjectForm
from napari_unisemalign.tiles.new_project.import_look import MASK_FILES, OWN_OUTPUTS
from training_core.base.attempts import Attempts
from training_core.io import write_png
from training_core.io.inspection import Question, Use
from training_core.project import Project

SIDE_PX = 64


def tissue(seed: int, height_px: int = SIDE_PX, width_px: int = SIDE_PX) -> np.ndarray:
    return np.random.default_rng(seed).integers(90, 220, (height_px, width_px, 3), dtype=np.uint8)


def half_mask(low: int = 0, high: int = 1) -> np.ndarray:
    """`low` in the upper half, `high` in the lower."""
    mask = np.full((SIDE_PX, SIDE_PX), low, np.uint8)
    mask[SIDE_PX // 2 :] = high
    return mask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(3):
        write_png(folder / f"case_{seed}.png", tissue(seed))
    return folder


Settle = Callable[[NewProjectForm], None]


def said(form: NewProjectForm) -> str:
    return "\n".join(form.dialog.overview.texts())


def press(button: QAbstractButton) -> None:
    """Click where the words begin: the middle of a wide button may be empty."""
    QTest.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(8, button.height() // 2))


def make(form: NewProjectForm, path: Path) -> Project:
    made: NewProject = form.value()
    return Project.create(path, made.images, classes=made.classes, **made.options())


def turned_jpeg(path: Path, orientation: int = 6) -> np.ndarray:
    """A JPEG of 64 x 96 px with an orientation tag; its pixels as stored, dark on the left."""
    pixels = np.full((SIDE_PX, 96, 3), 220, np.uint8)
    pixels[:, :32] = 40
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, quality=95, exif=exif)
    return pixels


@pytest.mark.binding
def test_an_orientation_is_asked_once_with_an_image_of_each_answer_and_the_project_keeps_it(
    form: NewProjectForm, settle: Settle, folder: Path, tmp_path: Path
) -> None:
    for name in ("turned_1.jpg", "turned_2.jpg"):
        turned_jpeg(folder / name)
    dialog = form.dialog
    dialog.set_images([folder])
    settle(form)
    assert list(dialog.questions.buttons) == [Question.ORIENTATION]
    shown, stored = dialog.questions.buttons[Question.ORIENTATION]
    assert not dialog.ok_button.isEnabled()
    assert "turned_1.jpg and 1 more file" in dialog.ok_button.toolTip()
    assert dialog.reason.isVisible()
    assert "--" not in dialog.reason.text() + shown.text() + stored.text()
    # Orientation 6 is shown turned by a quarter to the right: what is dark on the left comes to the top.
    upright = shown.icon().pixmap(56, 56).toImage()
    lying = stored.icon().pixmap(56, 56).toImage()
    assert upright.height() > upright.width()
    assert lying.width() > lying.height()
    assert upright.pixelColor(upright.width() // 2, 3).red() < 100 < upright.pixelColor(3, upright.height() - 3).red()
    assert lying.pixelColor(3, lying.height() // 2).red() < 100 < lying.pixelColor(lying.width() - 3, 3).red()
    press(shown)
    settle(form)
    assert shown.isChecked()
    assert dialog.ok_button.isEnabled()
    project = make(form, tmp_path / "made")
    tile = project.tile("turned_1")
    assert (tile.width_px, tile.height_px) == (SIDE_PX, 96)
    assert project.index.answers.image.orientation == "as_shown"
    assert project.index.answers.mask.orientation == "as_shown"


def test_another_answer_replaces_the_first(form: NewProjectForm, settle: Settle, folder: Path, tmp_path: Path) -> None:
    turned_jpeg(folder / "turned.jpg")
    form.dialog.set_images([folder])
    settle(form)
    for button in form.dialog.questions.buttons[Question.ORIENTATION]:
        press(button)
        settle(form)
    tile = make(form, tmp_path / "made").tile("turned")
    assert (tile.width_px, tile.height_px) == (96, SIDE_PX)
    form.dialog.set_images([folder / "case_0.png"])  # a question of files that are not there any more is gone
    settle(form)
    assert not form.dialog.questions.isVisible()
    assert form.value().answers.image.orientation is None


@pytest.mark.parametrize(("answer", "label"), [("as-stated", 0), ("black-is-zero", 1)])
def test_an_inverted_mask_is_asked_about_before_its_values_are_named(
    form: NewProjectForm, settle: Settle, folder: Path, tmp_path: Path, answer: str, label: int
) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    # stored: 0 in the upper half, 255 in the lower; 0 means white
    tifffile.imwrite(masks / "case_0.tif", half_mask(0, 255), photometric="miniswhite")
    dialog = form.dialog
    dialog.set_images([folder])
    dialog.masks_edit.setText(str(masks))
    settle(form)
    key: Hashable = (Use.MASK, Question.PHOTOMETRIC)
    assert list(dialog.questions.buttons) == [key]
    assert dialog.values_table.isHidden()
    assert not dialog.ok_button.isEnabled()
    button = dialog.questions.buttons[key][["as-stated", "black-is-zero"].index(answer)]
    icon = button.icon().pixmap(56, 56).toImage()
    is_lower_white = icon.pixelColor(28, 50).red() > 200
    assert is_lower_white == (answer == "black-is-zero")
    press(button)
    settle(form)
    assert dialog.values_table.isVisible()
    assert dialog.ok_button.isEnabled()
    drawn = make(form, tmp_path / "made").label("case_0")
    assert (drawn[SIDE_PX // 2 :] == label).all()
    assert (drawn[: SIDE_PX // 2] == 1 - label).all()


def test_colours_of_masks_become_classes(form: NewProjectForm, settle: Settle, folder: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    colours = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    colours[:32] = (255, 0, 0)
    colours[32:] = (0, 0, 255)
    write_png(masks / "case_1.png", colours)
    form.dialog.set_images([folder])
    form.dialog.masks_edit.setText(str(masks))
    settle(form)
    made = form.value()
    assert set(made.mask_values or {}) == {"#ff0000", "#0000ff"}
    ids = {each.name: each.id for each in made.classes}
    drawn = make(form, tmp_path / "made").label("case_1")
    table = form.dialog.values_table
    names = {table.item(row, 0).text(): table.item(row, 2).text() for row in range(table.rowCount())}
    assert (drawn[:32] == ids[names["#ff0000"]]).all()
    assert (drawn[32:] == ids[names["#0000ff"]]).all()


def test_files_that_look_like_masks_are_asked_about_and_used_as_the_masks_of_the_others(
    form: NewProjectForm, settle: Settle, folder: Path, tmp_path: Path
) -> None:
    for seed in range(2):
        write_png(folder / f"case_{seed}_mask.png", half_mask())
    dialog = form.dialog
    dialog.set_images([folder])
    settle(form)
    assert not dialog.ok_button.isEnabled()
    assert "2 of 5 files look like masks (case_0_mask.png, case_1_mask.png)" in dialog.ok_button.toolTip()
    press(dialog.questions.buttons[MASK_FILES][0])
    settle(form)
    assert dialog.ok_button.isEnabled()
    assert "2 images have a mask" in said(form)
    assert "1 image has no mask" in said(form)
    project = make(form, tmp_path / "made")
    assert [tile.name for tile in project.tiles] == ["case_0", "case_1", "case_2"]
    assert project.labeled_names() == ("case_0", "case_1")
    assert (project.label("case_0")[32:] == 1).all()
    assert (project.label("case_0")[:32] == 0).all()


@pytest.mark.parametrize(("number", "count"), [(0, 3), (1, 4)])
def test_our_own_outputs_are_asked_about(
    form: NewProjectForm, settle: Settle, folder: Path, number: int, count: int
) -> None:
    write_png(folder / "case_0.prediction.png", half_mask())
    form.dialog.set_images([folder])
    settle(form)
    assert "1 of 4 files was written by this program" in form.dialog.ok_button.toolTip()
    press(form.dialog.questions.buttons[OWN_OUTPUTS][number])
    settle(form)
    assert len(form.value().images) == count


@pytest.mark.binding
def test_the_pattern_of_other_names_is_offered_and_taken_by_one_click(
    form: NewProjectForm, settle: Settle, folder: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    for seed in range(3):
        write_png(masks / f"case_{seed}_tissue.png", half_mask())
    dialog = form.dialog
    dialog.set_images([folder])
    dialog.masks_edit.setText(str(masks))
    settle(form)
    assert "3 images have no mask" in said(form)
    assert "case_0: the most similar mask is case_0_tissue.png" in said(form)
    assert "3 masks have no image" in said(form)
    assert "No mask has the name of an image" in dialog.masks_note.text()
    assert not dialog.ok_button.isEnabled()
    assert dialog.overview.pattern_button.isVisible()
    assert "{name}_tissue" in dialog.overview.pattern_button.text()
    press(dialog.overview.pattern_button)
    settle(form)
    assert "3 images have a mask" in said(form)
    assert not dialog.overview.pattern_button.isVisible()
    assert make(form, tmp_path / "made").labeled_names() == ("case_0", "case_1", "case_2")


def test_sizes_copies_bad_files_and_what_is_left_out_are_told_before_anything_is_made(
    form: NewProjectForm, settle: Settle, folder: Path
) -> None:
    scans = {"scan_1": 0.5, "scan_2": 0.5, "scan_3": 0.5, "scan_far": 2.0}
    for seed, (name, mpp_um) in enumerate(scans.items(), 10):
        per_cm = 1e4 / mpp_um
        pixels = tissue(seed)
        tifffile.imwrite(folder / f"{name}.tif", pixels, resolution=(per_cm, per_cm), resolutionunit="CENTIMETER")
    Image.open(folder / "case_0.png").save(folder / "copy.bmp")  # the same pixels in another format
    Image.open(folder / "case_2.png").save(folder / "case_2 (Anna's conflicted copy).png")
    (folder / "cut.png").write_bytes((folder / "case_1.png").read_bytes()[:3000])
    (folder / "notes.txt").write_text("seen by A.")
    (folder / "slide.lif").write_bytes(b"\x70\0\0\0")
    dialog = form.dialog
    dialog.set_images([folder])
    settle(form)
    lines = said(form)
    assert "⚠ 1 unusual pixel size, beyond a factor of 3" in lines
    assert "scan_far.tif: 2 µm/px (tiff tags)" in lines
    assert "no pixel size: 5" in lines  # four PNG and a BMP
    assert "⚠ 1 image may be a copy that a cloud drive made; leave it out if it is" in lines
    assert "case_2 (Anna's conflicted copy).png = case_2.png" in lines
    assert "⚠ 4 images are copies of each other" in lines
    assert "case_0 = copy" in lines
    assert "⚠ 1 file cannot be used" in lines
    assert "cut.png is damaged" in lines
    assert str(folder) not in lines
    assert "Left out of the folder: " in lines
    assert "1 .txt" in lines
    assert "1 .lif" in lines
    assert "--" not in lines
    assert dialog.overview.isVisible()
    assert dialog.ok_button.isEnabled()
    dialog.mpp_edit.setText("0.5")  # for those that state none
    assert "scan_far.tif: 2 µm/px (tiff tags)" in said(form)


@pytest.mark.binding
def test_show_all_lists_every_file(form: NewProjectForm, settle: Settle, folder: Path) -> None:
    for seed in range(3, 25):
        write_png(folder / f"case_{seed}.png", tissue(seed))
    form.dialog.set_images([folder])
    settle(form)
    assert "… and 5 more" in said(form)
    assert "case_24.png" not in said(form)
    press(form.dialog.overview.all_button)
    assert "case_24.png, 64 × 64 px, no pixel size" in said(form)
    assert "more" not in said(form)


def test_an_unexpected_error_ends_in_a_sentence_and_the_next_input_works(
    form: NewProjectForm, settle: Settle, folder: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = looking.look

    def breaks(*args: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    dialog = form.dialog
    monkeypatch.setattr(looking, "look", breaks)
    with qtbot.capture_exceptions() as exceptions:
        dialog.set_images([folder])
        settle(form)
        qtbot.waitUntil(lambda: bool(exceptions), timeout=5000)
    assert exceptions[0][0] is ZeroDivisionError  # napari shows it too
    assert "ZeroDivisionError: division by zero" in dialog.images_note.text()
    assert "still being looked at" not in dialog.ok_button.toolTip()
    assert not dialog.ok_button.isEnabled()
    monkeypatch.setattr(looking, "look", real)
    dialog.set_images([folder / "case_0.png"])
    settle(form)
    assert dialog.ok_button.isEnabled()


@pytest.mark.binding
def test_a_project_is_made_of_the_good_files_and_the_panel_lists_the_bad_ones(
    window: Any, folder: Path, tmp_path: Path, form: NewProjectForm, settle: Settle
) -> None:
    _viewer, driver, answers = window
    (folder / "cut.png").write_bytes((folder / "case_1.png").read_bytes()[:3000])
    (folder / "empty.png").write_bytes(b"")
    form.dialog.set_images([folder])
    form.dialog.folder_edit.setText(str(tmp_path / "made"))
    settle(form)
    answers.new = form.value()
    with driver.watching():
        driver.click(driver.panel.project.new_button)
        driver.wait(lambda: driver.session.project is not None, "the new project")
    assert [tile.name for tile in driver.session.project.tiles] == ["case_0", "case_1", "case_2"]
    text = driver.panel.messages.text
    assert "2 files could not be used" in text
    assert "cut: " in text
    assert "empty: " in text
    assert driver.panel.messages.details_button.isVisible()


def test_where_no_file_can_be_used_the_form_says_why(form: NewProjectForm, settle: Settle, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "empty.png").write_bytes(b"")
    form.dialog.set_images([tmp_path / "none"])
    settle(form)
    assert "empty" in form.dialog.images_note.text()
    assert not form.dialog.ok_button.isEnabled()


def test_a_slide_without_a_pixel_size_needs_one_typed_and_stays_a_slide(
    form: NewProjectForm, settle: Settle, tmp_path: Path
) -> None:
    slide = tmp_path / "slide.svs"
    pixels = tissue(1, 1024, 1024)
    with tifffile.TiffWriter(slide) as tiff:
        options: dict[str, Any] = {"photometric": "rgb", "tile": (256, 256)}
        tiff.write(pixels, subifds=1, **options)
        tiff.write(pixels[::2, ::2], subfiletype=1, **options)
    dialog = form.dialog
    dialog.set_images([slide])
    settle(form)
    assert "1 slide, cut into tiles" in dialog.images_note.text()
    assert "has no pixel size" in dialog.mpp_note.text()
    assert not dialog.ok_button.isEnabled()
    dialog.mpp_edit.setText("0.5")
    assert dialog.ok_button.isEnabled()
    assert form.value().images == (slide,)
    assert "cannot be used" not in said(form)


def test_the_room_that_copies_take_is_said_before_anything_is_copied(
    form: NewProjectForm, settle: Settle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = sum(path.stat().st_size for path in folder.iterdir())
    form.dialog.set_images([folder])
    settle(form)
    assert f"Copies take at most about {round(needed / 1000)} KB; " in said(form)
    assert "⚠ Copies" not in said(form)
    room = shutil.disk_usage(folder)._replace(free=needed - 1)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _folder: room)
    form.dialog.folder_edit.setText(str(folder.parent / "new"))
    settle(form)
    assert f"⚠ Copies take at most about {round(needed / 1000)} KB; {round(needed / 1000)} KB are free" in said(form)


UNUSUAL = [
    "a;b",
    "a; b",
    "-x",
    " a",
    "a ",
    "a\nb",
    "a\tb",
    "#1",
    "H&E",
    "Dru\u0308se",
    "a\udce9b",
    "x" * 200,
    "a,b",
    '"a"',
]


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not take")
def test_images_of_every_name_come_through_the_form(form: NewProjectForm, settle: Settle, tmp_path: Path) -> None:
    folder = tmp_path / "im; ages "
    folder.mkdir()
    paths = tuple(folder / f"{name}.png" for name in UNUSUAL)
    for seed, path in enumerate(paths):
        Image.fromarray(tissue(seed)).save(path)
    form.dialog.set_images(paths)
    settle(form)
    assert form.value().images == paths
    assert form.dialog.ok_button.isEnabled()
    form.dialog.set_images([folder])
    settle(form)
    assert set(form.value().images) == set(paths)
    typed = [folder / "a;b.png", tmp_path / "nothing.png", folder / "a; b.png", folder / "H&E.png"]
    form.dialog.images_edit.setText("; ".join(map(str, typed)))
    assert form.dialog.images() == tuple(typed)


def test_class_names_may_hold_commas_and_quotation_marks(form: NewProjectForm, settle: Settle, folder: Path) -> None:
    form.dialog.set_images([folder])
    form.dialog.classes_edit.setText('rest, "gland, benign", a=b, so-called "clear" cells,, "say ""x"""')
    settle(form)
    names = [each.name for each in form.value().classes]
    assert names == ["rest", "gland, benign", "a=b", 'so-called "clear" cells', 'say "x"']


def test_a_bad_image_in_the_list_of_validation_images_stops_nothing(
    form: NewProjectForm, settle: Settle, folder: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    for seed in range(3):
        write_png(masks / f"case_{seed}.png", half_mask())
    bad = folder / "case_1.png"
    bad.write_bytes(bad.read_bytes()[:900])
    shutil.copy(folder / "case_0.png", folder / "case_3.png")
    shutil.copy(folder / "case_2.png", folder / "CASE_2.bmp")  # two files of one name
    listed = tmp_path / "val.txt"
    listed.write_text("case_1\ncase_0\n")
    form.dialog.set_images([folder])
    form.dialog.masks_edit.setText(str(masks))
    form.dialog.validation.list_edit.setText(str(listed))
    settle(form)
    assert form.dialog.ok_button.isEnabled()
    assert "3 files cannot be used" in said(form)
    assert "case_1.png: Is damaged" in said(form) or "case_1.png is damaged" in said(form)
    assert said(form).count("would both be named") == 2
    made, attempts = form.value(), Attempts()
    project = Project.create(tmp_path / "p", made.images, classes=made.classes, attempts=attempts, **made.options())
    assert [tile.name for tile in project.tiles] == ["case_0", "case_3"]
    assert project.val_names() == ("case_0",)
    assert len(attempts.failed) == 3


def test_masks_of_shades_and_of_two_ways_to_write_one_are_told_before_anything_is_made(
    form: NewProjectForm, settle: Settle, folder: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    write_png(masks / "case_0.png", half_mask(0, 1))
    write_png(masks / "case_1.png", half_mask(0, 255))
    form.dialog.set_images([folder])
    form.dialog.masks_edit.setText(str(masks))
    settle(form)
    assert "Some masks hold 1, others 255" in said(form)
    write_png(masks / "case_2.png", tissue(2)[:, :, 0])  # a photograph
    form.dialog.masks_edit.setText(f"{masks}/")
    settle(form)
    assert list(form.dialog.questions.buttons) == [(Use.MASK, Question.MASK_HOLDS)]
    words = [label.text() for label in form.dialog.questions.findChildren(QLabel)]
    assert "case_2.png: more values than masks of classes have. What are they?" in words
    assert not form.dialog.ok_button.isEnabled()
