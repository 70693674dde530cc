"""Pictures of the whole window: every state, both themes, several screens."""

from __future__ import annotations

import csv
import subprocess
import sys
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unisemalign.app import preferences, user_folders
from napari_unisemalign.tiles.new_project.form import NewProjectForm
from napari_unisemalign.tools.screens import SCREENS, TIGHT, Screen
from napari_unisemalign.tools.screenshots import FORM, SHARES, STILL, THEMES, Photographer, State, at_scale, file_name
from napari_unisemalign.tools.troubled_folder import make_troubled_folder, photograph_form
from napari_unisemalign.tools.turns import CLICKS, measure_turns, write_turns
from training_core.cli.main import main
from training_core.io import read_image
from training_core.project import LabelSource, Project


def test_a_turn_of_the_work_takes_few_clicks_and_keys(window: Any, predicted_project: Project, tmp_path: Path) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.wait(lambda: not driver.panel.controller.overlays.pending, "the overlays")
    write_turns(measure_turns(driver, predicted_project), tmp_path / CLICKS)
    with (tmp_path / CLICKS).open(newline="") as table:
        lines = list(csv.DictReader(table))
    acts = {line["act"]: (int(line["strokes"]), int(line["clicks"]) + int(line["keys"])) for line in lines}
    assert acts == {
        "accept a right tile and see the next": (0, 1),
        "correct the first object, and go on": (1, 2),  # the class, and Enter
        "correct one object and go on": (1, 1),  # Enter: the brush stays
        "start the next round": (0, 1),
    }


NO_PROJECT = (State.EMPTY, State.ERROR)
"""napari's own docks are in sight."""


@pytest.mark.nightly
@pytest.mark.parametrize(
    "screens",
    [(Screen(1920, 1080, 150), Screen(1366, 768, 150)), (Screen(3840, 2160, 200), Screen(1920, 1080, 200))],
    ids=["150 %", "200 %"],
)
def test_on_a_scaled_screen_nothing_lies_off_it_and_the_image_is_large(
    screens: tuple[Screen, Screen], predicted_project: Project, truths: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """In a process that Qt starts with that scaling; the second screen has as little room as there can be."""
    for name, folder in (("HOME", "home"), ("XDG_STATE_HOME", "state")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setattr(preferences, "preferences_file", user_folders.preferences_file)  # of the other process
    preferences.switch(preferences.LIVE_PREVIEW, False)
    predicted_project.write_label("tile_02", truths["tile_02"], LabelSource.PAINTED)
    predicted_project.add_round("20260101-000000")
    pictures = tmp_path / "pictures"
    states = (State.PAINTING, State.REVIEW, State.EXPORT)
    at_scale(predicted_project.path, pictures, screens, ("dark",), states)
    with (pictures / f"scaled-{screens[0].percent}.csv").open(newline="") as table:
        lines = {(line["state"], line["screen"]): line for line in csv.DictReader(table)}
    assert {each for each, line in lines.items() if line["off_screen"]} == set(), lines
    for state, screen in product(states, screens):
        height, width = read_image(pictures / file_name(state, "dark", screen)).shape[:2]
        assert abs(height - screen.height_px) <= 2  # Qt's pixels are whole ones: 910 of 1.5 for 1366
        assert abs(width - screen.width_px) <= 2
    assert min(float(lines[state, str(screens[0])]["image_share"]) for state in states) >= 0.6


@pytest.mark.nightly
def test_a_state_is_taken_in_both_themes_and_sizes(window: Any, project: Project, tmp_path: Path) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    theme = viewer.theme
    photographer = Photographer(driver, tmp_path / "pictures", SCREENS[:2])
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


def test_the_form_is_taken_with_everything_that_troubles_it(
    window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _viewer, driver, _answers = window
    assert main(["demo", str(tmp_path / "sample"), "--tiles", "6", "--painted", "0"]) == 0
    images, masks = make_troubled_folder(Project.open(tmp_path / "sample"), tmp_path / "troubled")
    told: list[str] = []

    def listen(form: NewProjectForm) -> bool:
        told[:] = form.dialog.overview.texts()
        return is_complete(form)

    is_complete = NewProjectForm.is_complete.fget
    assert is_complete is not None
    monkeypatch.setattr(NewProjectForm, "is_complete", property(listen))
    picture = photograph_form(driver, images, masks, tmp_path / "form.png")
    assert min(read_image(picture).shape[:2]) > 400
    words = "\n".join(told)
    for part in ("1 file cannot be used", "unusual pixel size", "have no mask", "1 mask has no image", "1 .lif"):
        assert part in words, words


ALL_SCREENS = SCREENS + TIGHT


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.timeout(2000)
@pytest.mark.parametrize(
    ("screens", "themes"),
    [(SCREENS[:1], ("dark",)), (ALL_SCREENS, THEMES)],
    ids=["one screen", "all screens"],
)
def test_the_command_takes_every_state_with_a_real_training(
    screens: tuple[Screen, ...], themes: tuple[str, ...], tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    command = [sys.executable, "-m", "napari_unisemalign", "screenshots", str(pictures), "--minutes", "0.2"]
    command += ["--screens", ",".join(map(str, screens)), "--themes", ",".join(themes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1900, check=False)
    assert done.returncode == 0, done.stderr
    here = [screen for screen in screens if screen.percent == 100]
    scaled = [screen for screen in screens if screen.percent != 100]
    names = {file_name(*each) for each in (*product(State, themes, here), *product(STILL, themes, scaled))}
    assert {path.name for path in pictures.iterdir()} == {*names, SHARES, CLICKS, FORM}
    with (pictures / SHARES).open(newline="") as table:
        lines = list(csv.DictReader(table))
    assert [line for line in lines if line["off_screen"]] == []
    wide = {str(screen) for screen in SCREENS}
    shares = [
        float(line["image_share"]) for line in lines if line["screen"] in wide and line["state"] not in NO_PROJECT
    ]
    assert min(shares) >= 0.6

    def picture(state: State) -> np.ndarray:
        return read_image(pictures / file_name(state, "dark", SCREENS[0]))

    states = list(State)
    for before, after in pairwise(states):
        assert (picture(before) != picture(after)).mean() > 0.005, f"{before} and {after} look the same"
