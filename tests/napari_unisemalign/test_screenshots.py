"""Pictures of the whole window: every state, both themes, two sizes."""

from __future__ import annotations

import csv
import subprocess
import sys
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unisemalign.tools.screenshots import SHARES, SIZES_PX, THEMES, Photographer, State, file_name
from training_core.io import read_image
from training_core.project import Project


def test_a_state_is_taken_in_both_themes_and_sizes(window: Any, project: Project, tmp_path: Path) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    theme = viewer.theme
    photographer = Photographer(driver, tmp_path / "pictures")
    photographer.take(State.PAINTING)
    assert sorted(each.name for each in photographer.pictures) == [
        "painting-dark-1366x768.png",
        "painting-dark-1920x1080.png",
        "painting-light-1366x768.png",
        "painting-light-1920x1080.png",
    ]
    for path in photographer.pictures:
        pixels = read_image(path)
        width, height = (1366, 768) if "1366" in path.name else (1920, 1080)
        assert pixels.shape[:2] == (height, width)
        corner = pixels[-200:-100, -100:, :3]  # the dock, between the steps
        assert (np.median(corner) > 128) == ("light" in path.name)
        assert np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0).shape[0] > 500  # the tile is in it
    assert viewer.theme == theme


@pytest.mark.slow
@pytest.mark.timeout(2000)
def test_the_command_takes_every_state_with_a_real_training(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "napari_unisemalign", "screenshots", str(tmp_path), "--minutes", "0.2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1900, check=False)
    assert done.returncode == 0, done.stderr
    names = {file_name(*each) for each in product(State, THEMES, SIZES_PX)}
    assert {path.name for path in tmp_path.iterdir()} == {*names, SHARES}
    with (tmp_path / SHARES).open(newline="") as table:
        shares = {
            line["state"]: float(line["image_share"]) for line in csv.DictReader(table) if line["width"] == "1366"
        }
    assert min(shares[state] for state in State if state not in (State.EMPTY, State.ERROR)) >= 0.6

    def picture(state: State) -> np.ndarray:
        return read_image(tmp_path / file_name(state, "dark", SIZES_PX[0]))

    states = list(State)
    for before, after in pairwise(states):
        assert (picture(before) != picture(after)).mean() > 0.005, f"{before} and {after} look the same"
