"""Accepts and rejections while the disk hangs: the window goes on, all is written in another thread, in its order."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from napari_unisemalign.annotate import accept_plan
from napari_unisemalign.app import labels
from napari_unisemalign.tools.scenarios import accept_and_correct
from training_core.demo import TRUTH_FOLDER
from training_core.io import write_png
from training_core.project import LabelSource, Project, TileState


class HangingDisk:
    """`Project.write_label` and `write_rejection` that wait until they are let go, and note their threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on, self.threads = threading.Event(), []
        read = accept_plan.read_mask

        def hanging(write: Callable[..., Any]) -> Callable[..., Any]:
            def slow(*args: Any, **options: Any) -> Any:
                self.threads.append(threading.current_thread())
                assert self.go_on.wait(60)
                return write(*args, **options)

            return slow

        def noted(path: Any) -> Any:
            self.threads.append(threading.current_thread())
            return read(path)

        monkeypatch.setattr(Project, "write_label", hanging(Project.write_label))
        monkeypatch.setattr(Project, "write_rejection", hanging(Project.write_rejection))
        monkeypatch.setattr(accept_plan, "read_mask", noted)


@pytest.fixture
def disk(window: Any, predicted_project: Project, monkeypatch: pytest.MonkeyPatch) -> HangingDisk:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.show_tile("tile_01")
    monkeypatch.setattr(labels, "ACCEPT_WAIT_S", 0.1)
    return HangingDisk(monkeypatch)


def test_who_drives_the_window_waits_for_a_slow_disk(
    window: Any, disk: HangingDisk, predicted_project: Project, truths: dict[str, np.ndarray]
) -> None:
    """`drive`, the README's first command, used to give up where a tile took more than a tenth of a second to write."""
    _viewer, driver, _answers = window
    truth = truths["tile_01"].copy()
    truth[:20, :20] = 1 - truth[:20, :20]  # something to correct
    (predicted_project.path / TRUTH_FOLDER).mkdir()
    write_png(predicted_project.path / TRUTH_FOLDER / "tile_01.png", truth)
    threading.Timer(1.0, disk.go_on.set).start()
    accept_and_correct(driver, driver.session.project, "tile_01")
    assert driver.session.project.state("tile_01") is TileState.ACCEPTED


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


@contextmanager
def at_once() -> Iterator[None]:
    """What is done inside takes far less than the 60 s for which the disk would have held it."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < 20


RUN = "20260101-000000"


def test_a_rejection_does_not_wait_for_a_disk_that_hangs(
    window: Any, disk: HangingDisk, predicted_project: Project
) -> None:
    _viewer, driver, _answers = window
    project, correction = driver.session.project, driver.panel.controller.correction
    with at_once():
        correction.reject()
    assert driver.session.overlays("tile_01") is None  # for the window it is rejected already
    assert driver.panel.correct.take_back_button.isEnabled()
    assert project.rejected_pixels("tile_01") == 0
    assert driver.panel.controller.labels.unsaved_names() == ("tile_01",)
    with at_once():
        correction.show_next()
        driver.panel.controller.several.reject(["tile_02", "tile_03"])
    assert [name for name in driver.session.tile_names() if driver.session.overlays(name) is not None] == ["tile_04"]
    with at_once():
        driver.panel.controller.undo.undo()
    assert driver.session.overlays("tile_03") is not None
    disk.go_on.set()
    driver.wait_saved()
    pixels = [project.rejected_pixels(name) for name in driver.session.tile_names()]
    assert pixels == [96 * 96, 96 * 96, 0, 0]
    assert threading.main_thread() not in disk.threads


@pytest.mark.nightly
def test_regions_rejected_and_cleared_before_they_were_written_add_up(
    window: Any, disk: HangingDisk, predicted_project: Project
) -> None:
    """Each change is of what the one before left, though the disk knows of none."""
    _viewer, driver, _answers = window
    project, undo = driver.session.project, driver.panel.controller.undo
    upper, left = np.zeros((96, 96), bool), np.zeros((96, 96), bool)
    upper[:48], left[:, :48] = True, True
    with at_once():
        undo.change_rejection("tile_01", lambda before: before.with_area(upper, RUN), "a rejection")
        undo.change_rejection("tile_01", lambda before: before.without(left), "a rejection")
    assert driver.session.rejected_pixels("tile_01") == 48 * 48
    driver.wait(lambda: not driver.panel.controller.overlays.pending, "the overlays")
    driver.wait(lambda: "2,304 pixels are rejected" in driver.panel.correct.preview.text(), "what is said of it")
    with at_once():
        undo.undo()
    assert driver.session.rejected_pixels("tile_01") == 48 * 96
    disk.go_on.set()
    driver.wait_saved()
    np.testing.assert_array_equal(project.rejection("tile_01").where, upper)


def test_a_rejection_that_cannot_be_written_is_kept_and_tried_again(
    window: Any, predicted_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.show_tile("tile_01")
    monkeypatch.setattr(labels, "RETRY_MS", 200)
    write = Project.write_rejection

    def full(*_arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk, driver.watching():
        disk.setattr(Project, "write_rejection", full)
        driver.click(driver.panel.correct.reject_button)
        assert "No space left on device" in driver.panel.messages.text
        assert "tried again" in driver.panel.messages.text
        assert not driver.viewer.window._qt_window.close()
        assert answers.asked == ["close_unsaved ('tile_01',)"]
    assert Project.write_rejection is write
    driver.wait_saved()
    assert predicted_project.is_rejected("tile_01", RUN)


@pytest.mark.nightly
def test_rejections_of_many_tiles_are_told_together(window: Any, predicted_project: Project) -> None:
    """Each telling has the list read the states of all tiles."""
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    told: list[tuple[bool, ...]] = []
    names = ("tile_01", "tile_02", "tile_03")
    driver.session.states_changed.connect(
        lambda: told.append(tuple(predicted_project.is_rejected(name, RUN) for name in names))
    )
    driver.panel.controller.several.reject(names)
    assert told == [(False, False, False), (True, True, True)]  # when it was decided, and when it was written
