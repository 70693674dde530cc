"""No text is cut: in a panel of 320 px, with long names; a text that must be shortened has all of it as its tooltip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QFont, QFontMetrics
from qtpy.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_unisemalign.shell.pages import Place
from napari_unisemalign.tiles.standing import Standing
from napari_unisemalign.tiles.tile_list_view import THUMBNAIL_PX
from napari_unisemalign.tiles.tile_row_view import SMALLER, narrowed
from training_core.project import Project, TileState

LONG = "invasive mucinous adenocarcinoma with signet-ring cells"
SLACK_PX = 2


def cut(root: QWidget) -> Iterator[str]:
    """Texts in sight that have less room than they need."""
    for widget in root.findChildren(QWidget):
        if not widget.isVisible() or widget.window() is not root.window():
            continue
        words, needed = "", 0
        metrics = widget.fontMetrics()
        if isinstance(widget, QLabel) and widget.text():
            words = re.sub("<[^>]*>", "", widget.text())
            if widget.wordWrap():
                if widget.heightForWidth(widget.width()) > widget.height() + SLACK_PX:
                    yield f"too low: {words}"
                continue
            needed = metrics.horizontalAdvance(words)
        elif isinstance(widget, (QPushButton, QCheckBox, QRadioButton)):
            words, needed = widget.text(), widget.sizeHint().width()
        elif isinstance(widget, QAbstractButton) and widget.text():
            words, needed = widget.text(), metrics.horizontalAdvance(widget.text().replace("&&", "&"))
        elif isinstance(widget, QComboBox):
            words, needed = widget.currentText(), metrics.horizontalAdvance(widget.currentText())
        elif isinstance(widget, QLineEdit):  # those of spin boxes too
            words = widget.text() or widget.placeholderText()
            needed = 0 if widget.toolTip() and words in widget.toolTip() else metrics.horizontalAdvance(words)
        elif isinstance(widget, QTableWidget):
            yield from cut_cells(widget)
        if needed > widget.width() + SLACK_PX:
            yield f"{type(widget).__name__} {words}: {needed} px in {widget.width()}"
        if "…" in words and not words.endswith("…") and len(widget.toolTip()) <= len(words):
            yield f"shortened without a tooltip: {words}"


def cut_cells(table: QTableWidget) -> Iterator[str]:
    """Headers and cells whose tooltip does not have the text."""
    header = table.horizontalHeader()
    metrics = header.fontMetrics()
    for column in range(table.columnCount()):
        item = table.horizontalHeaderItem(column)
        lines = item.text().split("\n") if item is not None and header.isVisible() else []
        needed = max(map(metrics.horizontalAdvance, lines), default=0)
        if needed > header.sectionSize(column) and item.text() not in item.toolTip():
            yield f"header {lines}: {needed} px in {header.sectionSize(column)}"
        for row in range(table.rowCount()):
            cell = table.item(row, column)
            words = cell.text() if cell is not None else ""
            needed = table.fontMetrics().horizontalAdvance(words)
            if cell is not None and needed > table.columnWidth(column) and words not in cell.toolTip():
                yield f"cell {words}: {needed} px in {table.columnWidth(column)}"


def test_a_cut_text_is_found(qtbot: Any) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    label, button, low = (
        QLabel("a long sentence", root),
        QPushButton("a long sentence", root),
        QLabel("a b c d e f", root),
    )
    label.setFixedWidth(20)
    button.setFixedWidth(20)
    low.setWordWrap(True)
    low.setFixedSize(20, 10)
    table = QTableWidget(1, 1, root)
    table.setHorizontalHeaderLabels(["a long sentence"])
    table.setItem(0, 0, QTableWidgetItem("a long sentence"))
    table.setColumnWidth(0, 20)
    line = QLineEdit("a long sentence", root)
    line.setFixedWidth(20)
    root.show()
    assert len(list(cut(root))) == 6


@pytest.mark.parametrize("size", [(1366, 768), pytest.param((1280, 720), marks=pytest.mark.nightly)])
def test_nothing_is_cut_on_any_page(window: Any, predicted_project: Project, size: tuple[int, int]) -> None:
    viewer, driver, _answers = window
    predicted_project.update_class(1, name=LONG)
    predicted_project.add_round("20260101-000000")
    (predicted_project.runs_dir / "20260101-000000" / "events.jsonl").write_text("")
    viewer.window.resize(*size)
    panel = driver.panel
    panel.controller.open_project(predicted_project.path)
    driver.wait(lambda: bool(driver.session.past), "the round")
    driver.click(panel.cleanup.switch)
    driver.click(panel.areas.count_button)
    driver.click(panel.rounds.measure_button)
    driver.wait(lambda: panel.rounds.table.rowCount() > 0 and panel.areas.table.rowCount() > 0, "the numbers")
    main = viewer.window._qt_window
    main.resizeDocks([panel.parentWidget()], [320], Qt.Orientation.Horizontal)
    found = {}
    for place in Place:
        driver.open_place(place)
        for fold in panel.pages.page(place).folds:
            fold.set_open(True)
        driver.pause(0.2)
        assert panel.width() <= 330, place
        found[place] = sorted({*cut(panel), *cut(panel.tiles)})
    assert {place: each for place, each in found.items() if each} == {}


def test_the_state_of_every_tile_has_room_in_the_narrow_list(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    driver.pause(0.2)
    view = driver.panel.tiles.list
    scroll_bar = view.verticalScrollBar().sizeHint().width()
    room = view.viewport().width() - scroll_bar - (THUMBNAIL_PX + 9) - 2 - 12
    font = QFont(view.font())
    font.setPixelSize(round(SMALLER * view.fontInfo().pixelSize()))
    lines = [Standing(state, validates).short for state in TileState for validates in (False, True)]
    lines += [*(f"{line} 100 %" for line in ("annotated", "predicted", "accepted")), "rejected"]
    widths = {line: QFontMetrics(narrowed(font, line, room)).horizontalAdvance(line) for line in lines}
    assert {line: width for line, width in widths.items() if width > room} == {}
