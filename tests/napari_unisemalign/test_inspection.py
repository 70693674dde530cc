"""Nothing is cut off at 1366 x 768, everything has a name and is reached by keyboard: each step, dark and light."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QScrollBar,
    QVBoxLayout,
    QWidget,
)

from napari_unisemalign.actions.keys_view import KeysDialog
from napari_unisemalign.shell.pages import Place
from napari_unisemalign.tiles.new_project.form_view import NewProjectDialog
from napari_unisemalign.tiles.pixel_sizes_view import PixelSizesDialog
from napari_unisemalign.widgets.common import ElidedLabel
from training_core.project import Project

FIELDS = (QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit, QAbstractItemView)
COMBO_ARROW_PX = 20


def shown(root: QWidget) -> Iterator[QWidget]:
    """Every visible widget in `root`."""
    return (each for each in root.findChildren(QWidget) if each.isVisible())


def describe(widget: Any) -> str:
    words = widget.text() if hasattr(widget, "text") and callable(widget.text) else ""
    return f"{type(widget).__name__} “{words or widget.accessibleName() or widget.objectName()}”"


def cut_off(root: QWidget) -> list[str]:
    """Each visible text that does not fit into its widget, and each widget that its scroll area cuts off sideways."""
    found = []
    for widget in shown(root):
        needed, given = _width_needed(widget), widget.width()
        if needed > given:
            found.append(f"{describe(widget)} needs {needed} px and has {given}")
        if isinstance(widget, QLabel) and widget.wordWrap() and widget.height() < widget.heightForWidth(given):
            found.append(
                f"{describe(widget)} needs a height of {widget.heightForWidth(given)} px, has {widget.height()}"
            )
        area = _scroll_area(widget)
        if area is not None:
            place = QRect(widget.mapTo(area.viewport(), QPoint(0, 0)), widget.size())
            if place.left() < 0 or place.right() >= area.viewport().width():
                found.append(f"{describe(widget)} reaches out of the step")
    return found


def nameless(root: QWidget) -> list[str]:
    """Each visible part to operate that a screen reader could only call by its kind."""
    buddies = {label.buddy() for label in root.findChildren(QLabel) if label.buddy() is not None}
    return [
        f"{describe(each)} in {describe(each.parentWidget())}"
        for each in _operable(root)
        if not (each.accessibleName() or each in buddies or (isinstance(each, QAbstractButton) and each.text()))
    ]


def out_of_reach(root: QWidget) -> list[str]:
    """Each enabled visible part to operate that Tab does not come to."""
    return [
        describe(each)
        for each in _operable(root)
        if each.isEnabled() and not each.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]


def walk(start: QWidget, root: QWidget, press: Any) -> list[QWidget]:
    """Press Tab from `start` on until it comes round or leaves `root`; where the focus was."""
    start.setFocus()
    visited: list[QWidget] = []
    focused = QApplication.focusWidget()
    while focused is not None and root.isAncestorOf(focused) and focused not in visited:
        visited.append(focused)
        press(focused)
        focused = QApplication.focusWidget()
    return visited


def _operable(root: QWidget) -> list[QWidget]:
    return [
        each
        for each in shown(root)
        if isinstance(each, (QAbstractButton, *FIELDS))
        and not isinstance(each, QScrollBar)
        and not isinstance(each.parentWidget(), (QAbstractSpinBox, QComboBox, QAbstractItemView, QKeySequenceEdit))
        and not type(each).__name__.startswith("QHeaderView")
    ]


def _width_needed(widget: QWidget) -> int:
    metrics = widget.fontMetrics()
    if isinstance(widget, ElidedLabel) or (isinstance(widget, QLabel) and widget.wordWrap()):
        return 0
    if isinstance(widget, QLabel):
        return max((metrics.horizontalAdvance(line) for line in widget.text().splitlines()), default=0)
    if isinstance(widget, QAbstractButton) and widget.text():
        beside = sum(metrics.horizontalAdvance(label.text()) for label in widget.findChildren(QLabel))
        return metrics.horizontalAdvance(widget.text().replace("&", "")) + beside
    if isinstance(widget, QComboBox):
        return metrics.horizontalAdvance(widget.currentText()) + COMBO_ARROW_PX
    if isinstance(widget, QAbstractSpinBox):
        return metrics.horizontalAdvance(widget.text())
    return 0


def _scroll_area(widget: QWidget) -> QScrollArea | None:
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, QAbstractItemView):
            return None
        if isinstance(parent, QScrollArea):
            inner = parent.widget()
            return parent if inner is not None and inner.isAncestorOf(widget) else None
        parent = parent.parentWidget()
    return None


def open_all(driver: Any, place: Place) -> None:
    """Show a page with all that can be unfolded in it; without a project there is one page only."""
    if driver.session.project is None:
        place = Place.PROJECT
    driver.open_place(place)
    for fold in driver.panel.pages.page(place).folds:
        fold.set_open(True)


def assert_fits(driver: Any, root: QWidget, where: str) -> None:
    """Once the layout has settled."""
    for _attempt in range(20):
        if not cut_off(root):
            return
        driver.pause(0.1)
    assert cut_off(root) == [], where


@pytest.mark.parametrize("theme", ["dark", pytest.param("light", marks=pytest.mark.nightly)])
def test_no_text_is_cut_off_in_any_step(window: Any, predicted_project: Project, theme: str) -> None:
    viewer, driver, _answers = window
    viewer.theme = theme
    driver.pause(0.3)
    assert_fits(driver, driver.panel, "no project")
    driver.panel.controller.open_project(predicted_project.path)
    for place in Place:
        open_all(driver, place)
        driver.pause(0.1)
        assert_fits(driver, driver.panel, f"page {place}")
        assert_fits(driver, driver.panel.tiles, "the tiles")
    driver.panel.controller.tour.start()
    driver.panel.messages.show_message("What was given. " * 8, details="…", is_error=True)
    for place in Place:
        open_all(driver, place)
        driver.pause(0.1)
        assert_fits(driver, driver.panel, f"page {place} with a message and the tour")


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "factor", [pytest.param("1.25", marks=pytest.mark.nightly), "1.5", pytest.param("2", marks=pytest.mark.nightly)]
)
def test_no_text_is_cut_off_when_the_desktop_is_scaled(factor: str) -> None:
    this = f"{__file__}::test_no_text_is_cut_off_in_any_step"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", this]
    environment = {**os.environ, "QT_SCALE_FACTOR": factor}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=380, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "2 passed" in done.stdout


def test_every_part_has_a_name_and_is_reached_with_tab(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    panel = driver.panel
    viewer.window._qt_window.activateWindow()
    for name in ("", "a project"):
        if name:
            panel.controller.open_project(predicted_project.path)
        for place in Place:
            open_all(driver, place)
            driver.pause(0.1)
            assert nameless(panel) + nameless(panel.tiles) == [], f"page {place} with {name or 'no project'}"
            assert out_of_reach(panel) + out_of_reach(panel.tiles) == [], f"page {place} with {name or 'no project'}"


def test_tab_goes_from_top_to_bottom_through_the_panel(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    panel = driver.panel
    viewer.window._qt_window.activateWindow()
    panel.controller.open_project(predicted_project.path)
    driver.pause(0.2)
    visited = walk(panel.head.project_button, panel, lambda widget: QTest.keyClick(widget, Qt.Key.Key_Tab))
    headers = [fold.header for fold in panel.pages.page(Place.ANNOTATE).folds]
    expected = [
        panel.head.project_button,
        panel.head.tabs[Place.ANNOTATE],
        panel.chips.chips[1].button,
        panel.correct.accept_next_button,
        headers[0],
        panel.painting.brush_slider,
        *headers[1:],
        panel.train.time.preset_combo,
        panel.train.footer.details_button,
    ]
    assert [each for each in visited if each in expected] == expected


@pytest.mark.parametrize("dialog_class", [KeysDialog, NewProjectDialog, PixelSizesDialog])
def test_dialogs_fit_and_have_names(qtbot: Any, dialog_class: type[QWidget]) -> None:
    dialog = dialog_class()
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.wait(50)
    assert cut_off(dialog) == []
    assert nameless(dialog) == []
    assert out_of_reach(dialog) == []


def test_the_inspection_finds_what_is_wrong(qtbot: Any) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    layout = QVBoxLayout(root)
    narrow, bare = QLabel("much too long for so little room"), QPushButton("")
    narrow.setMaximumWidth(20)
    bare.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    layout.addWidget(narrow)
    layout.addWidget(bare)
    root.show()
    assert len(cut_off(root)) == 1
    assert len(nameless(root)) == 1
    assert len(out_of_reach(root)) == 1
