"""Pictures of neighbours are read ahead, and are never older than their files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from napari_unisemalign.app.background import Background
from napari_unisemalign.app.layer_values import TILE
from napari_unisemalign.app.pictures import Pictures
from training_core.base.errors import ProjectError
from training_core.io import write_png
from training_core.project import Project


@pytest.fixture
def pictures(qtbot: Any) -> Any:
    background = Background()
    yield Pictures(background)
    background.close()


def test_a_picture_is_read_once_and_again_when_its_file_changes(pictures: Pictures, project: Project) -> None:
    first = pictures.get(project, "tile_01")
    assert pictures.get(project, "tile_01") is first
    np.testing.assert_array_equal(first, project.image("tile_01"))
    path = project.image_path("tile_01")
    write_png(path, 255 - first)
    os.utime(path, ns=(1, 1))
    np.testing.assert_array_equal(pictures.get(project, "tile_01"), 255 - first)


def test_only_so_much_is_kept(pictures: Pictures, project: Project) -> None:
    one = project.image("tile_01").nbytes
    pictures = Pictures(pictures._background, max_bytes=5 * one)
    for name in ("tile_01", "tile_02", "tile_03", "tile_04"):
        pictures.get(project, name)
        for change in range(2):
            os.utime(project.image_path(name), ns=(change + 1, change + 1))
            pictures.get(project, name)
    assert len(pictures._kept) == 5
    assert pictures._kept.nbytes == 5 * one
    assert pictures.is_ready(project, "tile_04")
    assert not pictures.is_ready(project, "tile_01")


def test_a_picture_that_is_gone_says_so_when_it_is_shown_and_not_before(pictures: Pictures, project: Project) -> None:
    project.image_path("tile_02").unlink()
    pictures.read_ahead(project, "tile_02")
    with pytest.raises(ProjectError):
        pictures.get(project, "tile_02")


def test_the_neighbours_of_the_tile_on_screen_are_read_ahead(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    controller = driver.panel.controller
    controller.open_project(project.path)
    pictures = controller.context.pictures
    driver.wait(lambda: pictures.is_ready(driver.session.project, "tile_02"), "the next tile")
    controller.tiles.show("tile_03")
    driver.wait(lambda: pictures.is_ready(driver.session.project, "tile_04"), "the one after")
    np.testing.assert_array_equal(driver.layers.get(TILE).data, project.image("tile_03"))
