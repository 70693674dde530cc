"""Texts go through the catalogue: in a language that puts brackets around all of them, none is without."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import napari_unisemalign

IN_BRACKETS = """
import gettext, json, os, sys
from pathlib import Path
from training_core.base import i18n

class Brackets(gettext.NullTranslations):
    def gettext(self, message):
        return f"⟦{message}⟧"
    def ngettext(self, one, many, count):
        return f"⟦{one if count == 1 else many}⟧"

i18n._catalogue = Brackets()  # before any other module of the window is imported, and asks for its words

import napari
from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit, QTableWidget, QWidget
from napari_unisemalign.tools.driver import Driver
from napari_unisemalign.plugin import panel_in
from napari_unisemalign.shell.pages import Place
from napari_unisemalign.shell.details_view import DetailsDialog
from napari_unisemalign.actions.keys_view import KeysDialog
from napari_unisemalign.tiles.new_project.form_view import NewProjectDialog

def texts(root):
    for each in (root, *root.findChildren(QWidget)):
        yield from (each.toolTip(), each.accessibleName(), each.windowTitle() if each.isWindow() else "")
        if isinstance(each, (QLabel, QAbstractButton)):
            yield each.text()
        if isinstance(each, QLineEdit):
            yield each.placeholderText()
        if isinstance(each, QComboBox):
            yield from (each.itemText(index) for index in range(each.count()))
        if isinstance(each, QTableWidget):
            items = [each.horizontalHeaderItem(column) for column in range(each.columnCount())]
            items += [each.item(row, column) for row in range(each.rowCount()) for column in range(each.columnCount())]
            for item in filter(None, items):
                yield from (item.toolTip(), "" if item.row() >= 0 else item.text())

viewer = napari.Viewer(show=True)
driver = Driver(viewer, panel_in(viewer))
found = set()
for path in (None, Path(sys.argv[1])):
    if path is not None:
        driver.panel.controller.open_project(path)
    panel = driver.panel
    for place in Place:
        driver.open_place(place if path else Place.PROJECT)
        for fold in panel.pages.page(panel.pages.place).folds:
            fold.set_open(True)
            found.add(fold.title)
        head = (panel.messages, panel.tour, panel.head.tile_bar, panel.correct.head, panel.tiles.order)
        for part in (*head, panel.classes, panel.cleanup, panel.correct.regions, panel.export):
            found.update(texts(part))
        found.update(button.text() for button in panel.head.tabs.values())
driver.panel.controller.tour.start()
found.update(texts(driver.panel.tour))
for dialog in (KeysDialog(), NewProjectDialog(), DetailsDialog("…")):
    found.update(texts(dialog))
Path(sys.argv[2]).write_text(json.dumps(sorted(found)))
viewer.close()
"""
NOT_WORDS = {"PNG", "TIFF", "GeoJSON", "COCO", "OME-TIFF", "OME-Zarr", "OME-Zarr 0.5", "Cancel", "Press shortcut"}
"""Formats, and what Qt translates itself."""


@pytest.mark.timeout(200)
def test_in_another_language_no_text_stays_english(predicted_project: object, tmp_path: Path) -> None:
    path, found = predicted_project.path, tmp_path / "texts.json"  # type: ignore[attr-defined]
    command = [sys.executable, "-c", IN_BRACKETS, str(path), str(found)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    texts = [text for text in json.loads(found.read_text()) if sum(letter.isalpha() for letter in text) > 1]
    assert len(texts) > 60
    english = [text for text in texts if "⟦" not in text and text not in NOT_WORDS and str(path) not in text]
    assert english == [], "\n".join(english)


SHOW_TEXT = {
    *("QLabel", "QPushButton", "QCheckBox", "QRadioButton", "QGroupBox", "QAction"),
    *("setText", "setToolTip", "setWindowTitle", "setPlaceholderText", "setStatusTip", "setAccessibleName"),
}


def plain_texts(source: str) -> list[str]:
    """The literals with words in them that go to Qt without `tr`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [*node.args, *(keyword.value for keyword in node.keywords)] if name in SHOW_TEXT else []
            for each in given:
                parts = each.values if isinstance(each, ast.JoinedStr) else [each]
                texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
                found += [text for text in texts if any(map(str.isalpha, text))]
    return found


def test_no_text_in_the_source_goes_to_qt_without_the_catalogue() -> None:
    assert plain_texts('QLabel("No"); b.setText(f"No {x}"); b.setToolTip(tr("Yes"))') == ["No", "No "]
    folder = Path(napari_unisemalign.__file__).parent
    found = {
        str(path.relative_to(folder)): plain_texts(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.py"))
    }
    assert {name: texts for name, texts in found.items() if texts} == {}
