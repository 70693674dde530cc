"""The manifest, the reader, the sample, and the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils._proxies import PublicOnlyProxy
from npe2 import PluginManager, PluginManifest
from qtpy import API, QT5
from qtpy.QtCore import QTimer

import napari_unisemalign
from napari_unisemalign import __main__ as command_line
from napari_unisemalign import plugin
from napari_unisemalign.app.layer_values import LABELS, NAMES, TILE
from napari_unisemalign.tiles import making
from training_core.base.errors import ProjectError
from training_core.project import Project

MANIFEST = Path(napari_unisemalign.__file__).parent / "napari.yaml"


def test_the_manifest_is_valid_and_everything_it_names_exists() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.name == "napari-unisemalign"
    assert manifest.display_name == "UniSemAlign"
    top_level = MANIFEST.parent.parent / "napari.yaml"
    assert top_level.resolve() == MANIFEST.resolve()


def test_napari_finds_the_installed_plugin_and_its_reader(project: Project) -> None:
    plugins = PluginManager.instance()
    plugins.discover()
    assert "napari-unisemalign" in plugins
    readers = {each.plugin_name for each in plugins.iter_compatible_readers([str(project.path)])}
    assert "napari-unisemalign" in readers
    for path in ("picture.png", "notes.json"):
        readers = {each.plugin_name for each in plugins.iter_compatible_readers([path])}
        assert "napari-unisemalign" not in readers  # no question which reader to use for a picture


def test_the_reader_takes_project_folders_only(project: Project, tmp_path: Path) -> None:
    assert plugin.get_reader(str(project.path)) is not None
    assert plugin.get_reader(str(project.path / "project.json")) is not None
    assert plugin.get_reader([str(project.path)]) is not None
    assert plugin.get_reader([str(project.path), str(project.path)]) is None
    assert plugin.get_reader(str(tmp_path)) is None
    assert plugin.get_reader(str(tmp_path / "nothing")) is None


def test_without_a_window_the_reader_returns_the_first_tile(project: Project) -> None:
    read = plugin.get_reader(str(project.path))
    image, labels = read(str(project.path))
    np.testing.assert_array_equal(image[0], project.image("tile_01"))
    assert (labels[0] == 0).all()
    assert labels[2] == "labels"


def test_opening_a_project_folder_opens_the_panel(
    make_napari_viewer: Callable[..., Any], project: Project, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    for _ in range(2):
        viewer.open(str(project.path), plugin="napari-unisemalign")
    panels = [each for each in viewer.window.dock_widgets.values() if isinstance(each, plugin.UniSemAlignPanel)]
    assert len(panels) == 1
    assert panels[0].controller.session.project.path == project.path
    assert {NAMES[TILE], NAMES[LABELS]} <= {layer.name for layer in viewer.layers}
    assert plugin.DOCK_NAME in viewer.window.dock_widgets  # the name that the Plugins menu looks for


def test_the_sample_menu_opens_the_panel_on_the_sample(
    make_napari_viewer: Callable[..., Any], project: Project, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "sample_folder", lambda: project.path)
    viewer = make_napari_viewer(show=True)
    viewer.open_sample("napari-unisemalign", "sample-project")
    qtbot.waitUntil(lambda: {NAMES[TILE], NAMES[LABELS]} <= {layer.name for layer in viewer.layers}, timeout=10_000)
    assert plugin.panel_in(viewer).controller.session.tile == "tile_01"


def test_the_sample_is_made_the_first_time_and_the_panel_tells_how_far(
    make_napari_viewer: Callable[..., Any],
    project: Project,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, told = tmp_path / "home" / "sample", []

    def slow_copy(path: Path, progress: Callable[[int, int, str], None]) -> Project:
        for done in range(3):
            progress(done, 3, f"drawing tile {done}")
            time.sleep(0.1)
        shutil.copytree(project.path, path)
        return Project.open(path)

    monkeypatch.setattr(making, "make_demo", slow_copy)
    monkeypatch.setattr(plugin, "sample_folder", lambda: folder)
    viewer = make_napari_viewer(show=True)
    summary = plugin.panel_in(viewer).project.summary
    timer = QTimer()
    timer.timeout.connect(lambda: told.append(summary.text()))
    timer.start(20)
    viewer.open_sample("napari-unisemalign", "sample-project")
    timer.stop()
    assert any("of 3: drawing tile" in text for text in told)  # the window was alive meanwhile
    qtbot.waitUntil(lambda: {NAMES[TILE], NAMES[LABELS]} <= {layer.name for layer in viewer.layers}, timeout=10_000)
    assert plugin.panel_in(viewer).controller.session.project.path == folder


def test_the_plugins_menu_works_with_the_public_interface_only(
    make_napari_viewer: Callable[..., Any], project: Project, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, panel = viewer.window.add_plugin_dock_widget("napari-unisemalign", "Train a tissue segmenter")
        assert isinstance(panel.controller.context.viewer, PublicOnlyProxy)
        panel.controller.open_project(project.path)
        panel.controller.tiles.show("tile_03")
        panel.controller.classes.paint_with(1)
        viewer.layers[NAMES[LABELS]].paint((20, 20), 2)
        assert panel.controller.labels.flush()
    assert project.has_label("tile_03")


def test_a_wrong_path_on_the_command_line_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main([str(tmp_path / "nothing")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    with pytest.raises(ProjectError):
        Project.open(tmp_path / "nothing")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there may a display be missing")
def test_without_a_display_the_command_line_says_what_to_do(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    command = [sys.executable, "-m", "napari_unisemalign", "drive", str(tmp_path / "demo")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 2
    assert "xvfb-run" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        command_line.main(["--help"])
    text = capsys.readouterr().out
    assert all(command in text for command in command_line.COMMANDS)


START = """
import sys
import napari
from napari.utils.notifications import notification_manager
from qtpy.QtTest import QTest

def run():  # in place of waiting for a user
    QTest.qWait(200)
    print(*(each.message for each in notification_manager.records), sep="\\n")
    napari.current_viewer().close()

napari.run = run
{start}
"""


def notices(start: str, home: Path) -> str:
    """What a napari that starts like this has told its user."""
    environment = {**os.environ, "HOME": str(home), "QT_API": API}
    command = [sys.executable, "-c", START.format(start=start)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.nightly
@pytest.mark.skipif(not QT5, reason="napari has nothing to say about the other bindings")
def test_our_own_start_is_silent_about_pyqt5_and_napari_s_is_not(tmp_path: Path) -> None:
    told = notices("napari.Viewer(); run()", tmp_path / "home_1")
    assert "PyQt5 backend is deprecated" in told
    told = notices("from napari_unisemalign.__main__ import main; sys.exit(main([]))", tmp_path / "home_2")
    assert "PyQt5" not in told
    assert "Qt6" not in told
