"""Pause, resume, discard, and what is offered after a training was cut off: real buttons, the real trainer."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import numpy as np
import pytest

from napari_unisemalign.app.training_state import Phase
from training_core.project import LabelSource, Project


@pytest.fixture
def labeled_project(project: Project, truths: dict[str, np.ndarray]) -> Project:
    for name in ("tile_01", "tile_02"):
        project.write_label(name, truths[name], LabelSource.PAINTED)
    return project


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_pause_resume_cut_off_keep_and_discard(window: Any, labeled_project: Project) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(labeled_project.path)
    train, controls = driver.panel.train, driver.panel.train.controls
    assert not controls.pause_button.isVisible()

    def phase(expected: Phase) -> bool:
        return driver.session.training.phase is expected

    def says(words: str) -> bool:
        return words in train.status.text()

    with driver.watching():
        driver.start_training(5.0)
        driver.wait(lambda: bool(driver.session.curves.loss), "the first step", 300.0)
        driver.click(controls.pause_button)
        driver.wait(lambda: says("Paused after"), "the pause", 300.0)
        assert phase(Phase.PAUSED)
        assert controls.pause_button.text() == "Resume"
        steps = len(driver.session.curves.loss)
        driver.pause(1.0)
        assert len(driver.session.curves.loss) == steps
        driver.click(controls.pause_button)
        driver.wait(lambda: len(driver.session.curves.loss) > steps, "a step after the pause", 300.0)
        assert phase(Phase.RUNNING)
        # cut off
        os.kill(driver.panel.controller.training.process._process.processId(), signal.SIGKILL)
        driver.wait(lambda: controls.offer.isVisible(), "the offer", 20.0)
        assert "stopped after" in controls.offer_text.text()
        assert "of 5 min 00 s" in controls.offer_text.text()
        # kept as it is; the chart goes on where it was
        before = list(driver.session.curves.loss)
        driver.click(controls.keep_run_button)
        driver.wait(lambda: not phase(Phase.IDLE), "the run to go on")
        assert driver.session.curves.loss[: len(before)] == before
        driver.wait(lambda: phase(Phase.IDLE), "the run to be kept", 300.0)
    (kept,) = labeled_project.run_ids()
    assert [each.run_id for each in labeled_project.rounds()] == [kept]
    assert labeled_project.prediction("tile_03") is not None
    assert not controls.offer.isVisible()
    # another one, discarded after a question
    with driver.watching():
        driver.start_training(5.0)
        driver.wait(lambda: len(labeled_project.run_ids()) == 2 and phase(Phase.RUNNING), "the run to start", 300.0)
        answers.yes = False
        driver.click(controls.discard_button)
        driver.pause(0.2)
        assert phase(Phase.RUNNING)
        answers.yes = True
        driver.click(controls.discard_button)
        driver.wait(lambda: phase(Phase.IDLE), "the end", 20.0)
        driver.wait(lambda: labeled_project.run_ids() == (kept,), "the run to be removed", 20.0)
    assert labeled_project.latest_run_id() == kept
    assert len([each for each in answers.asked if "Discard" in each]) == 2
    assert says("discarded")
