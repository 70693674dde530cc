"""A process between the window and its trainer that passes everything on and can add a flood of events.

    python -m napari_unisemalign.tools.flood SWITCH EVENTS_A_SECOND COMMAND ...

The flood lasts as long as there is a file SWITCH. It repeats the trainer's own last event of each kind, and others of
the kinds that it has not sent; not those that end a run. Where the window reads more slowly, the pipe is full and the
flood waits. One event of each turn is MARK; how many of these were written is in SWITCH.count afterwards.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from napari_unisemalign.app.process import TrainerProcess
from training_core.io import atomic_write
from training_core.messages.events import (
    Event,
    FilePredicted,
    Paused,
    Prepared,
    Resumed,
    RunFailed,
    RunFinished,
    Saved,
    Status,
    StepDone,
    Validated,
    Warned,
    parse_event,
)

MARK = "This is a flood."
_TURN_S = 0.01
_LOOK_S = 0.05


class Flood:
    """The lines of both, one after the other."""

    def __init__(self, out: BinaryIO, switch: Path, events_per_s: int) -> None:
        self._out, self._switch, self._a_turn = out, switch, max(1, round(events_per_s * _TURN_S))
        self._lock = threading.Lock()
        self._by_kind: dict[str, Event] = {}

    def pass_on(self, line: bytes) -> None:
        """Write a line of the trainer."""
        event = parse_event(line.decode(errors="replace"))
        with self._lock:
            if event is not None and not isinstance(event, Warned | RunFinished | RunFailed):
                self._by_kind[event.kind] = event
            self._out.write(line)
            self._out.flush()

    def watch(self) -> None:
        """Flood whenever the switch is there."""
        while True:
            if self._switch.exists():
                self._flood()
            time.sleep(_LOOK_S)

    def _flood(self) -> None:
        with self._lock:
            each = [event.model_dump_json().encode() + b"\n" for event in self._every_kind()]
        lines, marks, due = itertools.cycle(each), 0, time.monotonic()
        while self._switch.exists():
            block = list(itertools.islice(lines, self._a_turn))
            with self._lock:
                self._out.write(b"".join(block))
                self._out.flush()
            marks += block.count(each[0])
            due = max(due + _TURN_S, time.monotonic() - _TURN_S)
            time.sleep(max(0.0, due - time.monotonic()))
        atomic_write(self._switch.with_suffix(".count"), str(marks).encode())

    def _every_kind(self) -> list[Event]:
        run = next((each.run_id for each in self._by_kind.values() if each.run_id), "")
        others: tuple[Event, ...] = (
            Warned(run_id=run, message=MARK),
            Status(run_id=run, message="Flooding"),
            StepDone(
                run_id=run, step=1, progress=0.1, eta_s=None, losses={"total": 1.0}, threshold=None,
                confident_share=None,
            ),
            Saved(run_id=run, step=1, seconds=0.1, every_s=60),
            Paused(run_id=run, step=1),
            Resumed(run_id=run, step=1),
            Validated(
                run_id=run, step=1, mdice=50.0, mjaccard=40.0, dice_by_class={0: 50.0}, measured_on="validation",
                n_tiles=1, is_best=False,
            ),
            Prepared(run_id=run, tile="", memory_bytes=1),
            FilePredicted(run_id=run, file="a", result="b", was_there=False),
        )  # fmt: skip
        by_kind: dict[str, Event] = {each.kind: each for each in others}
        return list((by_kind | self._by_kind).values())


@contextmanager
def between(switch: Path, events_per_s: int) -> Iterator[None]:
    """Start every process of the window through this one."""
    start = TrainerProcess.start

    def through(self: TrainerProcess, command: list[str]) -> None:
        start(self, [sys.executable, "-m", __name__, str(switch), str(events_per_s), *command])

    TrainerProcess.start = through  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        TrainerProcess.start = start  # type: ignore[method-assign]


def main(arguments: list[str]) -> int:
    """Run the command until it ends; returns its exit code."""
    switch, events_per_s, *command = arguments
    flood = Flood(sys.stdout.buffer, Path(switch), int(events_per_s))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as trainer:  # it reads what the window writes itself
        assert trainer.stdout is not None
        threading.Thread(target=flood.watch, daemon=True, name="flood").start()
        for line in trainer.stdout:
            flood.pass_on(line)
    return trainer.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
