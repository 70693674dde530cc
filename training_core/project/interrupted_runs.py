"""Runs that did not end by themselves: the machine was switched off, the process was killed, an error came between."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import Timeout

from training_core.base.bounded import read_json
from training_core.base.errors import CheckpointError, ProjectError, writing
from training_core.io.locks import ProcessLock
from training_core.project.runs import DISCARDED_SUFFIX, RUNS_FOLDER, read_rounds, run_ids

_LOCK = "run.lock"


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that can be continued."""

    run_id: str
    started_at: datetime
    """With a time zone."""
    step: int
    """Of the last checkpoint."""
    elapsed_s: float
    """Trained until then."""
    total_steps: int | None
    minutes: float | None
    """The budget; None where it counts something else."""


def unfinished_run(project: Path) -> UnfinishedRun | None:
    """The newest run that has a checkpoint and no end, and that nobody trains at this moment.

    Runs older than the latest finished one are history: None.
    """
    for run_id in reversed(run_ids(project)):
        folder = project / RUNS_FOLDER / run_id
        if (folder / "summary.json").is_file():
            return None
        found = _read(folder)
        if found is not None and not is_being_trained(folder):
            return found
    return None


def discard_run(project: Path, run_id: str) -> None:
    """Remove a run's folder; the run before is the latest again.

    Raises
    ------
    ProjectError
        A round was recorded for it, or a process trains it.
    StorageError
        It cannot be removed.
    """
    folder = project / RUNS_FOLDER / run_id
    if any(entry.run_id == run_id for entry in read_rounds(project)):
        raise ProjectError(
            f"run {run_id} is a finished round of {project}", "a run that did not finish", "keep it: it is small"
        )
    if is_being_trained(folder):
        raise ProjectError(f"run {run_id} is being trained", "a run that has ended", "stop the training first")
    with writing(folder):
        if folder.is_dir():
            hidden = folder.with_name(
                f".{run_id}{DISCARDED_SUFFIX}"
            )  # at once and as a whole: half a run would be offered
            folder.replace(hidden)  # at once and as a whole: half a run would be offered
            shutil.rmtree(hidden)


def is_being_trained(folder: Path) -> bool:
    """Whether a process holds the run."""
    if not (folder / _LOCK).exists():
        return False
    try:
        with ProcessLock(folder / _LOCK, 0):
            return False
    except (Timeout, OSError):
        return True


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """While the block runs, the run in `folder` is this process's; the system lets go when the process dies.

    Raises
    ------
    CheckpointError
        Another process trains it.
    """
    lock = ProcessLock(folder / _LOCK, 0)
    try:
        lock.acquire()
    except Timeout as error:
        raise CheckpointError(
            f"run {folder.name} is being trained by another process",
            "a run that has stopped",
            "wait until it ends, or stop it there",
        ) from error
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):
            (folder / _LOCK).unlink(missing_ok=True)


def _read(folder: Path) -> UnfinishedRun | None:
    """None: it has no whole checkpoint, or is damaged."""
    try:
        last = folder / "checkpoints" / str(_json(folder / "checkpoints" / "index.json")["last"])
        state, schedule = _json(last / "state.json"), _json(folder / "config.json")["schedule"]
        started = datetime.fromisoformat(_json(folder / "provenance.json")["started_at"])
        minutes = schedule["minutes"]
        counts_steps = minutes is None and schedule["epochs"] is None
        return UnfinishedRun(
            folder.name,
            started,
            int(state["step"]),
            float(state["elapsed_s"]),
            int(schedule["steps"]) if counts_steps else None,
            None if minutes is None else float(minutes),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _json(path: Path) -> Any:
    return read_json(path)
