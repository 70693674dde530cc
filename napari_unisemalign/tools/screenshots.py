"""`python -m napari_unisemalign screenshots`: the whole window in each state, in both themes and two sizes.

Everything in the pictures is real: the sample project, painted strokes, a training, its maps, exported masks. Only the
tissue is drawn.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from enum import StrEnum
from itertools import product
from pathlib import Path

from napari_unisemalign.app.layers import CONFIDENCE, PREDICTION
from napari_unisemalign.shell.pages import Place
from napari_unisemalign.tools.driver import Driver
from napari_unisemalign.tools.scenarios import (
    Say,
    accept_and_correct,
    tile_to_review,
    tiles_to_paint,
    wait_worth_a_picture,
    window,
)
from training_core.demo import read_truth

THEMES = ("dark", "light")
SHARES = "image-share.csv"
SIZES_PX = ((1366, 768), (1920, 1080))
"""Width and height: the smallest screen that is common, and the commonest."""


class State(StrEnum):
    """What the window is in the middle of."""

    EMPTY = "empty"
    PAINTING = "painting"
    TRAINING = "training"
    REVIEW = "review"
    CONFIDENCE = "confidence"
    EXPORT = "export"
    ERROR = "error"


def file_name(state: State, theme: str, size: tuple[int, int]) -> str:
    """Such as "review-dark-1366x768.png"."""
    return f"{state}-{theme}-{size[0]}x{size[1]}.png"


class Photographer:
    """Grabs the window of `driver` into `folder`, in every theme and size, and leaves it as it was."""

    def __init__(self, driver: Driver, folder: Path) -> None:
        self._driver, self._folder = driver, folder
        self.pictures: list[Path] = []
        self.shares: list[str] = []
        """Lines of a table: state, width and height of the window, the image's share of the width."""

    def take(self, state: State) -> None:
        """Grab this state."""
        viewer = self._driver.viewer
        before = viewer.theme
        for theme, size in product(THEMES, SIZES_PX):
            viewer.theme = theme
            viewer.window.resize(*size)
            self._driver.pause(0.3)  # the layout settles
            if viewer.layers:
                viewer.reset_view()
            if theme == THEMES[0]:
                self.shares.append(f"{state},{size[0]},{size[1]},{self._driver.image_share():.3f}")
            self.pictures.append(self._driver.screenshot(self._folder / file_name(state, theme, size)))
        viewer.theme = before
        viewer.window.resize(*SIZES_PX[0])


def screenshots(folder: Path, minutes: float, say: Say) -> tuple[Path, ...]:
    """Grab every state into `folder`, from a sample project that is made for it.

    Raises
    ------
    DriveError: something did not happen. Any exception of the window is raised as it is.
    """
    with tempfile.TemporaryDirectory(prefix="unisemalign-pictures-") as workplace, window() as driver:
        photographer = Photographer(driver, folder)

        def take(state: State) -> None:
            say(f"Taking screenshots: {state}")
            photographer.take(state)

        _walk(driver, Path(workplace), minutes, take)
        table = "\n".join(("state,width,height,image_share", *photographer.shares, ""))
        (folder / SHARES).write_text(table, encoding="utf-8")
        return tuple(photographer.pictures)


def _walk(driver: Driver, workplace: Path, minutes: float, take: Callable[[State], None]) -> None:
    """From state to state, calling `take` in each."""
    take(State.EMPTY)
    project = driver.open_sample(workplace / "sample")
    for name in tiles_to_paint(project):
        driver.show_tile(name)
        driver.paint_strokes(read_truth(project, name))
    driver.open_place(Place.ANNOTATE)
    take(State.PAINTING)

    shown = tile_to_review(project)
    driver.show_tile(shown)
    driver.start_training(minutes)
    wait_worth_a_picture(driver, minutes)
    driver.open_place(Place.TRAINING)
    take(State.TRAINING)
    driver.wait_trained(minutes)

    driver.open_place(Place.ANNOTATE)
    take(State.REVIEW)
    switches = driver.panel.overlays.switches
    for role, wanted in ((PREDICTION, False), (CONFIDENCE, True)):
        if switches[role].isChecked() != wanted:
            driver.click(switches[role])
    take(State.CONFIDENCE)
    for role in (CONFIDENCE, PREDICTION):
        driver.click(switches[role])

    accept_and_correct(driver, project, shown)
    driver.export(workplace / "export")
    driver.open_place(Place.RESULTS)
    take(State.EXPORT)

    driver.panel.controller.open_project(workplace / "export")
    take(State.ERROR)
