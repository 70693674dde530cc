"""The controllers of the training, without a window: against the contracts of their views."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import call, create_autospec

import numpy as np
import pytest

from napari_unisemalign.app.process import TrainerProcess
from napari_unisemalign.app.training_state import Phase
from napari_unisemalign.train.chart import ChartController
from napari_unisemalign.train.contracts import ChartSurface, Plot, RunSurface, SettingsSurface
from napari_unisemalign.train.run_controls import RunControls
from napari_unisemalign.train.settings import SettingsController
from napari_unisemalign.train.training import TrainingController
from tests.napari_unisemalign.without_window import bare_context, bare_labels, slot
from training_core.messages.events import Pause, Resume, RunStarted, StepDone
from training_core.project import Project
from training_core.project.settings import SETTINGS_NAME
from training_core.settings.form_fields import all_settings

RUN = "20260101-000000"
SETTINGS = {each.key: each for each in all_settings()}


@pytest.fixture
def context(qapp: Any) -> Any:
    return bare_context()


@pytest.fixture
def labels() -> Any:
    return bare_labels()


def started(n_val: int = 0) -> RunStarted:
    return RunStarted(
        run_id=RUN, run_dir="", device="cpu", precision="float32", encoder="", class_ids=(0, 1), n_labeled=2,
        n_unlabeled=2, n_val=n_val, total_steps=None,
    )  # fmt: skip


# --- a training that runs, and one that was cut off -------------------------------------------------------------------


@pytest.fixture
def run_view() -> Any:
    return create_autospec(RunSurface, instance=True)


@pytest.fixture
def training() -> Any:
    training = create_autospec(TrainingController, instance=True)
    training.process = create_autospec(TrainerProcess, instance=True)
    training.predicts = training.discarding = False
    return training


@pytest.fixture
def controls(context: Any, run_view: Any, labels: Any, training: Any) -> RunControls:
    return RunControls(context, run_view, labels, training)


def test_a_training_pauses_and_goes_on(context: Any, controls: Any, run_view: Any, training: Any) -> None:
    session = context.session
    assert run_view.set_running.call_args.kwargs == {"active": False, "paused": False}
    slot(run_view.pause_clicked)()
    training.process.send.assert_not_called()
    session.begin_training()
    session.apply(started())
    assert run_view.set_running.call_args == call("", "", active=True, paused=False)
    slot(run_view.pause_clicked)()
    assert session.training.phase is Phase.PAUSED
    assert run_view.set_running.call_args.kwargs == {"active": True, "paused": True}
    slot(run_view.pause_clicked)()
    assert [each.args[0] for each in training.process.send.call_args_list] == [Pause(), Resume()]


def test_a_training_is_discarded_after_a_question_only(
    context: Any, controls: Any, run_view: Any, training: Any
) -> None:
    training.process.running = True
    context.dialogs.confirm.return_value = False
    slot(run_view.discard_clicked)()
    training.process.kill.assert_not_called()
    assert not training.discarding
    context.dialogs.confirm.return_value = True
    slot(run_view.discard_clicked)()
    training.process.kill.assert_called_once_with()
    assert training.discarding


def test_tiles_without_a_prediction_are_counted_and_predicted(
    context: Any, controls: Any, run_view: Any, training: Any, labels: Any, project: Project,
    add_run: Callable[..., None], truths: dict[str, np.ndarray],
) -> None:  # fmt: skip
    add_run(project, RUN, {"tile_02": truths["tile_02"]})
    context.session.set_project(project)
    assert run_view.set_missing.call_args == call("3 of 4 tiles have no prediction.")
    labels.flush.return_value = False
    slot(run_view.predict_clicked)()
    training.run.assert_not_called()  # strokes could not be saved
    labels.flush.return_value = True
    slot(run_view.predict_clicked)()
    (command, _before), keywords = training.run.call_args
    assert keywords == {"predicts": True}
    assert RUN in command
    assert run_view.set_missing.call_args == call("")
    context.session.begin_training()
    assert run_view.set_missing.call_args == call("")


# --- the project's own settings ---------------------------------------------------------------------------------------


@pytest.fixture
def settings_view() -> Any:
    return create_autospec(SettingsSurface, instance=True)


@pytest.fixture
def settings(context: Any, settings_view: Any) -> SettingsController:
    return SettingsController(context, settings_view)


def test_a_setting_is_kept_and_what_is_not_allowed_is_said_beside_it(
    context: Any, settings: Any, settings_view: Any, project: Project
) -> None:
    assert settings_view.set_available.call_args == call("Open a project first.")
    context.session.set_project(project)
    assert settings_view.set_available.call_args == call("")
    crop, file = SETTINGS["data.crop_px"], project.path / SETTINGS_NAME
    slot(settings_view.edited)(crop, "128")
    assert json.loads(file.read_text())["data"] == {"crop_px": 128} or "128" in file.read_text()
    assert context.session.settings == {"data.crop_px": 128}
    assert settings_view.set_values.call_args.args[2] == {"data.crop_px": 128}
    slot(settings_view.edited)(crop, "a hundred")
    (setting, words) = settings_view.set_problem.call_args.args
    assert setting is crop
    assert "a hundred" in words
    assert context.session.settings == {"data.crop_px": 128}
    slot(settings_view.reset_clicked)(crop)
    assert context.session.settings == {}


def test_a_damaged_file_of_settings_is_said_and_can_be_put_back(
    context: Any, settings: Any, settings_view: Any, project: Project
) -> None:
    (project.path / SETTINGS_NAME).write_text("{")
    context.session.set_project(project)
    assert SETTINGS_NAME in settings_view.set_values.call_args.args[3]
    slot(settings_view.reset_all_clicked)()
    assert settings_view.set_values.call_args.args[2:] == ({}, "")


# --- the chart --------------------------------------------------------------------------------------------------------


@pytest.fixture
def chart_view() -> Any:
    view = create_autospec(ChartSurface, instance=True)
    view.plot = Plot.LOSSES
    return view


def test_the_chart_is_in_sight_from_the_first_step_on(context: Any, chart_view: Any, tmp_path: Path) -> None:
    chart = ChartController(context, chart_view)
    chart.draw()
    chart_view.set_shown.assert_called_once_with(False)
    chart_view.show_curves.assert_not_called()
    context.session.begin_training()
    context.session.apply(started())
    step = {"progress": 0.1, "eta_s": None, "threshold": None, "confident_share": None}
    context.session.apply(StepDone(run_id=RUN, step=1, losses={"total": 1.5, "labeled": 1.0}, **step))
    chart.draw()
    assert chart_view.set_shown.call_args == call(True)
    (series,) = chart_view.show_curves.call_args.args
    assert [(each.name, [value for _seconds, value in each.points]) for each in series] == [
        ("total", [1.5]), ("annotated pixels", [1.0]),
    ]  # fmt: skip
