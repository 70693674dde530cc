"""The wheel scrolls and keys act; neither changes a control or a list unasked, anywhere in the panel or a dialog."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QHeaderView,
    QLineEdit,
    QListView,
    QScrollBar,
    QTabBar,
    QWidget,
)

import napari_unisemalign
from napari_unisemalign.actions.keys_view import KeyRow, KeysDialog
from napari_unisemalign.annotate.class_removal_view import RemoveClassDialog
from napari_unisemalign.annotate.label_history_view import LabelHistoryDialog
from napari_unisemalign.app.dialogs import ClassUse
from napari_unisemalign.shell.details_view import DetailsDialog
from napari_unisemalign.shell.pages import Place
from napari_unisemalign.tiles.import_classes_view import ImportClassesDialog
from napari_unisemalign.tiles.new_project.form_view import NewProjectDialog
from napari_unisemalign.tiles.pixel_sizes_view import PixelSizesDialog, SizeRow
from napari_unisemalign.widgets.deliberate import DeliberateDialog
from training_core.project import Project
from training_core.project.classes import MaskValue
from training_core.project.drawn_classes import COMPLETE, FoundClass

pytestmark = pytest.mark.binding


def turn_wheel(target: QWidget, turn: int) -> None:
    """As Qt hands on a turn of the real wheel: to the widget under the mouse, then up until one takes it."""
    while not target.isWindow():
        middle = target.rect().center()
        event = QWheelEvent(
            QPointF(middle),
            QPointF(target.mapToGlobal(middle)),
            QPoint(),
            QPoint(0, turn),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(target, event)
        if event.isAccepted():
            return
        target = target.parentWidget()


def value_of(control: QWidget) -> Any:
    if isinstance(control, (QComboBox, QTabBar)):
        return control.currentIndex()
    return control.text() if isinstance(control, QAbstractSpinBox) else control.value()


def put_in_the_middle(control: QWidget) -> bool:
    """Where both turns of the wheel have something to change; False where nothing can."""
    if isinstance(control, QTabBar) or (isinstance(control, QComboBox) and control.count() < 2):
        return False
    if isinstance(control, QComboBox):
        control.setCurrentIndex(control.count() // 2)
    elif isinstance(control, QAbstractSlider):
        control.setValue((control.minimum() + control.maximum()) // 2)
    else:
        control.setValue(max(control.minimum(), min(control.maximum(), 3)))
    return True


def controls_in(root: QWidget) -> list[QWidget]:
    kinds = (QComboBox, QAbstractSpinBox, QAbstractSlider, QTabBar)
    return [each for each in root.findChildren(QWidget) if isinstance(each, kinds) and not isinstance(each, QScrollBar)]


def dialogs(parent: QWidget) -> Iterator[QDialog]:
    form = NewProjectDialog(parent)
    form.values_table.set_values([MaskValue(0, 0, 10, "stroma"), MaskValue(1, 1, 20, "gland")])
    form.show_masks(True)
    form.show_slides(True)
    yield form
    project = parent.controller.session.project
    first, *others = project.classes
    yield RemoveClassDialog(ClassUse(first, 1, 10, [*others, first]), parent)
    classes = (FoundClass("Tumor", 3, None), FoundClass("Region*", 1, COMPLETE), FoundClass("", 2, None))
    yield ImportClassesDialog(classes, project.classes, parent)
    keys = KeysDialog(parent)
    keys.set_rows([KeyRow("next-tile", "Next", "PgDown"), KeyRow("undo", "Undo", "Ctrl+Z")])
    yield keys
    yield DetailsDialog("details", parent)
    sizes = PixelSizesDialog(parent)
    sizes.set_rows([SizeRow("a", "0.5 µm/px", "the file", "0.5 µm/px", True), SizeRow("b", "-", "-", "-", False)])
    yield sizes
    picture = np.zeros((20, 40, 3), np.uint8)
    yield LabelHistoryDialog("a", ["painted", "accepted"], lambda _place: picture, parent=parent)


def test_every_dialog_of_ours_is_walked_over(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    walked = set()
    for dialog in dialogs(driver.panel):
        walked.add(type(dialog))
        dialog.deleteLater()
    ours = set()
    for module in pkgutil.walk_packages(napari_unisemalign.__path__, "napari_unisemalign."):
        if not module.name.endswith("__main__"):
            members = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
            ours |= {each for _name, each in members if issubclass(each, QDialog)}
    ours = {each for each in ours if each.__module__.startswith("napari_unisemalign")}
    ours = {each for each in ours if not any(each in other.__mro__[1:] for other in ours)}  # those that nothing extends
    assert ours == walked
    assert all(issubclass(each, DeliberateDialog) for each in ours)


@pytest.fixture
def walk(window: Any, predicted_project: Project) -> Callable[[], Iterator[QWidget]]:
    """Everything that is shown, one after the other: the panel with all its folds, then each dialog."""
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)

    def surfaces() -> Iterator[QWidget]:
        panel = driver.panel
        panel.cleanup.switch.setChecked(True)
        for page in (panel.pages.page(Place.ANNOTATE), *panel.pages.all()):
            driver.open_place(page.place)
            for fold in page.folds:
                fold.set_open(True)
            if page.place is Place.SETTINGS:
                assert panel.settings.body.isVisible()
                for fold in (each for each in panel.settings.folds.values() if not each.header.isChecked()):
                    driver.pause(0.05)
                    driver.click(fold.header)
            driver.pause(0.1)
            yield panel
        yield panel.tiles
        for dialog in dialogs(panel):
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.show()
            driver.pause(0.1)
            yield dialog
            dialog.close()

    return surfaces


def test_neither_wheel_nor_keys_change_anything_that_was_not_asked_for(walk: Any) -> None:
    """Every combo, slider, spin box, row of tabs and list."""
    turned, typed = 0, set()
    for surface in walk():
        controls = controls_in(surface)
        turned += sum(map(wheel_changes_nothing, controls))
        for control in controls:
            if isinstance(control, QComboBox) and not control.isEditable() and control.count() > 1:
                letters_choose_nothing(control)
        for view in surface.findChildren(QAbstractItemView):
            is_list = view.isVisible() and view.window() is surface.window() and not isinstance(view, QHeaderView)
            if is_list and view.model().rowCount():
                typed |= keys_edit_nothing(view)
    assert turned > 80  # those of the advanced settings alone are as many
    assert typed == {"Classes", "What the values of the masks mean"}


def wheel_changes_nothing(control: QWidget) -> bool:
    """Assert it; False where there was nothing to change."""
    control.setEnabled(True)
    if not put_in_the_middle(control):
        return False
    before = value_of(control)
    for turn in (120, -120, -120):
        turn_wheel(control.findChild(QLineEdit) or control, turn)
        assert value_of(control) == before, (control, control.accessibleName())
    assert control.focusPolicy() & Qt.FocusPolicy.WheelFocus != Qt.FocusPolicy.WheelFocus
    return True


def letters_choose_nothing(combo: QComboBox) -> None:
    combo.setCurrentIndex(0)
    for text in {combo.itemText(place)[:1] for place in range(combo.count())}:
        QTest.keyClicks(combo, text)
        assert combo.currentIndex() == 0, combo.accessibleName()


def keys_edit_nothing(view: QAbstractItemView) -> set[str]:
    """Assert that no key opens an editor; the view's name where there is something to edit."""
    editable, columns = set(), range(1 if isinstance(view, QListView) else view.model().columnCount())
    for column in columns:
        view.setCurrentIndex(view.model().index(0, column))
        texts = [str(view.model().index(0, each).data()) for each in columns]
        for key in (Qt.Key.Key_G, Qt.Key.Key_S, Qt.Key.Key_Period, Qt.Key.Key_1):
            QTest.keyClick(view, key)
            assert not any(line.isVisible() for line in view.viewport().findChildren(QLineEdit)), view
        assert [str(view.model().index(0, each).data()) for each in columns] == texts
        is_editable = view.editTriggers() != QAbstractItemView.EditTrigger.NoEditTriggers
        if is_editable and view.model().index(0, column).flags() & Qt.ItemFlag.ItemIsEditable:
            assert view.currentIndex().row() == 0
            editable.add(view.accessibleName())
    return editable


def test_the_wheel_over_a_control_scrolls_and_after_a_click_turns_it(walk: Any, window: Any) -> None:
    _viewer, driver, _answers = window
    next(walk())
    view = driver.panel.overlays
    area = driver.panel.pages.page(Place.ANNOTATE).scroll_area
    slider = view.below_slider
    driver.reveal(slider)
    driver.pause(0.1)
    area.verticalScrollBar().setValue(0)
    turn_wheel(slider, -120)
    assert area.verticalScrollBar().value() > 0
    assert slider.value() == 0
    QTest.mouseClick(slider, Qt.MouseButton.LeftButton)
    before = slider.value()
    turn_wheel(slider, 120)
    assert slider.value() > before
    assert view.sliders["prediction"].value() == 40
    turn_wheel(view.sliders["prediction"], 120)  # another one was clicked
    assert view.sliders["prediction"].value() == 40


@pytest.mark.parametrize("way", ["F2", "Enter", "double click"])
def test_a_class_is_renamed_by_f2_enter_and_a_double_click(window: Any, project: Project, way: str) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    table = driver.panel.classes.table
    driver.reveal(table)
    QTest.keyClicks(table, "7g")
    driver.choose_class(1)
    assert [each.name for each in project.classes] == ["background", "gland"]
    if way == "double click":
        place = table.visualItemRect(table.item(1, 2)).center()
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)  # the first of the two
        QTest.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    else:
        QTest.keyClick(table, Qt.Key.Key_F2 if way == "F2" else Qt.Key.Key_Return)
    (editor,) = (line for line in table.viewport().findChildren(QLineEdit) if line.isVisible())
    editor.selectAll()
    QTest.keyClicks(editor, "crypt 2")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    driver.wait(lambda: [each.name for each in project.classes] == ["background", "crypt 2"], "the new name")
    driver.pause(0.1)
    assert not any(line.isVisible() for line in table.viewport().findChildren(QLineEdit))  # Enter opened no other


def test_what_accept_takes_otherwise_is_said_above_it_and_reset(window: Any, predicted_project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    panel = driver.panel
    view, slider = panel.correct, panel.overlays.below_slider
    driver.reveal(view.accept_tile_button)
    assert view.options.text() == ""
    assert not view.reset_options_button.isVisible()
    for change, words in (
        (lambda: view.source_combo.setCurrentIndex(1), "only the pseudo-label"),
        (lambda: slider.setValue(18), "nothing below confidence 18 %"),
        (lambda: view.replace_check.setChecked(True), "it replaces what you painted"),
        (lambda: panel.cleanup.switch.setChecked(True), "after post-processing"),
        (lambda: view.confidence_spin.setValue(80), "by confidence from 80 % on"),
    ):
        change()
        assert words in view.options.text()
    assert view.options.isVisible()
    top = [each.mapTo(panel, QPoint(0, 0)).y() for each in (view.options, view.accept_tile_button)]
    assert top[0] < top[1]
    driver.click(view.reset_options_button)
    assert view.options.text() == ""
    assert not view.reset_options_button.isVisible()
    driver.click(view.accept_tile_button)  # every pixel of the prediction, as it was before
    assert (driver.label() != 255).all()
