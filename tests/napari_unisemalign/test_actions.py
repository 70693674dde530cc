"""One table of actions: keys, menus and commands come from it."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_unisemalign import manifest
from napari_unisemalign.actions.catalogue import ACTIONS, BY_ID, Menu
from napari_unisemalign.handlers import HANDLERS
from training_core.project import Project

pytestmark = pytest.mark.binding


def press(viewer: Any, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, key, modifier)


def test_the_manifest_is_the_one_made_from_the_table() -> None:
    assert manifest.PATH.read_text(encoding="utf-8") == manifest.text(), "run python -m napari_unisemalign.manifest"


def test_every_command_and_menu_of_the_manifest_leads_to_a_function() -> None:
    contributions = PluginManifest.from_file(manifest.PATH).contributions
    commands = {each.id: each.python_name for each in contributions.commands}
    assert len(commands) == len(ACTIONS) + 4  # the panel, the reader, the writer and the sample
    for python_name in commands.values():
        module, _, name = python_name.partition(":")
        assert callable(getattr(importlib.import_module(module), name))
    listed = {item.command for items in contributions.menus.values() for item in items if hasattr(item, "command")}
    shown = {f"napari-unisemalign.{each.id.replace('-', '_')}" for each in ACTIONS if each.menu is not Menu.NONE}
    assert listed == shown | {"napari-unisemalign.panel"}


def test_ids_titles_and_keys_are_used_once() -> None:
    keys = [each.key for each in ACTIONS if each.key]
    assert len(BY_ID) == len(ACTIONS) == len({each.title for each in ACTIONS})
    assert len(set(keys)) == len(keys)
    assert not any(each.title.endswith(".") for each in ACTIONS)


def test_every_action_has_its_handler() -> None:
    assert set(HANDLERS) == set(BY_ID)


def test_without_a_project_every_action_but_opening_one_says_why_not(window: Any) -> None:
    _viewer, driver, _answers = window
    controller = driver.panel.controller
    possible = {each.id for each in ACTIONS if not HANDLERS[each.id].why_not(controller)}
    in_a_project = {"add-images", "import-annotations", "import-annotation-folder", "pixel-sizes"}
    assert possible == {each.id for each in ACTIONS if each.menu is Menu.PROJECT} - in_a_project | {"leave-mode"}
    assert not driver.panel.perform("start-training")
    assert notification_manager.records[-1].message.startswith("Open a project")


def test_keys_change_the_tile_and_choose_the_class(window: Any, project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    with driver.watching():
        press(viewer, Qt.Key.Key_PageDown)
        assert driver.session.tile == "tile_02"
        press(viewer, Qt.Key.Key_PageUp)
        assert driver.session.tile == "tile_01"
        press(viewer, Qt.Key.Key_PageUp)
        assert driver.session.tile == "tile_01"
        assert "first tile" in notification_manager.records[-1].message
        press(viewer, Qt.Key.Key_1)
        assert driver.session.class_id == driver.session.classes()[0].id
        press(viewer, Qt.Key.Key_0)
        assert driver.layers.labels.mode == "erase"
        press(viewer, Qt.Key.Key_9)
        assert "no class number 9" in notification_manager.records[-1].message


def test_a_key_accepts_the_tile(window: Any, predicted_project: Project) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    with driver.watching():
        press(viewer, Qt.Key.Key_A, Qt.KeyboardModifier.AltModifier)
    assert predicted_project.state("tile_01") == "accepted"


def test_a_command_of_the_palette_works_on_the_open_panel(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    python_name = next(
        each.python_name
        for each in PluginManifest.from_file(manifest.PATH).contributions.commands
        if each.id == "napari-unisemalign.next_tile"
    )
    module, _, function = python_name.partition(":")
    getattr(importlib.import_module(module), function)()
    assert driver.session.tile == "tile_02"
