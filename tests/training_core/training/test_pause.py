"""Pausing a real training process, and what becomes of a run that was cut off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from training_core.base.errors import CheckpointError, ProjectError
from training_core.messages.events import (
    Event,
    OverlayReady,
    Pause,
    Paused,
    Resume,
    Resumed,
    RunFinished,
    RunStarted,
    Show,
    StepDone,
    Stop,
    parse_event,
)
from training_core.messages.messenger import Leaving, Messenger
from training_core.project import Project
from training_core.project.interrupted_runs import held
from training_core.runs.checkpoint import open_checkpoint


class Trained:
    """The real process, as the window starts it."""

    def __init__(self, project: Project, settings: Path, *options: str) -> None:
        command = [sys.executable, "-m", "training_core", "train", str(project.path), "--events", "-"]
        self.process = subprocess.Popen(
            [*command, *(() if "--resume" in options else ("--config", str(settings))), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        self.events: list[Event] = []

    def send(self, command: Stop | Pause | Resume | Show) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(command.model_dump_json() + "\n")
        self.process.stdin.flush()

    def until(self, kind: type[Any], **values: Any) -> Any:
        """Read events up to the first of this kind with these values."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = parse_event(line)
            if event is not None:
                self.events.append(event)
                if isinstance(event, kind) and all(getattr(event, k) == v for k, v in values.items()):
                    return event
        raise AssertionError(f"the process ended without {kind.__name__}: {self.events[-3:]}")

    def end(self) -> int:
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        code = self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


@pytest.fixture
def start(make_project: Callable[..., Project], small_settings: Path) -> Iterator[Callable[..., Trained]]:
    project = make_project()
    started: list[Trained] = []

    def make(*options: str) -> Trained:
        started.append(Trained(project, small_settings, *options))
        return started[-1]

    yield make
    for each in started:
        each.process.kill()
        each.end()


LONG = ("--set", "schedule.steps=5000", "--set", "schedule.validate_every_steps=4")


@pytest.mark.nightly
def test_a_paused_training_uses_no_cpu_shows_tiles_goes_on_and_is_kept(start: Callable[..., Trained]) -> None:
    run = start(*LONG)
    run_dir = Path(run.until(RunStarted).run_dir)
    run.until(StepDone, step=2)
    run.send(Pause())
    paused = run.until(Paused)
    trained = [event.step for event in run.events if isinstance(event, StepDone)]
    assert paused.step == trained[-1] >= 2
    assert open_checkpoint(run_dir, "last").state["step"] == paused.step  # a machine switched off now loses nothing
    process = psutil.Process(run.process.pid)
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(1.5)
    share = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)
    assert share < 0.05
    run.send(Show(tile="u_2"))
    assert run.until(OverlayReady).tile == "u_2"
    run.send(Resume())
    assert run.until(Resumed).step == paused.step
    step = run.until(StepDone)
    assert step.step == paused.step + 1
    run.send(Pause())
    run.until(Paused)
    run.send(Stop())  # stop and keep, out of the pause
    finished = run.until(RunFinished)
    assert finished.reason == "stopped"
    assert run.end() == 0
    assert (run_dir / "predictions" / "u_1.prediction.png").is_file()
    assert not (run_dir / "run.lock").exists()


def test_the_time_of_a_pause_does_not_count(start: Callable[..., Trained]) -> None:
    run = start("--minutes", "20", "--set", "schedule.validate_every_steps=1000")
    run_dir = Path(run.until(RunStarted).run_dir)
    run.until(StepDone, step=3)
    run.send(Pause())
    run.until(Paused)
    before = open_checkpoint(run_dir, "last").state["elapsed_s"]
    time.sleep(3)
    run.send(Resume())
    progress = run.until(StepDone).progress
    assert progress * 20 * 60 - before < 2


def test_who_paused_and_goes_away_finds_the_run_saved(start: Callable[..., Trained]) -> None:
    """The window was killed: nobody could ever resume the process, but the next window resumes the run."""
    run = start(*LONG)
    run_dir = Path(run.until(RunStarted).run_dir)
    run.until(StepDone, step=1)
    run.send(Pause())
    run.until(Paused)
    assert run.process.stdin is not None
    run.process.stdin.close()
    assert run.end() == 130
    assert open_checkpoint(run_dir, "last").state["step"] >= 1


@pytest.mark.nightly
def test_a_killed_run_is_offered_resumed_kept_or_discarded(start: Callable[..., Trained]) -> None:
    run = start(*LONG)
    run_dir = Path(run.until(RunStarted).run_dir)
    project = Project.open(run_dir.parents[1])
    run.until(StepDone, step=6)
    assert project.unfinished_run() is None  # it is being trained
    with pytest.raises(ProjectError, match="is being trained"):
        project.discard_run(run_dir.name)
    run.process.kill()
    run.end()
    found = project.unfinished_run()
    assert found is not None
    assert (found.run_id, found.step, found.total_steps, found.minutes) == (run_dir.name, 4, 5000, None)
    # resumed where its last checkpoint was
    again = start("--resume", run_dir.name)
    again.until(StepDone, step=5)
    assert project.unfinished_run() is None
    again.process.kill()
    again.end()
    # kept as it is
    kept = start("--resume", run_dir.name, "--keep")
    assert kept.until(RunFinished).steps == 4
    assert kept.end() == 0
    assert not [event for event in kept.events if isinstance(event, StepDone)]
    assert project.latest_run_id() == run_dir.name
    assert project.prediction("u_1") is not None
    assert project.unfinished_run() is None
    project.add_round(run_dir.name)
    # a later one, discarded: the kept one is the latest again
    later = start(*LONG)
    other = Path(later.until(RunStarted).run_dir)
    later.until(StepDone, step=5)
    later.process.kill()
    later.end()
    found = project.unfinished_run()
    assert found is not None
    assert found.run_id == other.name
    project.discard_run(other.name)
    assert project.run_ids() == (run_dir.name,)
    assert project.latest_run_id() == run_dir.name
    with pytest.raises(ProjectError, match="finished round"):
        project.discard_run(run_dir.name)


def test_a_run_without_a_checkpoint_cannot_be_gone_on_with(make_project: Callable[..., Project]) -> None:
    project = make_project()
    folder = project.runs_dir / "20260101-000000"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"schedule": {"steps": 5, "minutes": None, "epochs": None}}))
    assert project.unfinished_run() is None


def test_two_processes_never_train_one_run(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(CheckpointError, match="another process"), held(tmp_path):
        pass
    with held(tmp_path):
        pass


def test_commands_count_in_their_order() -> None:
    messenger = Messenger()
    for command in (Pause(), Resume(), Show(tile="a"), Show(tile="b")):
        messenger._commands.put(command)  # as the thread that reads standard input does
    assert messenger.wait() == (False, "b")
    assert not messenger.paused
    messenger._commands.put(Pause())
    assert messenger.pending() == (False, None)
    assert messenger.paused
    messenger._commands.put(Stop())
    assert messenger.wait() == (True, None)
    assert not messenger.paused


def test_an_interrupt_wakes_a_paused_run() -> None:
    messenger = Messenger()
    messenger.request_leave()
    with pytest.raises(Leaving):
        messenger.wait()
