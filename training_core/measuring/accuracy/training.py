"""One seed's training, in a process of its own: its peak memory is its own, and its end is nobody else's."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training_core.base.bounded import read_json
from training_core.messages.events import Event, RunFailed, RunFinished, parse_event


class SeedFailed(Exception):
    """The training of a seed ended without a result; the message says why."""


def train_seed(project: Path, config: Path, seed: int, log: Path, listener: Callable[[Event], None]) -> dict[str, Any]:
    """The run's summary.json and settings, and wall_s: the seconds of the whole process, with start and predictions.

    Parameters
    ----------
    log
        What the process writes to standard error.
    listener
        Called with each of its events.

    Raises
    ------
    SeedFailed
        It failed, or was stopped before its budget was used.
    """
    command = [sys.executable, "-m", "training_core", "train", str(project)]
    command += ["--config", str(config), "--seed", str(seed), "--events", "-"]
    started = time.monotonic()
    finished, failure = None, ""
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8"
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                event = parse_event(line)
                if isinstance(event, RunFinished):
                    finished = event
                elif isinstance(event, RunFailed):
                    failure = event.message
                if event is not None:
                    listener(event)
        except BaseException:
            process.terminate()
            raise
    if process.returncode or finished is None:
        tail = log.read_text(encoding="utf-8", errors="replace").strip()[-2000:]
        raise SeedFailed(failure or f"training ended with exit code {process.returncode}: {tail}")
    if finished.reason != "budget":
        raise SeedFailed(f"training was stopped after {finished.steps} steps")
    wall_s = round(time.monotonic() - started, 2)
    summary, used = (read_json(Path(finished.run_dir) / name) for name in ("summary.json", "config.json"))
    return {**summary, "wall_s": wall_s, "settings": used}
