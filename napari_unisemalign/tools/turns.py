"""Clicks and keys of a turn of the work after the first round, measured on a project with a prediction to review."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton

from napari_unisemalign.tools.driver import DriveError, Driver, let_qt_work
from training_core.project import Project, TileState

CLICKS = "clicks.csv"
STROKE_PX = 40
MOVE_MS = 12


@dataclass
class Act:
    """What is to be done, and what it took."""

    name: str
    strokes: int = 0
    clicks: int = 0
    keys: int = 0


class _Counting:
    """The driver's mouse and keyboard, with a count of their presses."""

    def __init__(self, driver: Driver, name: str) -> None:
        self._driver, self.act = driver, Act(name)

    def click(self, button: QAbstractButton) -> None:
        self.act.clicks += 1
        self._driver.click(button)

    def press(self, key: Qt.Key) -> None:
        self.act.keys += 1
        self._driver.press(key)

    def stroke(self) -> None:
        """With the mouse, over the middle of the image."""
        self.act.strokes += 1
        canvas = self._driver.viewer.window._qt_viewer.canvas.native
        middle = QPoint(canvas.width() // 2, canvas.height() // 2)
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
        for step in range(4, STROKE_PX, 4):
            QTest.mouseMove(canvas, middle + QPoint(step, 0))
            let_qt_work(MOVE_MS)
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle + QPoint(STROKE_PX, 0))


def measure_turns(driver: Driver, project: Project) -> list[Act]:
    """Accept a tile, correct two, one after the other, and start the next round, which is ended at once.

    Raises
    ------
    DriveError: an act did not do what it is for.
    """
    accepted, first = _accept(driver, project), _correct(driver, project, "correct the first object, and go on")
    return [accepted, first, _correct(driver, project, "correct one object and go on"), _next_round(driver)]


def write_turns(acts: Sequence[Act], path: Path) -> None:
    """A table with a line for each act."""
    with path.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("act", "strokes", "clicks", "keys"))
        writer.writerows((act.name, act.strokes, act.clicks, act.keys) for act in acts)


def _to_review(driver: Driver, project: Project) -> str:
    """A tile that waits for review is on the screen, as after the one before was accepted."""
    waiting = project.to_review()
    if len(waiting) < 2:
        raise DriveError("fewer than two tiles wait for review")
    if driver.session.tile not in waiting:
        driver.show_tile(waiting[0])
    assert driver.session.tile is not None
    return driver.session.tile


def _accept(driver: Driver, project: Project) -> Act:
    name, counting = _to_review(driver, project), _Counting(driver, "accept a right tile and see the next")
    counting.click(driver.panel.correct.accept_next_button)
    driver.wait(lambda: driver.session.tile != name, "the next tile")
    driver.wait_saved()
    if project.state(name) is not TileState.ACCEPTED:
        raise DriveError(f"{name} was not accepted")
    return counting.act


def _correct(driver: Driver, project: Project, what: str) -> Act:
    name, counting = _to_review(driver, project), _Counting(driver, what)
    layer = driver.layers.labels
    if layer is not None and layer.mode != "paint":
        counting.press(Qt.Key.Key_1)  # a review begins with the hand: choosing the class is choosing to paint
    counting.stroke()
    if not (driver.label() == driver.session.classes()[0].id).any():
        raise DriveError(f"the stroke left nothing on {name}")
    counting.press(Qt.Key.Key_Return)
    driver.wait(lambda: driver.session.tile != name, "the next tile")
    driver.wait_saved()
    if not project.has_label(name) or not project.is_accepted(name):
        raise DriveError(f"{name} was not accepted with its correction")
    return counting.act


def _next_round(driver: Driver) -> Act:
    counting = _Counting(driver, "start the next round")
    counting.click(driver.panel.train.start_button)
    if not driver.session.training.active:
        raise DriveError(f"the next round did not start: {driver.panel.messages.text}")
    driver.panel.controller.training.kill()
    driver.wait(lambda: not driver.session.training.active, "the training to end")
    return counting.act
