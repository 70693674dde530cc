"""A run that is left or killed at any moment of its life: nothing is lost, and resumed it ends as if undisturbed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from training_core.messages.events import Event, RunFinished, RunStarted, Saved, Status, StepDone, parse_event
from training_core.messages.messenger import Leaving, Messenger
from training_core.project import Project
from training_core.runs.checkpoint import open_checkpoint
from training_core.settings.schema import Config
from training_core.training import saving
from training_core.training.run import Request, train
from training_core.training.saving import SavePace

MakeProject = Callable[..., Project]
MakeConfig = Callable[..., Config]

STEPS = {"steps": 5, "validate_every_steps": 2, "quick_start": True}


class Killed(BaseException):
    """As a killed process: nothing in the program takes note of it."""


def run(
    project: Project,
    config: Config,
    at: Callable[[Event], bool] = lambda event: False,
    *,
    kill: bool = False,
    resume: Path | None = None,
) -> list[Event]:
    """Train until `at` says of an event that it is time to be left or killed; returns the events."""
    messenger, events = Messenger(), []

    def listen(event: Event) -> None:
        events.append(event)
        if at(event):
            if kill:
                raise Killed
            messenger.request_leave()

    messenger.listener = listen
    try:
        train(Request(project, config, resume), messenger)
    except (Killed, Leaving):
        pass
    finally:
        messenger.close()
    return events


def run_dir(project: Project) -> Path:
    return project.runs_dir / project.run_ids()[-1]


def outcome(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The summary but for times and memory, and the predictions with the best weights, byte by byte."""
    summary = json.loads((folder / "summary.json").read_text())
    for key in ("run", "seconds", "peak_rss_bytes", "peak_gpu_bytes"):
        summary.pop(key)
    files = {path.name: path.read_bytes() for path in (folder / "predictions").iterdir()}
    tensors = load_file(open_checkpoint(folder, "best").path / "model.safetensors")
    return summary, {**files, **{name: tensor.numpy().tobytes() for name, tensor in tensors.items()}}


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, make_project_in: MakeProject, small_config: MakeConfig
) -> tuple[dict[str, Any], dict[str, bytes]]:
    project = make_project_in(tmp_path_factory.mktemp("undisturbed"))
    run(project, small_config(schedule=STEPS))
    return outcome(run_dir(project))


def at_step(number: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, StepDone) and event.step == number


def at_words(words: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Status) and words in event.message


MOMENTS = {
    "after a step": at_step(3),
    "while it validates": at_step(4),
    "while it validates the last step": at_step(5),
    "while it looks for the best way to predict": at_words("Choosing prediction settings"),
    "while it compares": at_words("Comparing"),
    "while it predicts": at_words("Predicting tile 3"),
}
AT_NIGHT = pytest.mark.nightly
SELDOM = ("while it validates", "while it looks for the best way to predict", "while it compares")


@pytest.mark.parametrize(
    ("moment", "kill"),
    [pytest.param(moment, False, marks=AT_NIGHT if moment in SELDOM else ()) for moment in MOMENTS]
    + [(moment, True) for moment in ("after a step", "while it validates the last step", "while it predicts")],
    ids=lambda value: value if isinstance(value, str) else "killed" if value else "left",
)
def test_resumed_at_any_moment_it_ends_with_equal_bits(
    make_project: MakeProject, small_config: MakeConfig, undisturbed: Any, moment: str, kill: bool
) -> None:
    project, config = make_project(), small_config(schedule=STEPS)
    events = run(project, config, MOMENTS[moment], kill=kill)
    folder = run_dir(project)
    assert not any(isinstance(event, RunFinished) for event in events)
    last_step = max(event.step for event in events if isinstance(event, StepDone))
    saved_step = open_checkpoint(folder, "last").state["step"]
    assert saved_step == last_step if not kill else saved_step >= last_step // 2 * 2 - 2
    assert project.unfinished_run() is not None
    run(project, config, resume=folder)
    assert outcome(folder) == undisturbed
    assert project.unfinished_run() is None
    assert not (folder / "predicting.jsonl").exists()


def test_killed_twice_while_it_predicts_only_the_rest_is_predicted(
    make_project: MakeProject, small_config: MakeConfig, undisturbed: Any
) -> None:
    project, config = make_project(), small_config(schedule=STEPS)
    run(project, config, at_words("Predicting tile 3"), kill=True)
    folder = run_dir(project)
    with (folder / "predicting.jsonl").open("ab") as file:
        file.write(b'["v_')  # cut off in the middle of a line
    again = run(project, config, at_words("Predicting tile 2"), kill=True, resume=folder)
    assert next(event.message for event in again if at_words("Predicting tile")(event)) == "Predicting tile 1 of 3"
    last = run(project, config, resume=folder)
    assert [event.message for event in last if at_words("Predicting tile")(event)] == [
        "Predicting tile 1 of 2",
        "Predicting tile 2 of 2",
    ]
    assert outcome(folder) == undisturbed


def test_predictions_of_other_weights_are_made_again(
    make_project: MakeProject, small_config: MakeConfig, undisturbed: Any
) -> None:
    """Stopped by the user after three steps, killed while those weights predict, and then trained to the end."""
    project, config = make_project(), small_config(schedule=STEPS)
    messenger = Messenger()

    def listen(event: Event) -> None:
        if at_step(3)(event):
            messenger.request_stop()
        if at_words("Predicting tile 4")(event):
            raise Killed

    messenger.listener = listen
    with pytest.raises(Killed):
        train(Request(project, config), messenger)
    messenger.close()
    folder = run_dir(project)
    run(project, config, resume=folder)
    summary, contents = outcome(folder)
    assert summary["steps"] == 5
    assert {name: data for name, data in contents.items() if name.endswith(".png")} == {
        name: data for name, data in undisturbed[1].items() if name.endswith(".png")
    }


def test_checkpoints_come_by_the_clock_not_only_by_validations(
    make_project: MakeProject, small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "USUAL_S", 0.0)
    monkeypatch.setattr(saving, "MAX_SHARE", 1e9)
    project, config = make_project(), small_config(schedule={**STEPS, "validate_every_steps": 100})
    events = run(project, config, at_step(4), kill=True)
    assert [event.step for event in events if isinstance(event, Saved)] == [1, 2, 3]
    assert open_checkpoint(run_dir(project), "last").state["step"] == 3
    assert (
        len(list((run_dir(project) / "checkpoints").glob("step_*"))) == 2
    )  # the last, and the first as the best so far


def test_the_pace_is_half_a_minute_or_two_per_cent_of_the_time() -> None:
    pace = SavePace()
    pace.saved(took_s=0.1)
    assert pace.every_s == 30
    pace.saved(took_s=3)
    assert pace.every_s == 150  # 3 s are 2 % of 150 s
    assert not pace.is_due


# --- real processes ---------------------------------------------------------------------------------------------------


@pytest.fixture
def start(make_project: MakeProject, small_settings: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    project, started = make_project(unlabeled=30), []

    def make(*options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "training_core", "train", str(project.path), "--events", "-", *options]
        if "--resume" not in options:
            command += ["--config", str(small_settings)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment))
        return started[-1]

    yield make
    for each in started:
        each.kill()
        each.wait()
        for stream in (each.stdin, each.stdout, each.stderr):
            stream.close()


@pytest.fixture(scope="module")
def limit_s() -> float:
    """Ten seconds; more on a machine so busy that merely starting to import torch takes longer than that."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return max(10.0, 2 * (time.monotonic() - started))


def until(process: subprocess.Popen[str], at: Callable[[Event], bool]) -> Any:
    assert process.stdout is not None
    for line in process.stdout:
        event = parse_event(line)
        if event is not None and at(event):
            return event
    raise AssertionError(process.stderr.read() if process.stderr else "")


def leave_by_signal(number: int) -> Callable[[subprocess.Popen[str]], None]:
    return lambda process: process.send_signal(number)


def leave_by_command(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write('{"command": "leave"}\n')
    process.stdin.flush()


def leave_by_closed_window(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()


WAYS = {
    "ctrl-c": leave_by_signal(signal.SIGINT),
    "sigterm": leave_by_signal(signal.SIGTERM),
    "closed terminal": leave_by_signal(getattr(signal, "SIGHUP", signal.SIGTERM)),
    "command": leave_by_command,
    "closed window": leave_by_closed_window,
}
LONG = ("--set", "schedule.steps=5000", "--set", "schedule.validate_every_steps=1000")


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=AT_NIGHT if way in ("ctrl-c", "command") else ()) for way in WAYS]
)
def test_left_before_the_first_validation_the_last_step_is_kept(start: Any, limit_s: float, way: str) -> None:
    process = start(*LONG)
    folder = Path(until(process, lambda event: isinstance(event, RunStarted)).run_dir)
    until(process, at_step(4))
    asked = time.monotonic()
    WAYS[way](process)
    assert process.wait(30) == 130
    assert time.monotonic() - asked < limit_s
    steps = [
        json.loads(line)["step"] for line in (folder / "events.jsonl").read_text().splitlines() if "step_done" in line
    ]
    assert open_checkpoint(folder, "last").state["step"] == max(steps) >= 4
    if way not in ("closed window",):
        assert re.search(rf"interrupted; resume with: .* --resume {folder.name}", process.stderr.read())


@pytest.mark.nightly
@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_left_while_it_predicts_many_tiles_the_next_start_predicts_them(start: Any, limit_s: float) -> None:
    process = start("--set", "schedule.steps=2")
    folder = Path(until(process, lambda event: isinstance(event, RunStarted)).run_dir)
    until(process, at_words("Predicting tile 3"))
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.stdout.read()
    assert process.wait(30) == 130
    assert time.monotonic() - asked < limit_s
    assert not (folder / "summary.json").exists()
    done = len(list((folder / "predictions").glob("*.prediction.png")))
    assert 2 <= done < 33
    again = start("--resume", folder.name)
    first = until(again, at_words("Predicting tile"))
    assert first.message.endswith(f"of {33 - len((folder / 'predicting.jsonl').read_text().splitlines()) + 1}")
    until(again, lambda event: isinstance(event, RunFinished))
    assert again.wait(30) == 0
    assert len(list((folder / "predictions").glob("*.prediction.png"))) == 33


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_a_process_that_is_stuck_ends_all_the_same(start: Any, limit_s: float, tmp_path: Path) -> None:
    """A prediction that never returns, as a driver that hangs: the process ends by its own watch."""
    script = tmp_path / "stuck.py"
    script.write_text(
        "import sys, time\n"
        "from training_core.cli.main import main\n"
        "from training_core.training.trainer import Trainer\n"
        "Trainer.choose_predictions = lambda self: time.sleep(1000)\n"
        "sys.exit(main())\n"
    )
    process = start("--set", "schedule.steps=2")
    arguments = process.args[3:]
    process.kill()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    stuck = subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    until(stuck, at_words("Choosing prediction settings"))
    time.sleep(1)
    asked = time.monotonic()
    stuck.send_signal(signal.SIGTERM)
    assert stuck.wait(30) == 130
    assert time.monotonic() - asked < limit_s
    stuck.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="opens a terminal of Linux")
def test_a_terminal_that_is_closed_leaves_a_run_that_can_be_resumed(
    make_project: MakeProject, small_settings: Path, limit_s: float
) -> None:
    """Not only its signal comes: writing the progress fails from then on."""
    import fcntl
    import pty
    import termios

    project = make_project()
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "training_core", "train", str(project.path), "--config", str(small_settings), *LONG],
        stdin=end, stdout=end, stderr=end, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    os.close(end)
    try:
        started = time.monotonic()
        while not (ids := project.run_ids()) or "step_done" not in _events(project.runs_dir / ids[-1]):
            assert time.monotonic() - started < 120
            os.read(terminal, 100_000)
        os.close(terminal)
        asked = time.monotonic()
        assert process.wait(60) == 130
        assert time.monotonic() - asked < limit_s
    finally:
        process.kill()
        process.wait()
    unfinished = project.unfinished_run()
    assert unfinished is not None
    assert (
        f'"step":{unfinished.step},'
        in [line for line in _events(run_dir(project)).splitlines() if "step_done" in line][-1]
    )


def _events(folder: Path) -> str:
    try:
        return (folder / "events.jsonl").read_text()
    except FileNotFoundError:
        return ""
