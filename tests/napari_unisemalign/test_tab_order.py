"""The keyboard goes as the eye does: Tab from above to below, in the panel and in dialogs; Esc, Enter and arrows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QPoint, QRect, Qt, QTimer
from qtpy.QtGui import QContextMenuEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialog, QRadioButton, QWidget

from napari_unisemalign.shell.pages import Page, Place
from napari_unisemalign.tiles.new_project.form import NewProjectForm
from napari_unisemalign.tiles.pixel_sizes import PixelSizes, SizesOfProject
from napari_unisemalign.tiles.pixel_sizes_view import PixelSizesDialog
from tests.napari_unisemalign.conftest import tissue
from training_core.io import write_png
from training_core.project import LabelSource, Project

pytestmark = pytest.mark.binding
MOST_STOPS = 200
_TURNED_BY_A_QUARTER = {0x0112: 6}

Region = Callable[[QWidget], tuple[int, QWidget]]
"""Where a control stands: regions are read one after the other, and their places are told in one widget."""


def focus(widget: QWidget) -> None:
    """Come to it by Tab; its window has to be the active one."""
    window = widget.window()
    window.activateWindow()
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    for _try in range(500):
        if QApplication.focusWidget() is widget:
            return
        QTest.qWait(10)
    raise AssertionError(f"{window} did not become active")


def stops(start: QWidget, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> list[QWidget]:
    """Where Tab goes from here, until it comes back."""
    focus(start)
    found: list[QWidget] = []
    while len(found) < MOST_STOPS:
        focused = QApplication.focusWidget()
        if focused is None or focused in found:
            return found
        found.append(focused)
        QTest.keyClick(focused, Qt.Key.Key_Tab, modifier)
    raise AssertionError(f"Tab does not come back to {start} after {MOST_STOPS} stops")


def backward(found: Iterable[QWidget], region: Region) -> list[str]:
    """The steps that go up, or to the left in a line."""
    wrong = []
    for former, following in pairwise(found):
        (first, within), (second, also) = region(former), region(following)
        above, below = _place(former, within), _place(following, also)
        in_a_line = above.top() <= below.center().y() <= above.bottom()
        goes_back = below.left() < above.left() if in_a_line else below.center().y() < above.top()
        if second < first or (second == first and goes_back):
            wrong.append(f"{_name(former)} -> {_name(following)}")
    return wrong


def _place(widget: QWidget, within: QWidget) -> QRect:
    return QRect(widget.mapTo(within, QPoint(0, 0)), widget.size())


def _name(widget: QWidget) -> str:
    return widget.accessibleName() or getattr(widget, "text", lambda: str(widget))()


@pytest.fixture
def opened(window: Any, predicted_project: Project, truths: Any) -> Any:
    _viewer, driver, _answers = window
    predicted_project.write_label("tile_03", truths["tile_03"], LabelSource.PAINTED)
    predicted_project.add_round("20260101-000000")
    (predicted_project.runs_dir / "20260101-000000" / "events.jsonl").write_text("")
    driver.panel.controller.open_project(predicted_project.path)
    driver.wait(lambda: bool(driver.session.past), "the round")
    return driver


def test_tab_goes_through_panel_and_tiles_as_they_are_read(opened: Any) -> None:
    panel, tiles = opened.panel, opened.panel.tiles
    for place in Place:
        opened.open_place(place)
        page = panel.pages.page(place)
        for fold in page.folds:
            fold.set_open(True)
        opened.pause(0.1)

        def region(widget: QWidget, page: Page = page) -> tuple[int, QWidget]:
            if page.body.isAncestorOf(widget):
                return 1, page.body
            return (2 if panel.train.footer.isAncestorOf(widget) else 0), panel

        all_stops = stops(panel.head.project_button)
        found = [each for each in all_stops if panel.isAncestorOf(each)]
        assert len(found) > 8
        assert backward(found, region) == [], place
        back = stops(panel.head.project_button, Qt.KeyboardModifier.ShiftModifier)
        assert [each for each in back if panel.isAncestorOf(each)][1:] == found[:0:-1]
    order = tiles.order
    wanted = [order.show_combo, order.sort_combo, order.search_edit, order.suggest_button, tiles.list]
    assert [each for each in all_stops if tiles.isAncestorOf(each)] == wanted


def test_the_menu_key_opens_the_menu_of_the_tile_that_the_arrows_came_to(opened: Any) -> None:
    tiles = opened.panel.tiles
    focus(tiles.list)
    QTest.keyClick(tiles.list, Qt.Key.Key_Down)
    opened.wait(lambda: opened.session.tile == "tile_02", "the next tile")
    asked: list[tuple[str, ...]] = []
    tiles.folder_wanted.connect(asked.append)

    def choose() -> None:
        menu = QApplication.activePopupWidget()
        assert menu is not None
        (folder,) = (each for each in menu.actions() if each.text() == "Show in folder")
        menu.setActiveAction(folder)
        QTest.keyClick(menu, Qt.Key.Key_Return)

    QTimer.singleShot(300, choose)
    at = QPoint(0, 0)  # of the mouse, which is elsewhere
    pressed = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, at, at)
    QApplication.sendEvent(opened.panel.window().windowHandle(), pressed)  # as Qt hands on the menu key
    opened.wait(lambda: bool(asked), "the choice")
    assert asked == [("tile_02",)]


@pytest.fixture
def troubled(form: NewProjectForm, settle: Callable[[NewProjectForm], None], tmp_path: Path) -> NewProjectForm:
    """The form for a folder with a question, several pixel sizes and masks that do not all match."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    exif = Image.Exif()
    for tag, value in _TURNED_BY_A_QUARTER.items():
        exif[tag] = value
    Image.fromarray(tissue(1)[0][:60]).save(images / "photo.jpg", exif=exif)
    for seed, name in enumerate(("a", "b")):
        write_png(images / f"{name}.png", tissue(seed)[0])
        write_png(masks / f"{name}_mask.png", tissue(seed)[1].astype(np.uint8))
    form.dialog.set_images([images])
    form.dialog.masks_edit.setText(str(masks))
    settle(form)
    assert form.dialog.questions.isVisible()
    assert form.dialog.values_table.isVisible()
    return form


def test_tab_goes_through_the_form_as_it_is_read(troubled: NewProjectForm) -> None:
    dialog = troubled.dialog

    def region(widget: QWidget) -> tuple[int, QWidget]:
        if dialog.buttons.isAncestorOf(widget):
            return 2, dialog
        return (1 if dialog.beside.isAncestorOf(widget) else 0), dialog

    found = stops(dialog.images_edit)
    assert len(found) > 15
    assert backward(found, region) == []
    assert any(isinstance(each, QRadioButton) for each in found)
    assert found[-1] is dialog.buttons.button(dialog.buttons.StandardButton.Cancel)


def test_a_question_is_answered_and_the_project_made_by_keys(
    troubled: NewProjectForm, settle: Callable[[NewProjectForm], None]
) -> None:
    dialog = troubled.dialog
    assert not dialog.ok_button.isEnabled()
    for each in (dialog.images_edit, dialog.mpp_edit, dialog.cases.edit, dialog.folder_edit):
        focus(each)
        QTest.keyClick(each, Qt.Key.Key_Return)  # what is not ready is not made, and no other button is pressed
        assert dialog.isVisible()
        assert QApplication.activeModalWidget() in (None, dialog)
    ((first, second),) = dialog.questions.buttons.values()
    focus(first)
    QTest.keyClick(first, Qt.Key.Key_Down)
    assert QApplication.focusWidget() is second
    assert not second.isChecked()  # nothing is chosen before somebody chooses
    QTest.keyClick(second, Qt.Key.Key_Space)
    assert second.isChecked()
    settle(troubled)
    assert dialog.ok_button.isEnabled()
    assert QApplication.focusWidget() is second  # the keyboard stays where it is
    QTest.keyClick(dialog.mpp_edit, Qt.Key.Key_Return)
    assert dialog.result() == QDialog.DialogCode.Accepted


def test_esc_leaves_the_form(troubled: NewProjectForm) -> None:
    QTest.keyClick(troubled.dialog.mpp_edit, Qt.Key.Key_Escape)
    assert not troubled.dialog.isVisible()
    assert troubled.dialog.result() == QDialog.DialogCode.Rejected


def test_tab_goes_through_the_pixel_sizes_as_they_are_read(qtbot: Any, project: Project) -> None:
    dialog = PixelSizesDialog()
    qtbot.addWidget(dialog)
    PixelSizes(dialog, SizesOfProject(project))
    dialog.show()
    dialog.choose([dialog._rows[0].name])
    dialog.edit.setText("0.5")
    found = stops(dialog.table)
    assert backward(found, lambda _widget: (0, dialog)) == []
    assert found[0] is dialog.table
    assert dialog.set_button in found
