"""A training that hangs is noticed and can be ended; the trainer is the real one, stopped by a signal."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import numpy as np
import pytest

from napari_unisemalign.app.training_state import Phase
from napari_unisemalign.train import hanging
from training_core.project import LabelSource, Project


@pytest.mark.nightly  # two minutes of a processor
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_training_that_hangs_is_noticed_and_ended_with_its_checkpoint(
    window: Any, project: Project, truths: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    _viewer, driver, _answers = window
    for name in ("tile_01", "tile_02"):
        project.write_label(name, truths[name], LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    notice, controls = driver.panel.hanging, driver.panel.train.controls
    assert hanging.QUIET_S + hanging.EVERY_MS / 1000 < 60
    with driver.watching():
        driver.start_training(5.0)
        driver.wait(lambda: bool(driver.session.curves.loss), "the first step", 300.0)
        driver.click(controls.pause_button)  # which saves a checkpoint
        driver.wait(lambda: driver.session.training.phase is Phase.PAUSED, "the pause", 300.0)
        steps = len(driver.session.curves.loss)
        driver.click(controls.pause_button)
        driver.wait(lambda: len(driver.session.curves.loss) > steps, "a step after the pause", 300.0)
        assert not notice.isVisible()
        os.kill(driver.panel.controller.training.process.pid, signal.SIGSTOP)
        monkeypatch.setattr(hanging, "QUIET_S", 3.0)
        driver.wait(notice.isVisible, "the notice", 30.0)
        assert "has reported nothing for" in notice.words.text()
        end, keep_waiting = notice.buttons[:2]
        driver.click(keep_waiting)
        assert not notice.isVisible()
        driver.wait(notice.isVisible, "the notice once more", 30.0)
        driver.click(end)
        driver.wait(lambda: driver.session.training.phase is Phase.IDLE, "the end", 20.0)
        assert not notice.isVisible()
        driver.wait(lambda: controls.offer.isVisible(), "the offer to resume", 60.0)
    assert "stopped after" in controls.offer_text.text()
    assert project.unfinished_run() is not None
    assert "unexpected" not in driver.panel.messages.text
