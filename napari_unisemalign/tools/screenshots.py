"""`python -m napari_unisemalign screenshots`: the whole window in each state, in both themes, on several screens.

Everything in the pictures is real: the sample project, painted strokes, a training, its maps, exported masks. Only the
tissue is drawn. Qt reads its scaling when it starts: each other scaling takes a process, on the same project.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import product
from pathlib import Path

from napari_unisemalign.app.layer_values import CONFIDENCE, PREDICTION
from napari_unisemalign.shell.pages import Place
from napari_unisemalign.tools.driver import DriveError, Driver
from napari_unisemalign.tools.scenarios import (
    Say,
    accept_and_correct,
    tile_to_review,
    tiles_to_paint,
    wait_worth_a_picture,
    window,
)
from napari_unisemalign.tools.screens import (
    SCALE_VARIABLE,
    SCREENS,
    TIGHT,
    Screen,
    current_percent,
    off_screen,
)
from napari_unisemalign.tools.troubled_folder import make_troubled_folder, photograph_form
from napari_unisemalign.tools.turns import CLICKS, Act, measure_turns, write_turns
from training_core.demo import read_truth
from training_core.project import Project

THEMES = ("dark", "light")
SHARES = "image-share.csv"
FORM = "form.png"
"""The form for a new project, with a troubled folder: a window of its own, of its own size."""
SETTLE_TURNS = 10
COLUMNS = ("state", "screen", "image_share", "off_screen")


class State(StrEnum):
    """What the window is in the middle of."""

    EMPTY = "empty"
    PAINTING = "painting"
    TRAINING = "training"
    REVIEW = "review"
    CONFIDENCE = "confidence"
    EXPORT = "export"
    ERROR = "error"


STILL = (State.EMPTY, State.PAINTING, State.REVIEW, State.CONFIDENCE, State.EXPORT, State.ERROR)
"""The states that a trained project has without a training that runs."""


def file_name(state: State, theme: str, screen: Screen) -> str:
    """Such as "review-dark-1366x768.png" or "review-dark-3840x2160-200.png"."""
    return f"{state}-{theme}-{screen}.png"


class Photographer:
    """Grabs the window of `driver` into `folder`, in every theme and on every screen, and leaves it as it was."""

    def __init__(self, driver: Driver, folder: Path, screens: Sequence[Screen], themes: Sequence[str] = THEMES) -> None:
        self._driver, self._folder = driver, folder
        self._screens, self._themes = tuple(screens), tuple(themes)
        self.pictures: list[Path] = []
        self.shares: list[tuple[str, ...]] = []
        """Lines of a table: state, screen, the image's share of the window's width, what lies off the screen."""

    def take(self, state: State) -> None:
        """Grab this state."""
        viewer, panel = self._driver.viewer, self._driver.panel
        before = viewer.theme
        for theme, screen in product(self._themes, self._screens):
            viewer.theme = theme
            viewer.window.resize(screen.size.width(), screen.size.height())
            self._settle(screen)
            if viewer.layers:
                viewer.reset_view()
            if theme == self._themes[0]:
                share, wrong = self._driver.image_share(), "; ".join(off_screen(panel, screen))
                self.shares.append((str(state), str(screen), f"{share:.3f}", wrong))
            self.pictures.append(self._driver.screenshot(self._folder / file_name(state, theme, screen)))
        viewer.theme = before
        viewer.window.resize(self._screens[0].size.width(), self._screens[0].size.height())

    def _settle(self, screen: Screen) -> None:
        """The layout takes its time, more of it on a busy machine; what still lies off the screen then stays there."""
        for _turn in range(SETTLE_TURNS):
            self._driver.pause(0.3)
            if not off_screen(self._driver.panel, screen):
                return


def screenshots(
    folder: Path, minutes: float, say: Say, screens: Sequence[Screen] = SCREENS + TIGHT, themes: Sequence[str] = THEMES
) -> tuple[Path, ...]:
    """Grab every state into `folder`, from a sample project that is made for it.

    Raises
    ------
    DriveError: something did not happen. Any exception of the window is raised as it is.
    """
    here = [screen for screen in screens if screen.percent == current_percent()]
    scaled = [screen for screen in screens if screen.percent != current_percent()]
    with tempfile.TemporaryDirectory(prefix="unisemalign-pictures-") as workplace, _own_state(Path(workplace)):
        with window() as driver:
            photographer = Photographer(driver, folder, here or SCREENS[:1], themes)

            def take(state: State) -> None:
                say(f"Taking screenshots: {state}")
                photographer.take(state)

            def take_form(project: Project) -> None:
                say(f"Taking screenshots: {Path(FORM).stem}")
                images, masks = make_troubled_folder(project, Path(workplace) / "troubled")
                photographer.pictures.append(photograph_form(driver, images, masks, folder / FORM))

            write_turns(_walk(driver, Path(workplace), minutes, take, take_form), folder / CLICKS)
        pictures, shares = photographer.pictures, photographer.shares
        for percent in sorted({screen.percent for screen in scaled}):
            say(f"Taking screenshots at {percent} %")
            of_scale = [screen for screen in scaled if screen.percent == percent]
            at_scale(Path(workplace) / "sample", folder, of_scale, themes, STILL)
            with (folder / f"scaled-{percent}.csv").open(encoding="utf-8", newline="") as table:
                shares += [tuple(line) for line in list(csv.reader(table))[1:]]
            (folder / f"scaled-{percent}.csv").unlink()
            pictures += [folder / file_name(*each) for each in product(STILL, themes, of_scale)]
    _write_shares(folder / SHARES, shares)
    return tuple(pictures)


@contextmanager
def _own_state(folder: Path) -> Iterator[None]:
    """A new user's lists inside, on Linux: no name of somebody's projects is to be seen."""
    former = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    try:
        yield
    finally:
        del os.environ["XDG_STATE_HOME"]
        if former is not None:
            os.environ["XDG_STATE_HOME"] = former


def at_scale(
    project: Path, folder: Path, screens: Sequence[Screen], themes: Sequence[str], states: Sequence[State]
) -> None:
    """Have a process of another scaling grab these states of a project into `folder`; all screens have that scaling.

    It writes a table scaled-PERCENT.csv beside them.

    Raises
    ------
    DriveError: the process failed; says how.
    """
    environment = {**os.environ, SCALE_VARIABLE: str(screens[0].percent / 100)}
    given = [",".join(map(str, each)) for each in (screens, themes, states)]
    command = [sys.executable, "-m", "napari_unisemalign.tools.screenshots", str(project), str(folder), *given]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DriveError(f"the screenshots at {screens[0].percent} % failed: {done.stderr[-2000:]}")


def still_states(
    project: Path, folder: Path, screens: Sequence[Screen], themes: Sequence[str], states: Sequence[State]
) -> list[tuple[str, ...]]:
    """Grab these states of a project, in which nothing runs; returns the lines of the table."""
    with window() as driver:
        photographer = Photographer(driver, folder, screens, themes)
        if State.EMPTY in states:
            photographer.take(State.EMPTY)
        driver.panel.controller.open_project(project)
        driver.wait(lambda: driver.session.project is not None, "the project to open")
        driver.pause(0.5)
        places = {
            State.PAINTING: Place.ANNOTATE,
            State.REVIEW: Place.ANNOTATE,
            State.CONFIDENCE: Place.ANNOTATE,
            State.EXPORT: Place.RESULTS,
        }
        for state, place in places.items():
            if state in states:
                _show_tile_for(driver, state)
                _show_confidence(driver, state is State.CONFIDENCE)
                driver.open_place(place)
                photographer.take(state)
        if State.ERROR in states:
            driver.panel.controller.open_project(folder)
            photographer.take(State.ERROR)
    return photographer.shares


def _show_tile_for(driver: Driver, state: State) -> None:
    project = driver.session.project
    assert project is not None
    labeled = set(project.labeled_names())
    wanted = [tile.name for tile in project.tiles if (tile.name in labeled) == (state is State.PAINTING)]
    driver.show_tile((wanted or [project.tiles[0].name])[0])


def _show_confidence(driver: Driver, on: bool) -> None:
    switches = driver.panel.overlays.switches
    for role, wanted in ((PREDICTION, not on), (CONFIDENCE, on)):
        if switches[role].isEnabled() and switches[role].isChecked() != wanted:
            driver.click(switches[role])


def _walk(
    driver: Driver,
    workplace: Path,
    minutes: float,
    take: Callable[[State], None],
    take_form: Callable[[Project], None],
) -> list[Act]:
    """From state to state, calling `take` in each; returns what a turn of the work takes in clicks and keys."""
    take(State.EMPTY)
    project = driver.open_sample(workplace / "sample")
    for name in tiles_to_paint(project):
        driver.show_tile(name)
        driver.paint_strokes(read_truth(project, name))
    driver.open_place(Place.ANNOTATE)
    take(State.PAINTING)
    take_form(project)

    shown = tile_to_review(project)
    driver.show_tile(shown)
    driver.start_training(minutes)
    wait_worth_a_picture(driver, minutes)
    driver.open_place(Place.TRAINING)
    take(State.TRAINING)
    driver.wait_trained(minutes)

    driver.open_place(Place.ANNOTATE)
    take(State.REVIEW)
    _show_confidence(driver, True)
    take(State.CONFIDENCE)
    _show_confidence(driver, False)
    _finish(driver, project, shown, workplace)
    take(State.EXPORT)

    driver.open_place(Place.ANNOTATE)
    acts = measure_turns(driver, project)
    driver.panel.controller.open_project(workplace / "export")
    take(State.ERROR)
    return acts


def _finish(driver: Driver, project: Project, shown: str, workplace: Path) -> None:
    accept_and_correct(driver, project, shown)
    driver.export(workplace / "export")
    driver.open_place(Place.RESULTS)


def _write_shares(path: Path, shares: Sequence[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(shares)


def main(arguments: Sequence[str]) -> int:
    """A process of one scaling: PROJECT FOLDER SCREENS THEMES STATES, the last three with commas."""
    project, folder, screens, themes, states = arguments
    shown = [Screen.read(each) for each in screens.split(",")]
    lines = still_states(
        Path(project), Path(folder), shown, themes.split(","), [State(each) for each in states.split(",")]
    )
    _write_shares(Path(folder) / f"scaled-{shown[0].percent}.csv", lines)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
