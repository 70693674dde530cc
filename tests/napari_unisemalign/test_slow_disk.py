"""An accept while the disk hangs: the window goes on, everything is written in another thread, in its order."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from napari_unisemalign.annotate import accept_plan
from napari_unisemalign.app import labels
from training_core.project import LabelSource, Project, TileState


class HangingDisk:
    """`Project.write_label` that waits until it is let go, and notes its threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on, self.threads = threading.Event(), []
        write, read = Project.write_label, accept_plan.read_mask

        def slow(*args: Any, **options: Any) -> Any:
            self.threads.append(threading.current_thread())
            assert self.go_on.wait(60)
            return write(*args, **options)

        def noted(path: Any) -> Any:
            self.threads.append(threading.current_thread())
            return read(path)

        monkeypatch.setattr(Project, "write_label", slow)
        monkeypatch.setattr(accept_plan, "read_mask", noted)


@pytest.fixture
def disk(window: Any, predicted_project: Project, monkeypatch: pytest.MonkeyPatch) -> HangingDisk:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.show_tile("tile_01")
    monkeypatch.setattr(labels, "ACCEPT_WAIT_S", 0.1)
    return HangingDisk(monkeypatch)


def test_an_accept_does_not_wait_for_a_disk_that_hangs(
    window: Any, disk: HangingDisk, predicted_project: Project, truths: dict[str, np.ndarray]
) -> None:
    _viewer, driver, _answers = window
    project = driver.session.project
    driver.stroke([(5.0, 5.0), (5.0, 20.0)], 4)  # before the accept, so painted
    painted = driver.label()
    assert (painted != 255).any()
    started = time.monotonic()
    driver.panel.controller.correction.accept_tile()
    assert time.monotonic() - started < 20  # the disk would have held it for 60 s
    expected = np.where(painted != 255, painted, truths["tile_01"])
    np.testing.assert_array_equal(driver.label(), expected)
    assert not disk.go_on.is_set()
    assert project.state("tile_01") is not TileState.ACCEPTED
    assert driver.panel.controller.labels.unsaved_names() == ("tile_01",)
    disk.go_on.set()
    driver.wait_saved()
    assert project.state("tile_01") is TileState.ACCEPTED
    np.testing.assert_array_equal(project.label("tile_01"), expected)
    sources = [edit.source for edit in project.label_edits("tile_01")]
    assert sources == [LabelSource.PAINTED, LabelSource.ACCEPTED_PREDICTION]
    assert threading.main_thread() not in disk.threads


def test_what_is_undone_before_it_was_written_counts_as_it_did(
    window: Any, disk: HangingDisk, predicted_project: Project
) -> None:
    """The stroke was painted on an accepted tile: without it the tile is accepted, though the disk never knew."""
    _viewer, driver, _answers = window
    project, controller = driver.session.project, driver.panel.controller
    controller.correction.accept_tile()
    accepted = driver.label()
    driver.choose_class(1)
    driver.stroke([(2.0, 2.0), (2.0, 30.0)], 4)
    assert (driver.label() != accepted).any()
    controller.undo.undo()
    np.testing.assert_array_equal(driver.label(), accepted)
    disk.go_on.set()
    driver.wait_saved()
    assert project.state("tile_01") is TileState.ACCEPTED
    controller.undo.undo()  # the accept itself
    driver.wait_saved()
    assert not project.has_label("tile_01")
    assert not project.is_accepted("tile_01")
