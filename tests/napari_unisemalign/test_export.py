"""Masks out of the window where some tiles cannot be exported, by clicks in a real window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.napari_unisemalign.conftest import SIDE_PX
from training_core.io import read_mask
from training_core.project import LabelSource, Project


def test_export_does_the_good_tiles_and_lists_the_bad_ones(window: Any, project: Project, tmp_path: Path) -> None:
    _viewer, driver, _answers = window
    for number, name in enumerate(("tile_02", "tile_03", "tile_04")):
        project.write_label(name, np.full((SIDE_PX, SIDE_PX), number % 2, np.uint8), LabelSource.IMPORTED)
    damaged = project.path / "labels" / "tile_03.png"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    driver.panel.controller.open_project(project.path)
    with driver.watching():
        paths = driver.export(tmp_path / "masks", "labels", "png")
        assert [path.name for path in paths] == ["tile_02.png", "tile_04.png"]
        assert "Wrote 2 masks" in driver.panel.export.hint.text()
        first, *lines = driver.panel.messages.text.splitlines()
        assert first == "1 tile could not be exported. Once it is mended, export again:"
        assert [line.split(":")[0] for line in lines] == ["tile_03"]
        assert "damaged" in lines[0]
        written = [path.stat().st_mtime_ns for path in paths]
        damaged.write_bytes(whole)
        driver.panel.messages.close_button.click()
        paths = driver.export(tmp_path / "masks", "labels", "png")  # a second press does what is missing
    assert [path.name for path in paths] == ["tile_02.png", "tile_03.png", "tile_04.png"]
    assert "Wrote 1 masks" in driver.panel.export.hint.text()
    assert "2 were there already and are the same." in driver.panel.export.hint.text()
    assert [paths[0].stat().st_mtime_ns, paths[2].stat().st_mtime_ns] == written
    assert not driver.panel.messages.text
    np.testing.assert_array_equal(read_mask(paths[1]), np.ones((SIDE_PX, SIDE_PX), np.uint8))


def test_an_export_of_bad_tiles_alone_says_so_and_the_next_works(window: Any, project: Project, tmp_path: Path) -> None:
    _viewer, driver, _answers = window
    for name in ("tile_02", "tile_03"):
        project.write_label(name, np.ones((SIDE_PX, SIDE_PX), np.uint8), LabelSource.IMPORTED)
        (project.path / "labels" / f"{name}.png").write_bytes(b"")
    driver.panel.controller.open_project(project.path)
    view = driver.panel.export
    with driver.watching():
        view.set_folder(str(tmp_path / "masks"))
        driver.click(view.export_button)
        driver.wait(lambda: "None of 2" in driver.panel.messages.text, "the message")
        assert view.export_button.isEnabled()
        project.write_label("tile_02", np.zeros((SIDE_PX, SIDE_PX), np.uint8), LabelSource.IMPORTED)
        assert [path.name for path in driver.export(tmp_path / "masks")] == ["tile_02.png"]
