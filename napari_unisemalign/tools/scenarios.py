"""What the command `drive` does, step by step, with the real window; `screenshots` and `responsiveness` share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from qtpy.QtWidgets import QApplication

from napari_unisemalign.plugin import panel_in
from napari_unisemalign.shell.pages import Place
from napari_unisemalign.tools.driver import PATIENCE_S, DriveError, Driver
from napari_unisemalign.viewer import open_viewer
from training_core.demo import read_truth
from training_core.project import Project, TileState

WINDOW_PX = (1440, 900)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Driven:
    """What a drive leaves behind."""

    screenshots: tuple[Path, ...]
    masks: tuple[Path, ...]


def drive(folder: Path, minutes: float, say: Say) -> Driven:
    """The whole loop on the sample project in `folder`: label, train, overlay, accept, correct, export.

    Raises
    ------
    DriveError: something did not happen. Any exception of the window is raised as it is.
    """
    pictures = folder / "screenshots"
    with window() as driver:
        say("Opening the sample project")
        project = driver.open_sample(folder)
        names = tiles_to_paint(project)
        for name in names:
            say(f"Painting a few strokes of every class on {name}")
            driver.show_tile(name)
            driver.paint_strokes(read_truth(project, name))
        shown = tile_to_review(project)
        driver.show_tile(shown)
        say(f"Training for {minutes:g} minutes in the background")
        former = driver.prediction()
        driver.start_training(minutes)
        driver.wait_for_new_overlay(former)
        say(f"The first overlay of {shown} is on the screen while training runs")
        wait_worth_a_picture(driver, minutes)
        driver.open_place(Place.TRAINING)
        during = driver.screenshot(pictures / "training.png")
        driver.wait_trained(minutes)
        say(driver.panel.train.status.text())
        say(f"Accepting {shown}, then correcting it with the brush")
        driver.show_tile(shown)
        driver.open_place(Place.ANNOTATE)
        review = driver.screenshot(pictures / "review.png")
        accept_and_correct(driver, project, shown)
        driver.open_place(Place.ANNOTATE)
        corrected = driver.screenshot(pictures / "corrected.png")
        say("Exporting")
        masks = driver.export(folder / "export")
        if not {f"{name}.png" for name in (*names, shown)} <= {path.name for path in masks}:
            raise DriveError(f"the export lacks a labelled tile: {[path.name for path in masks]}")
        return Driven((during, review, corrected), tuple(masks))


def accept_and_correct(driver: Driver, project: Project, name: str) -> None:
    """Accept the whole tile with the button, then paint over its largest mistakes."""
    if driver.prediction() is None:
        raise DriveError(f"{name} has no prediction to accept")
    driver.click(driver.panel.correct.accept_tile_button)
    driver.wait(lambda: project.state(name) is TileState.ACCEPTED, f"{name} to be accepted")  # the disk may be slow
    if not driver.correct(read_truth(project, name)):
        raise DriveError(f"the correction of {name} changed nothing")


def wait_worth_a_picture(driver: Driver, minutes: float) -> None:
    """Wait until there is a curve to see, or training will soon be over."""

    def worth_a_picture() -> bool:
        training = driver.session.training
        return len(driver.session.curves.dice) >= 3 or training.progress >= 0.8 or not training.active

    driver.wait(worth_a_picture, "the training to get on", 60 * minutes + PATIENCE_S)


@contextmanager
def window() -> Iterator[Driver]:
    """A shown window with the panel docked; an exception in one of its slots is raised here."""
    viewer = open_viewer()
    try:
        screen = QApplication.primaryScreen().availableSize()
        viewer.window.resize(min(WINDOW_PX[0], screen.width()), min(WINDOW_PX[1], screen.height()))
        driver = Driver(viewer, panel_in(viewer))
        driver.pause(0.5)
        with driver.watching():
            yield driver
    finally:
        viewer.close()


def tiles_to_paint(project: Project) -> tuple[str, str]:
    """The first two tiles that show every class and that nobody has labelled, or the first two at all."""
    known = {each.id for each in project.classes}
    states = project.states()
    whole = [
        tile.name
        for tile in project.tiles
        if _has_truth(project, tile.name) and set(np.unique(read_truth(project, tile.name))) >= known
    ]
    fresh = [name for name in whole if states[name] in (TileState.UNLABELED, TileState.PREDICTED)]
    chosen = (*fresh, *whole)
    return chosen[0], chosen[1]


def tile_to_review(project: Project) -> str:
    """The next tile with a truth and without a label."""
    for tile in project.tiles:
        if _has_truth(project, tile.name) and not project.has_label(tile.name):
            return tile.name
    raise DriveError(f"every tile of {project.path} is labelled; drive a new sample project in another folder")


def _has_truth(project: Project, name: str) -> bool:
    return (project.path / "truth" / f"{name}.png").exists()
