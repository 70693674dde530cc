"""Two programs on one project: who has it open is said, and the second opens beside, read-only or takes over."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QMessageBox, QPushButton, QWidget

from napari_unisemalign.app.availability import READ_ONLY
from napari_unisemalign.app.dialogs import Access
from napari_unisemalign.shell.dialogs import WindowDialogs
from napari_unisemalign.tiles import elsewhere
from napari_unisemalign.tools.hand import Hand
from training_core.project import Project

OTHER = """
import sys
from pathlib import Path
from training_core.project.presence import Presence
presence = Presence(Path(sys.argv[1]), sys.argv[2])
print("there", flush=True)
for line in sys.stdin:
    if line == "take over\\n":
        presence.take_over(presence.others())
    else:
        print(len(presence.others()), *(each.takes_over for each in presence.others()), flush=True)
"""


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere, "EVERY_MS", 200)


class Elsewhere:
    """Another process that has the project open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.pid = process.pid
        self._process = process

    def told(self) -> str:
        """How many others it sees."""
        self.do("look")
        assert self._process.stdout is not None
        return self._process.stdout.readline().split()[0]

    def do(self, what: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()


@contextmanager
def opened_elsewhere(project: Project, kind: str = "window") -> Iterator[Elsewhere]:
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(project.path), kind],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        yield Elsewhere(process)
    finally:
        process.kill()
        process.communicate()


def test_a_second_window_says_who_has_the_project_and_opens_beside(window: Any, project: Project) -> None:
    _viewer, driver, answers = window
    with opened_elsewhere(project) as other:
        driver.panel.controller.open_project(project.path)
        (question,) = answers.asked
        assert f"process {other.pid}" in question
        assert other.told() == "1"
        driver.choose_class(1)
        driver.stroke([(60, 30)], 8)
        driver.wait_saved()
        assert Project.open(project.path).label("tile_01")[60, 30] == 1
        driver.panel.controller.tiles.sharing.stop()
        assert other.told() == "0"


@pytest.mark.nightly
def test_a_question_that_is_cancelled_opens_nothing(window: Any, project: Project) -> None:
    _viewer, driver, answers = window
    answers.access = None
    with opened_elsewhere(project) as other:
        driver.panel.controller.open_project(project.path)
        assert driver.session.project is None
        assert other.told() == "0"


def test_read_only_lets_nobody_paint_accept_or_train(window: Any, predicted_project: Project) -> None:
    _viewer, driver, answers = window
    project, answers.access = predicted_project, Access.READ_ONLY
    before = {path: path.read_bytes() for path in (project.path / "labels").rglob("*")}
    with opened_elsewhere(project):
        driver.panel.controller.open_project(project.path)
    assert driver.session.tile == "tile_01"
    hand = Hand(driver)
    driver.choose_class(1)
    hand.stroke([(60, 30), (62, 40)])
    assert (driver.label() == 255).all()
    assert driver.panel.train.start_button.toolTip() == READ_ONLY
    assert not driver.panel.train.start_button.isEnabled()
    driver.panel.controller.correction.accept_tile()
    driver.show_tile("tile_02")
    hand.stroke([(60, 30), (62, 40)])
    assert (driver.label() == 255).all()
    assert {path: path.read_bytes() for path in (project.path / "labels").rglob("*")} == before
    answers.access = Access.BESIDE
    driver.panel.controller.open_project(project.path)
    driver.choose_class(1)
    hand.stroke([(60, 30), (62, 40)])
    assert driver.label()[60, 30] == 1
    driver.wait_saved()


def test_a_window_that_is_taken_over_saves_and_then_only_looks(window: Any, project: Project, often: None) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(project.path)
    assert answers.asked == []
    with driver.watching(), opened_elsewhere(project) as other:
        driver.choose_class(1)
        driver.stroke([(60, 30)], 8)
        other.do("take over")
        driver.wait(lambda: driver.session.project.read_only, "the window to leave the project to the other one")
        assert f"process {other.pid}" in driver.panel.messages.text
        assert "has taken over the project" in driver.panel.messages.text
        assert Project.open(project.path).label("tile_01")[60, 30] == 1
        painted = driver.label()
        Hand(driver).stroke([(20, 70), (30, 70)])
        np.testing.assert_array_equal(driver.label(), painted)


def test_a_training_elsewhere_is_told_and_asks_nothing(window: Any, project: Project, capsys: Any) -> None:
    _viewer, driver, answers = window
    told = []
    driver.panel.controller.context.reporter.info = told.append
    with opened_elsewhere(project, "training") as other:
        driver.panel.controller.open_project(project.path)
    assert answers.asked == []
    assert any(f"(training, process {other.pid})" in words for words in told)


@pytest.mark.parametrize(
    ("button", "access"),
    [
        ("Open beside", Access.BESIDE),
        ("Read only", Access.READ_ONLY),
        ("Take over", Access.TAKE_OVER),
        ("Cancel", None),
    ],
)
def test_the_real_question(qtbot: Any, button: str, access: Access | None) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    seen = []

    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        seen.append(box.text())
        next(each for each in box.findChildren(QPushButton) if each.text().replace("&", "") == button).click()

    QTimer.singleShot(200, press)
    assert WindowDialogs(parent).open_beside(["anna on lab-3 (window, process 4711), since 14:32"]) is access
    assert "anna on lab-3 (window, process 4711), since 14:32" in seen[0]
