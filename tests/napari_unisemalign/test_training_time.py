"""The time of a whole training, said before it starts: the right values are worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unisemalign.app import preferences
from napari_unisemalign.app.training_time import whole_time
from training_core.project import LabelSource, Project

# The project has 4 tiles of 96 x 96 px: 0.036864 million pixels.


@pytest.mark.parametrize(
    ("minutes", "per_tile", "per_mpx", "words"),
    [
        (5.0, None, None, "Roughly 5 min, with predicting 4 tiles"),  # 300 + 0.05 s
        (5.0, 45.0, None, "About 8 min, with predicting 4 tiles"),  # 300 + 180 s
        (5.0, 45.0, 1.0, "About 8 min, with predicting 4 tiles"),  # the project's own comes first
        (0.5, None, 1000.0, "About 70 s, with predicting 4 tiles"),  # 30 + 36.9 s
        (60.0, 75.0, None, "About 1 h 05 min, with predicting 4 tiles"),  # 3600 + 300 s
    ],
)
def test_training_and_prediction_are_one_time(
    project: Project, minutes: float, per_tile: float | None, per_mpx: float | None, words: str
) -> None:
    assert whole_time(project, minutes, per_tile, per_mpx).words == words


def test_a_number_is_kept_for_the_next_window_and_anything_else_is_none(project: Project) -> None:
    assert preferences.number(preferences.SECONDS_PER_MPX) is None
    preferences.keep_number(preferences.SECONDS_PER_MPX, 2.5)
    preferences.switch(preferences.LIVE_PREVIEW, True)
    assert preferences.number(preferences.SECONDS_PER_MPX) == 2.5
    for damaged in ('{"seconds_per_mpx": true}', '{"seconds_per_mpx": -1}', '{"seconds_per_mpx": "2"}', "[]"):
        preferences.preferences_file().write_text(damaged)
        assert preferences.number(preferences.SECONDS_PER_MPX) is None


@pytest.mark.binding
def test_the_estimate_stands_at_the_foot_and_follows_the_minutes(
    window: Any, project: Project, truths: dict[str, np.ndarray]
) -> None:
    _viewer, driver, _answers = window
    status = driver.panel.status
    driver.panel.controller.open_project(project.path)
    assert status.details.toolTip() == ""  # nothing is painted: nothing can start
    for name in ("tile_01", "tile_02"):
        project.write_label(name, truths[name], LabelSource.PAINTED)
    driver.session.states_changed.emit()
    assert status.details.toolTip() == "Roughly 5 min, with predicting 4 tiles"
    driver.panel.train.minutes_spin.setValue(20.0)
    assert status.details.toolTip() == "Roughly 20 min, with predicting 4 tiles"
    driver.session.set_pace(60.0)  # 1200 + 4 * 60 s
    assert status.details.toolTip() == "About 24 min, with predicting 4 tiles"
    assert preferences.number(preferences.SECONDS_PER_MPX) == pytest.approx(240 / 0.036864)
    driver.session.begin_training()
    assert "with predicting" not in status.details.toolTip()
