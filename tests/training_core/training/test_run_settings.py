"""The settings as they change while a run goes on: who sees it, and what is written down."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from training_core.base.errors import MemoryLimitError
from training_core.messages.events import Event, RunFinished, RunStarted, StepDone, Warned
from training_core.messages.messenger import Messenger
from training_core.network.encoders import Encoder
from training_core.project import Project
from training_core.project.splits import usable_tiles
from training_core.runs.run_folder import Split, create_run_folder, read_run
from training_core.settings.schema import Config
from training_core.training.run import Request, train
from training_core.training.run_settings import RunSettings
from training_core.training.schedule import RunProgress

MakeProject = Callable[..., Project]
MakeConfig = Callable[..., Config]


@pytest.fixture
def run_dir(make_project: MakeProject, small_config: MakeConfig) -> Path:
    project = make_project()
    split = Split(tuple(tile.name for tile in usable_tiles(project)), (), ())
    return create_run_folder(project, small_config(), project.classes, split, "", [])


def changes(run_dir: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((run_dir / "provenance.json").read_text()).get("changes", [])
    return found


def test_smaller_steps_are_written_down_once_one_has_worked(run_dir: Path, small_config: MakeConfig) -> None:
    config = small_config(data={"crop_px": 256, "labeled_batch": 8, "unlabeled_batch": 8})
    progress = RunProgress(step=7)
    settings = RunSettings(config, run_dir, progress)
    before = {path: path.read_bytes() for path in run_dir.iterdir()}
    assert "instead of 8 and 8" in settings.shrink_step(32, "no memory")
    assert "instead of 4 and 4" in settings.shrink_step(32, "no memory")
    assert (settings.config.data.labeled_batch, settings.config.data.unlabeled_batch) == (2, 2)
    assert {path: path.read_bytes() for path in run_dir.iterdir()} == before
    settings.step_fits()
    assert read_run(run_dir)[0] == settings.config
    (change,) = changes(run_dir)
    assert change["step"] == 7
    assert "2 labelled and 2 unlabelled" in change["change"]
    assert "instead of 8 and 8" in change["change"]
    settings.step_fits()
    assert len(changes(run_dir)) == 1  # there is nothing new


def test_smaller_windows_are_written_down_at_once_and_keep_the_smaller_step(
    run_dir: Path, small_config: MakeConfig
) -> None:
    config = small_config(data={"crop_px": 256, "labeled_batch": 8, "unlabeled_batch": 8})
    progress = RunProgress()
    settings = RunSettings(config, run_dir, progress)
    settings.shrink_step(32, "no memory")
    settings.step_fits()
    progress.step = 3
    settings.shrink_windows(512)
    assert read_run(run_dir)[0] == settings.config
    assert (settings.config.data.labeled_batch, settings.config.inference.window_px) == (4, 512)
    assert [change["step"] for change in changes(run_dir)] == [0, 3]
    assert "512 px" in changes(run_dir)[1]["change"]
    settings.step_fits()
    assert len(changes(run_dir)) == 2


def test_where_nothing_is_left_to_make_smaller(run_dir: Path, small_config: MakeConfig) -> None:
    config = small_config(data={"crop_px": 128, "labeled_batch": 1, "unlabeled_batch": 2})
    settings = RunSettings(config, run_dir, RunProgress())
    with pytest.raises(MemoryLimitError, match="no room"):
        settings.shrink_step(32, "no room")
    assert settings.config is config
    assert changes(run_dir) == []


def test_windows_that_shrink_in_a_validation_are_the_run_s_from_then_on(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    """Said once: the predictions after it take the smaller ones, and so does a resumed run."""
    project, events, failed = make_project(), list[Event](), list[int]()

    def ask_for_too_much(module: torch.nn.Module, _inputs: object) -> None:
        """In the first pass that no gradient is wanted of: without pseudo-labels, that of a prediction."""
        is_running = any(isinstance(event, RunStarted) for event in events)
        if is_running and isinstance(module, Encoder) and not torch.is_grad_enabled() and not failed:
            failed.append(max(event.step for event in events if isinstance(event, StepDone)))
            torch.empty(1 << 55, dtype=torch.uint8)

    hook = torch.nn.modules.module.register_module_forward_pre_hook(ask_for_too_much)
    try:
        train(Request(project, small_config(pseudo_label={"enabled": False})), Messenger(events.append))
    finally:
        hook.remove()
    assert failed == [2]  # in the first validation
    assert isinstance(events[-1], RunFinished)
    (warned,) = [event.message for event in events if isinstance(event, Warned)]
    assert "windows of 512 px are used" in warned
    (run,) = project.runs_dir.iterdir()
    assert read_run(run)[0].inference.window_px == 512
    assert [change["step"] for change in changes(run)] == failed
