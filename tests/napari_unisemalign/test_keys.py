"""The sheet of keys, and keys that the user changes there or in napari's preferences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from napari.settings import get_plugin_settings
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_unisemalign import manifest
from napari_unisemalign.actions.catalogue import ACTIONS, BY_ID, PLUGIN
from napari_unisemalign.actions.shortcuts import Shortcuts, canonical
from training_core.base.errors import ConfigError
from training_core.project import Project

pytestmark = pytest.mark.binding

ALT = Qt.KeyboardModifier.AltModifier
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def installed(plugin_settings: Any, npe2pm: Any) -> Iterator[None]:
    """Napari knows our manifest, and keeps its settings in this test's folder."""
    with npe2pm.tmp_plugin(manifest=PluginManifest.from_file(manifest.PATH)):
        yield


@pytest.fixture
def sheet(installed: None, window: Any, project: Project) -> tuple[Any, Any, Callable[..., None]]:
    """(driver, dialog, press): the sheet is open beside a project; `press` presses keys on the canvas."""
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)

    def press(key: Qt.Key, modifier: Qt.KeyboardModifier = NONE) -> None:
        driver.press(key, modifier)

    press(Qt.Key.Key_F1)
    return driver, driver.panel.controller.keys.dialog, press


def choose(dialog: Any, title: str) -> int:
    rows = [row for row in range(dialog.table.rowCount()) if dialog.table.item(row, 0).text() == title]
    assert len(rows) == 1
    dialog.table.setCurrentCell(rows[0], 0)
    return rows[0]


def type_key(dialog: Any, key: Qt.Key, modifier: Qt.KeyboardModifier = NONE) -> None:
    QTest.keyClick(dialog.edit, key, modifier)
    dialog.edit.editingFinished.emit()  # Qt waits a second for a second stroke


def test_f1_lists_every_action_with_its_key_and_what_a_painter_needs_of_napari(sheet: Any) -> None:
    _driver, dialog, _press = sheet
    shown = {
        dialog.table.item(row, 0).text(): dialog.table.item(row, 1).text() for row in range(dialog.table.rowCount())
    }
    assert {each.title for each in ACTIONS} < set(shown)
    assert shown[BY_ID["accept-tile"].title] == "Alt+A"
    assert shown[BY_ID["next-tile"].title] == "PgDown"
    assert shown["Decrease the paint brush size by one"] == "["
    assert shown["Activate the paint brush"] == "P"  # napari's 2 paints with our second class
    choose(dialog, "Activate the paint brush")
    assert not dialog.edit.isEnabled()
    assert "napari's own" in dialog.hint.text()


def test_a_new_key_works_at_once_and_the_old_one_no_longer(sheet: Any) -> None:
    driver, dialog, press = sheet
    row = choose(dialog, BY_ID["next-tile"].title)
    type_key(dialog, Qt.Key.Key_Right, ALT)
    assert dialog.table.item(row, 1).text() == "Alt+Right"
    assert get_plugin_settings(PLUGIN).keys.next_tile == "Alt+Right"
    press(Qt.Key.Key_PageDown)
    assert driver.session.tile == "tile_01"
    press(Qt.Key.Key_Right, ALT)
    assert driver.session.tile == "tile_02"  # the layers came before the change
    press(Qt.Key.Key_Right, ALT)
    assert driver.session.tile == "tile_03"  # these came after it
    QTest.mouseClick(dialog.reset_button, Qt.MouseButton.LeftButton)
    press(Qt.Key.Key_PageDown)
    assert driver.session.tile == "tile_04"


def test_the_table_of_classes_shows_the_key_that_really_paints(sheet: Any) -> None:
    driver, dialog, press = sheet
    table, hint = driver.panel.classes.table, driver.panel.classes.hint
    assert [table.item(row, 0).text() for row in range(2)] == ["1", "2"]
    assert "1 to 9" in hint.text()
    choose(dialog, BY_ID["paint-class-1"].title)
    type_key(dialog, Qt.Key.Key_Right, ALT)
    assert [table.item(row, 0).text() for row in range(2)] == ["Alt+Right", "2"]
    assert "1 to 9" not in hint.text()
    press(Qt.Key.Key_2)
    press(Qt.Key.Key_Right, ALT)
    assert driver.session.class_id == driver.session.classes()[0].id


def test_a_key_that_another_action_has_is_refused_with_its_name(sheet: Any) -> None:
    _driver, dialog, _press = sheet
    row = choose(dialog, BY_ID["next-tile"].title)
    type_key(dialog, Qt.Key.Key_A, ALT)
    assert dialog.table.item(row, 1).text() == "PgDown"
    assert BY_ID["accept-tile"].title in dialog.hint.text()
    assert "Try:" in dialog.hint.text()


def test_an_action_may_have_no_key(sheet: Any) -> None:
    driver, dialog, press = sheet
    row = choose(dialog, BY_ID["next-tile"].title)
    QTest.mouseClick(dialog.none_button, Qt.MouseButton.LeftButton)
    assert dialog.table.item(row, 1).text() == ""
    press(Qt.Key.Key_PageDown)
    assert driver.session.tile == "tile_01"


def test_the_sheet_closes_and_opens_again(sheet: Any, qtbot: Any) -> None:
    driver, dialog, press = sheet
    controller = driver.panel.controller.keys
    QTest.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: controller.dialog is None)
    press(Qt.Key.Key_F1)
    assert controller.dialog.isVisible()


def test_what_cannot_be_a_key_in_the_preferences_is_told_and_the_first_one_stays(sheet: Any, qtbot: Any) -> None:
    driver, dialog, press = sheet
    QTest.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: driver.panel.controller.keys.dialog is None)
    get_plugin_settings(PLUGIN).keys.next_tile = "Hyper-Q"
    assert "Hyper-Q is not a key" in notification_manager.records[-1].message
    press(Qt.Key.Key_PageDown)
    assert driver.session.tile == "tile_02"
    get_plugin_settings(PLUGIN).keys.next_tile = "PageUp"
    assert "PageUp is used for" in notification_manager.records[-1].message


def test_without_an_installed_plugin_keys_work_and_changing_one_says_what_to_do(plugin_settings: Any) -> None:
    shortcuts = Shortcuts()
    keys, problems = shortcuts.keys()
    assert not shortcuts.are_kept
    assert not problems
    assert keys["accept-tile"] == "Alt+A"
    with pytest.raises(ConfigError, match="pip install"):
        shortcuts.assign("accept-tile", "Alt+Shift+Q", {})


@pytest.mark.parametrize(
    ("given", "key"), [("Alt-T", "Alt+T"), ("pagedown", "PageDown"), ("", ""), (" ", ""), ("Foo-Q", "")]
)
def test_keys_have_one_way_to_be_written(given: str, key: str) -> None:
    assert canonical(given) == key


def in_sight(dialog: Any) -> list[str]:
    table = dialog.table
    return [table.item(row, 0).text() for row in range(table.rowCount()) if not table.isRowHidden(row)]


def test_the_sheet_has_groups_and_a_search_by_words_and_keys(sheet: Any) -> None:
    driver, dialog, _press = sheet
    everything = in_sight(dialog)
    headings = ["Project and window", "Tiles and painting", "Training", "Review", "napari's own"]
    assert [words for words in everything if words in headings] == headings
    assert everything.index("Show the next tile") > everything.index("Tiles and painting")
    assert dialog.search.hasFocus() or not dialog.isActiveWindow()
    QTest.keyClicks(dialog.search, "tile review")
    assert in_sight(dialog) == [
        "Review", "Accept the tile and show the next", "Accept the whole tile", "Reject the prediction of this tile",
        "Clear the rejections of this tile", "Show the next tile to review",
    ]  # fmt: skip
    assert driver.session.tile == "tile_01"  # the letters were keys of nothing
    dialog.search.clear()
    QTest.keyClicks(dialog.search, "pgdown")
    assert in_sight(dialog) == ["Tiles and painting", "Show the next tile"]
    type_key(dialog, Qt.Key.Key_Right, ALT)  # the one line that is left is chosen
    assert get_plugin_settings(PLUGIN).keys.next_tile == "Alt+Right"
    QTest.mouseClick(dialog.reset_button, Qt.MouseButton.LeftButton)
    dialog.search.clear()
    assert in_sight(dialog) == everything


def test_a_heading_cannot_be_chosen(sheet: Any) -> None:
    _driver, dialog, _press = sheet
    table = dialog.table
    (heading,) = table.findItems("Training", Qt.MatchFlag.MatchExactly)
    choose(dialog, "Snap the last stroke to the predicted edge")
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_Down)
    assert table.currentRow() == heading.row() + 1
