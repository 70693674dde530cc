from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QTimer

from napari_unisemalign.app.process import Ending, TrainerProcess, train_command
from training_core.messages.events import Event, RunFailed, RunStarted, Show, Status, StepDone, Stop, Warned

pytestmark = pytest.mark.binding

STARTED = (
    "from training_core.messages.events import *; import sys, os, time\n"
    "def say(e): print(e.model_dump_json(), flush=True)\n"
    "say(Status(run_id='', message='before the run'))\n"
    "say(RunStarted(run_id='r2', run_dir='', device='cpu', precision='', encoder='', class_ids=(0,), n_labeled=1,"
    " n_unlabeled=1, n_val=0, total_steps=None))\n"
)


class Run:
    """A process that runs some lines of Python, and what came of it."""

    def __init__(self, qtbot: Any, code: str) -> None:
        self.qtbot = qtbot
        self.process = TrainerProcess()
        self.events: list[Event] = []
        self.endings: list[Ending] = []
        self.process.event_received.connect(self.events.append)
        self.process.ended.connect(self.endings.append)
        self.process.start([sys.executable, "-c", code])

    def wait(self) -> Ending:
        self.qtbot.waitUntil(lambda: bool(self.endings), timeout=20_000)
        assert len(self.endings) == 1
        assert not self.process.running
        return self.endings[0]

    def messages(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Status | RunFailed)]


def test_events_come_in_order_and_prints_and_older_runs_are_dropped(qtbot: Any) -> None:
    code = STARTED + (
        "print('a library prints something')\n"
        "say(Status(run_id='r1', message='an older run'))\n"
        "say(Status(run_id='r2', message='é and more'))\n"
        "sys.stdout.write(Status(run_id='r2', message='no newline at the end').model_dump_json())\n"
    )
    run = Run(qtbot, code)
    ending = run.wait()
    assert ending == Ending(0, False, "")
    assert ending.in_words() == ""
    assert run.messages() == ["before the run", "é and more", "no newline at the end"]
    assert isinstance(run.events[1], RunStarted)


def test_a_line_that_comes_in_pieces_is_one_event(qtbot: Any) -> None:
    code = STARTED + (
        "line = Status(run_id='r2', message='whole').model_dump_json()\n"
        "sys.stdout.write(line[:9]); sys.stdout.flush(); time.sleep(0.3); print(line[9:], flush=True)\n"
    )
    run = Run(qtbot, code)
    run.wait()
    assert run.messages() == ["before the run", "whole"]


def test_a_flood_of_events_loses_none_and_leaves_the_window_its_turns(qtbot: Any) -> None:
    """20,000 at once: whatever else the window has to do comes between them."""
    step = StepDone(
        run_id="r2", step=7, progress=0.5, eta_s=None, losses={"total": 0.5}, threshold=None, confident_share=None
    )
    code = STARTED + (
        f"step = {step.model_dump_json()!r}\n"
        "lines = [step.replace('7', str(n), 1) if n % 100 else Warned(run_id='r2', message=str(n)).model_dump_json()"
        " for n in range(20000)]\n"
        "sys.stdout.write('\\n'.join(lines) + '\\n')\n"
    )
    run = Run(qtbot, code)
    turns, timer = [0], QTimer()
    timer.timeout.connect(lambda: turns.append(len(run.events)))
    timer.start(0)
    assert run.wait() == Ending(0, False, "")
    timer.stop()
    told = [event for event in run.events if isinstance(event, StepDone | Warned)]
    assert [event.message for event in told[::100] if isinstance(event, Warned)] == [str(100 * n) for n in range(200)]
    assert len(told) == 20_000
    at_once = max(after - before for before, after in pairwise(turns))
    assert at_once < 2_000, at_once


def test_commands_reach_the_process(qtbot: Any) -> None:
    code = STARTED + (
        "for line in sys.stdin:\n"
        "    c = parse_command(line)\n"
        "    say(Status(run_id='r2', message=repr(c)))\n"
        "    if isinstance(c, Stop): break\n"
    )
    run = Run(qtbot, code)
    qtbot.waitUntil(lambda: len(run.events) == 2, timeout=20_000)
    run.process.send(Show(tile="tile_07"))
    run.process.send(Stop())
    run.wait()
    assert run.messages()[1:] == [repr(Show(tile="tile_07")), repr(Stop())]


def test_a_process_that_is_taken_over_has_one_owner(qtbot: Any) -> None:
    code = (
        "from training_core.messages.events import *; import sys\n"
        "def say(text): print(Status(run_id='', message=text).model_dump_json(), flush=True)\n"
        "say('preview')\n"
        "for line in sys.stdin:\n"
        "    c = parse_command(line)\n"
        "    say(' '.join(c.arguments))\n"
        "    break\n"
    )
    preview, training = Run(qtbot, code), TrainerProcess()
    events: list[Event] = []
    endings: list[Ending] = []
    training.event_received.connect(events.append)
    training.ended.connect(endings.append)
    qtbot.waitUntil(lambda: preview.messages() == ["preview"], timeout=20_000)
    pid = preview.process.pid
    training.take_over(preview.process, train_command(Path("p"), minutes=3.0, show="t"))
    assert (preview.process.running, preview.process.pid, training.pid) == (False, None, pid)
    qtbot.waitUntil(lambda: bool(endings), timeout=20_000)
    assert [event.message for event in events] == ["train --events - --background p --minutes 3 --show t"]
    assert endings == [Ending(0, False, "")]
    assert preview.messages() == ["preview"]
    assert preview.endings == []
    with pytest.raises(RuntimeError, match="no process to take over"):
        training.take_over(preview.process, ["x"])


def test_an_error_keeps_the_end_of_its_output(qtbot: Any) -> None:
    run = Run(qtbot, STARTED + "raise RuntimeError('x' * 20000 + ' the cause')")
    ending = run.wait()
    assert ending.exit_code == 1
    assert not ending.crashed
    assert ending.details.rstrip().endswith("the cause")
    assert len(ending.details) <= 8000
    assert "exit code 1" in ending.in_words()
    assert "Your annotations are safe" in ending.in_words()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_crash_is_told_in_words(qtbot: Any) -> None:
    run = Run(qtbot, STARTED + "os.kill(os.getpid(), 9)")
    ending = run.wait()
    assert ending.crashed
    assert "memory" in ending.in_words()
    assert len(run.events) == 2  # what was said before is not lost


def test_a_program_that_does_not_start_is_an_ending(qtbot: Any, tmp_path: Path) -> None:
    process, endings = TrainerProcess(), []
    process.ended.connect(endings.append)
    process.start([str(tmp_path / "nothing")])
    qtbot.waitUntil(lambda: bool(endings), timeout=20_000)
    assert endings[0].crashed
    assert "could not be started" in endings[0].in_words()
    assert not process.running


def test_killing_is_possible_and_a_new_process_can_follow(qtbot: Any) -> None:
    run = Run(qtbot, STARTED + "time.sleep(100)")
    qtbot.waitUntil(lambda: len(run.events) == 2, timeout=20_000)
    with pytest.raises(RuntimeError, match="already"):
        run.process.start([sys.executable, "-c", ""])
    run.process.kill()
    assert run.process.wait(10_000)
    run.wait()
    run.endings.clear()
    run.process.start([sys.executable, "-c", STARTED.replace("r2", "r3")])
    run.wait()
    assert run.events[-1].run_id == "r3"  # the former run's id is forgotten


def test_the_command_line_is_the_headless_one() -> None:
    command = train_command(Path("/p"), minutes=0.5, show="tile_01", supervised_only=True)
    assert command[1:] == [
        "-m", "training_core", "train", "--events", "-", "--background", "/p", "--minutes", "0.5", "--show", "tile_01",
        "--supervised-only",
    ]  # fmt: skip
    assert train_command(Path("/p"), minutes=5)[-2:] == ["--minutes", "5"]
