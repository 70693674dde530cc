"""More images for an open project: the same form, what it knows of the project, and what comes of it in the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractItemDelegate, QApplication, QComboBox, QTableWidget

from napari_unisemalign.app.dialogs import FilesToAdd
from napari_unisemalign.app.layer_values import LABELS, NAMES
from napari_unisemalign.tiles.new_project.form import NewProjectForm
from napari_unisemalign.tiles.new_project.form_view import NewProjectDialog
from napari_unisemalign.tiles.new_project.mask_values_view import CLASS
from tests.napari_unisemalign.conftest import SIDE_PX, drop, in_the_form, tissue
from training_core.io import write_png
from training_core.io.inspection import Answers
from training_core.project import UNLABELED, Project, make_classes
from training_core.project.additions import add_files
from training_core.project.file_records import FileAnswers

Settle = Callable[[NewProjectForm], None]
Adding = Callable[[Project], NewProjectForm]


@pytest.fixture
def more(tmp_path: Path) -> Path:
    """Three further images, one of which is cut short."""
    folder = tmp_path / "more"
    folder.mkdir()
    for seed in range(3):
        write_png(folder / f"new_{seed}.png", tissue(20 + seed)[0])
    (folder / "new_2.png").write_bytes((folder / "new_2.png").read_bytes()[:2000])
    return folder


def choose_class(table: QTableWidget, row: int, name: str | None) -> None:
    """Click on the class of a mask value and choose another one, by the keyboard; None: leave the list again."""
    place = table.visualItemRect(table.item(row, CLASS)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    combos = table.viewport().findChildren(QComboBox)  # an earlier one may not be deleted yet
    combo = next(each for each in combos if each.isVisible())
    if name is None:
        table.closeEditor(combo, QAbstractItemDelegate.EndEditHint.NoHint)
    else:
        texts = [combo.itemText(index) for index in range(combo.count())]
        assert texts == ["(unannotated)", "background", "gland"]
        combo.setCurrentIndex(texts.index(name))
        combo.activated.emit(texts.index(name))
        table.closeEditor(combo, QAbstractItemDelegate.EndEditHint.NoHint)
    QTest.qWait(20)


def halves(path: Path, low: int = 0, high: int = 255) -> Path:
    """A mask of `low` above and `high` below."""
    path.parent.mkdir(exist_ok=True)
    mask = np.full((SIDE_PX, SIDE_PX), low, np.uint8)
    mask[SIDE_PX // 2 :] = high
    write_png(path, mask)
    return path


def test_images_and_masks_are_added_by_the_button_and_bad_files_are_listed(
    real_form: Any, project: Project, more: Path, tmp_path: Path
) -> None:
    driver = real_form
    masks = tmp_path / "masks"
    halves(masks / "new_1.png")

    def fill(dialog: NewProjectDialog) -> None:
        assert dialog.windowTitle() == "Add images to “project”"
        assert not dialog.folder_edit.isVisible()
        assert not dialog.classes_edit.isVisible()
        dialog.set_images([more])
        dialog.masks_edit.setText(str(masks))

    driver.panel.controller.open_project(project.path)
    with driver.watching():
        driver.show_tile("tile_02")
        in_the_form(fill)
        driver.click(driver.panel.project.add_button)
        driver.wait(lambda: len(driver.session.project.tiles) == 6, "the new tiles")
        driver.wait(lambda: driver.panel.tiles.model.rowCount() == 6, "the list")
    assert driver.session.tile_names() == ("tile_01", "tile_02", "tile_03", "tile_04", "new_0", "new_1")
    assert driver.session.tile == "tile_02"  # nothing moves unasked
    label = driver.session.project.label("new_1")
    assert (label[: SIDE_PX // 2] == 0).all()
    assert (label[SIDE_PX // 2 :] == 1).all()
    assert not driver.session.project.has_label("new_0")
    said = [each.message for each in notification_manager.records]
    assert "2 images were added." in said
    assert "1 file could not be used; the others are in the project:" in driver.panel.messages.text
    assert "new_2: " in driver.panel.messages.text
    with driver.watching():
        driver.show_tile("new_1")
    assert driver.label()[-1, 0] == 1
    notification_manager.records.clear()


def test_a_mask_for_the_tile_on_screen_is_seen_at_once(window: Any, project: Project, tmp_path: Path) -> None:
    viewer, driver, answers = window
    mask = halves(tmp_path / "masks" / "tile_01.png", 0, 1)
    driver.panel.controller.open_project(project.path)
    answers.added = FilesToAdd(images=(project.path / "images" / "tile_01.png",), masks={"tile_01": mask})  # type: ignore[arg-type]
    with driver.watching():
        driver.click(driver.panel.project.add_button)
        driver.wait(lambda: driver.session.project.has_label("tile_01"), "the label")
        driver.wait(lambda: driver.label()[-1, 0] == 1, "the label on the screen")
    assert driver.label()[0, 0] == 0
    assert len(viewer.layers[NAMES[LABELS]].data) == SIDE_PX
    notification_manager.records.clear()


def test_what_is_dropped_where_a_project_is_open_is_added_to_it(window: Any, project: Project, more: Path) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(project.path)
    with driver.watching():
        drop(driver.panel, more)
        driver.wait(lambda: bool(answers.asked), "the form")
    assert answers.asked == [f"add_images to project {more}"]


def test_images_opened_in_napari_can_be_added(window: Any, project: Project, more: Path) -> None:
    viewer, driver, answers = window
    driver.panel.controller.open_project(project.path)
    assert not driver.panel.project.opened_button.isVisible()
    with driver.watching():
        viewer.open(more / "new_0.png")
        driver.click(driver.panel.project.opened_button)
        driver.wait(lambda: bool(answers.asked), "the form")
    assert answers.asked == [f"add_images to project {more / 'new_0.png'}"]
    del viewer.layers["new_0"]


def test_adding_can_be_cancelled_and_leaves_nothing(window: Any, project: Project, more: Path) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(project.path)
    several = [more / f"copy_{number:03d}.png" for number in range(300)]  # so many take longer than a click
    for path in several:
        path.write_bytes((more / "new_0.png").read_bytes())
    answers.added = FilesToAdd(images=tuple(several))
    before = sorted(path.name for path in (project.path / "images").iterdir())
    with driver.watching():
        driver.click(driver.panel.project.add_button)
        driver.click(driver.panel.project.cancel_button)
        driver.wait(lambda: driver.panel.project.add_button.isEnabled(), "the end")
    assert sorted(path.name for path in (project.path / "images").iterdir()) == before
    assert len(driver.session.project.tiles) == 4
    assert "Cancelled: nothing was added." in [each.message for each in notification_manager.records]
    notification_manager.records.clear()


def test_the_form_says_what_the_project_has_already_and_another_image_of_its_name_is_refused(
    form_adding_to: Adding, settle: Settle, project: Project, tmp_path: Path
) -> None:
    form = form_adding_to(project)
    form.dialog.set_images([project.path / "images"])
    settle(form)
    assert "4 images are in the project already and stay as they are" in form.dialog.overview.texts()
    assert form.dialog.ok_button.toolTip() == "The project has all of these images already."
    other = tmp_path / "other"
    other.mkdir()
    write_png(other / "tile_01.png", tissue(77)[0])
    from training_core.base.attempts import Attempts

    attempts = Attempts()
    added = add_files(project, [other], attempts=attempts)
    assert added.tiles == added.already == ()
    assert "is another image than the project's tile tile_01" in str(attempts.failed[0].error)
    again = Attempts()
    assert add_files(project, [project.path / "images"], attempts=again).already == tuple(
        f"tile_0{number}" for number in range(1, 5)
    )
    assert again.failed == []


def test_values_mean_what_they_meant_before_and_a_new_one_must_be_named(
    form_adding_to: Adding, settle: Settle, project: Project, more: Path, tmp_path: Path
) -> None:
    mask = halves(tmp_path / "first" / "tile_01.png", 0, 255)
    add_files(
        project, [project.path / "images" / "tile_01.png"], masks={"tile_01": mask}, mask_values={"0": 1, "255": 0}
    )
    with project.changing() as change:  # as making the project with these masks keeps it
        from dataclasses import replace

        kept = FileAnswers(mask=Answers(mask_values={"0": 1, "255": 0}))
        change.index = replace(change.index, answers=kept)
    halves(tmp_path / "masks" / "new_0.png", 0, 255)
    halves(tmp_path / "masks" / "new_1.png", 0, 7)
    form = form_adding_to(project)
    form.dialog.set_images([more])
    form.dialog.masks_edit.setText(str(tmp_path / "masks"))
    settle(form)
    table = form.dialog.values_table
    rows = {table.item(row, 0).text(): table.item(row, CLASS).text() for row in range(table.rowCount())}
    assert rows == {"0": "gland", "7": "?", "255": "background"}
    assert not form.dialog.ok_button.isEnabled()
    assert "The value 7 has the class “?”, which the project does not have" in form.dialog.classes_note.text()
    assert "background, gland" in form.dialog.classes_note.text()
    choose_class(table, 1, None)  # looked at, and left as it was
    assert table.item(1, CLASS).text() == "?"
    choose_class(table, 1, "gland")
    assert form.files().mask_values == {"0": 1, "7": 1, "255": 0}
    choose_class(table, 1, "(unannotated)")
    assert (form.files().mask_values or {})["7"] == UNLABELED
    table.item(1, CLASS).setText("Background")
    assert form.dialog.ok_button.isEnabled()
    assert form.files().mask_values == {"0": 1, "7": 0, "255": 0}
    table.item(1, CLASS).setText("")
    assert (form.files().mask_values or {})["7"] == UNLABELED
    files = form.files()
    add_files(project, files.images[:2], **files.options())
    assert (project.label("new_1")[: SIDE_PX // 2] == 1).all()
    assert (project.label("new_1")[SIDE_PX // 2 :] == UNLABELED).all()


# --- validation ------------------------------------------------------------------------------------------------------


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    """Eight images of four patients, with masks beside them in another folder."""
    folder = tmp_path / "patients"
    folder.mkdir()
    for patient in "abcd":
        for number in (1, 2):
            write_png(folder / f"{patient}_{number}.png", tissue(ord(patient) * 2 + number)[0])
            halves(tmp_path / "masks" / f"{patient}_{number}.png", 0, 1)
    return folder


def test_a_share_for_validation_keeps_patients_on_one_side(
    form: NewProjectForm, settle: Settle, patients: Path, tmp_path: Path
) -> None:
    dialog = form.dialog
    dialog.set_images([patients])
    dialog.masks_edit.setText(str(tmp_path / "masks"))
    settle(form)
    assert form.value().val == ()
    dialog.cases.edit.setText("{case}_*")
    assert dialog.cases_note.text() == "8 images belong to 4 patients or slides."
    dialog.validation.share_spin.setValue(25)
    val = form.value().val
    assert len(val) == 2
    assert len({name[0] for name in val}) == 1  # both of one patient
    assert f"2 images for validation: {val[0]}, {val[1]}" == dialog.val_note.text()
    assert "both in training" not in "\n".join(dialog.overview.texts())
    made = form.value()
    project = Project.create(tmp_path / "made", made.images, classes=made.classes, **made.options())
    assert project.val_names() == val
    assert {tile.case for tile in project.tiles} == {"a", "b", "c", "d"}


def test_a_list_that_parts_a_patient_is_told_with_both_names(
    form: NewProjectForm, settle: Settle, patients: Path, tmp_path: Path
) -> None:
    dialog = form.dialog
    dialog.set_images([patients])
    dialog.masks_edit.setText(str(tmp_path / "masks"))
    (tmp_path / "val.txt").write_text("a_1.png\n")
    (tmp_path / "cases.csv").write_text("image,patient\n" + "".join(f"{p}_{n},P-{p}\n" for p in "abcd" for n in (1, 2)))
    dialog.cases.edit.setText(str(tmp_path / "cases.csv"))
    dialog.validation.list_edit.setText(str(tmp_path / "val.txt"))
    settle(form)
    assert form.value().val == ("a_1",)
    assert form.value().cases["a_1"] == "P-a"
    assert not dialog.validation.share_spin.isEnabled()
    said = dialog.overview.texts()
    assert any(line.startswith("⚠ 1 patient, slide or image in training and validation") for line in said)
    assert "a_2 in training, a_1 in validation" in said
    (tmp_path / "val.txt").write_text("a_1.png\nnobody\n")
    dialog.changed.emit()
    assert "nobody" in dialog.val_note.text()
    assert not dialog.ok_button.isEnabled()


def test_a_copy_of_a_tile_under_another_name_is_told(
    form_adding_to: Adding, settle: Settle, project: Project, more: Path
) -> None:
    (more / "renamed.png").write_bytes((project.path / "images" / "tile_03.png").read_bytes())
    form = form_adding_to(project)
    form.dialog.set_images([more])
    settle(form)
    assert "⚠ 2 images are copies of each other" in form.dialog.overview.texts()
    assert "renamed = tile_03" in form.dialog.overview.texts()


def test_a_further_tile_of_a_patient_who_is_for_validation_is_told(
    form_adding_to: Adding, settle: Settle, patients: Path, tmp_path: Path
) -> None:
    first, second = patients / "a_1.png", patients / "a_2.png"
    masks = {"a_1": tmp_path / "masks" / "a_1.png"}
    classes = make_classes(("background", "gland"))
    project = Project.create(tmp_path / "p", [first], classes=classes, masks=masks, val=["a_1"], cases={"a_1": "a"})
    form = form_adding_to(project)
    form.dialog.set_images([second, patients / "b_1.png"])
    form.dialog.masks_edit.setText(str(tmp_path / "masks"))
    form.dialog.cases.edit.setText("{case}_*")
    settle(form)
    assert "a_2 in training, a_1 in validation" in form.dialog.overview.texts()


@pytest.mark.parametrize(
    ("case", "share", "note", "said"),
    [
        ("{case}-*", 0, "cases_note", "fits none of the names"),
        ("*", 0, "cases_note", "a pattern such as"),
        ("nowhere.csv", 0, "cases_note", "nowhere.csv"),
        ("", 20, "val_note", "No image has a mask"),
    ],
)
def test_what_is_wrong_with_validation_stands_below_its_field_in_the_words_of_the_window(
    form: NewProjectForm, settle: Settle, patients: Path, case: str, share: int, note: str, said: str
) -> None:
    form.dialog.set_images([patients])
    settle(form)
    form.dialog.cases.edit.setText(case)
    form.dialog.validation.share_spin.setValue(share)
    text = getattr(form.dialog, note).text().casefold()
    assert said.casefold() in text
    assert "--" not in text
    assert not form.dialog.ok_button.isEnabled()
    form.dialog.cases.edit.clear()
    form.dialog.validation.share_spin.setValue(0)
    assert form.dialog.ok_button.isEnabled()


def test_the_form_is_filled_in_with_the_keyboard_alone(
    form: NewProjectForm, settle: Settle, patients: Path, tmp_path: Path, qtbot: Any
) -> None:
    dialog = form.dialog
    dialog.activateWindow()
    dialog.images_edit.setFocus()
    qtbot.waitUntil(dialog.images_edit.hasFocus)
    qtbot.keyClicks(dialog.images_edit, str(patients))
    reached = []
    for _ in range(40):
        focused = QApplication.focusWidget()
        if focused is None or focused in reached:
            break
        reached.append(focused)
        if focused is dialog.masks_edit:
            qtbot.keyClicks(focused, str(tmp_path / "masks"))
        elif focused is dialog.cases.edit:
            qtbot.keyClicks(focused, "{{case}_*"[1:])
        elif focused is dialog.folder_edit:
            dialog.folder_edit.selectAll()
            qtbot.keyClicks(focused, str(tmp_path / "made"))
        settle(form)
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    for field in (dialog.mpp_edit, dialog.sizes_button, dialog.masks_edit, dialog.cases.edit, dialog.cases.button,
                  dialog.validation.share_spin, dialog.validation.list_edit, dialog.folder_edit):  # fmt: skip
        assert field in reached, field
    assert dialog.ok_button.isEnabled()
    assert len(form.value().images) == 8
    assert set(form.value().cases.values()) == {"a", "b", "c", "d"}


def test_classes_of_the_project_are_used_whatever_the_form_for_a_new_one_would_propose(
    form_adding_to: Adding, settle: Settle, tmp_path: Path, patients: Path
) -> None:
    classes = make_classes(("stroma", "tumour"))
    project = Project.create(tmp_path / "p", [patients / "a_1.png"], classes=classes)
    form = form_adding_to(project)
    form.dialog.set_images([patients])
    form.dialog.masks_edit.setText(str(tmp_path / "masks"))
    settle(form)
    table = form.dialog.values_table
    names = [table.item(row, CLASS).text() for row in range(2)]
    assert names == ["?", "stroma"] or names == ["stroma", "tumour"]
    for row, name in enumerate(("stroma", "tumour")):
        table.item(row, CLASS).setText(name)
    files = form.files()
    added = add_files(project, files.images, **files.options())
    assert len(added.tiles) == 7
    assert added.labels == ("a_1",)
    assert (project.label("b_1")[SIDE_PX // 2 :] == 1).all()
