"""The training process: a `QProcess` whose lines are events and whose standard input takes commands."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qtpy.QtCore import QObject, QProcess, QProcessEnvironment, Signal

import training_core
from training_core.base.i18n import tr
from training_core.messages.events import (
    Event,
    Leave,
    Pause,
    Prepare,
    Resume,
    RunStarted,
    Show,
    Stop,
    Train,
    parse_event,
)

STDERR_KEPT_CHARS = 8000

_PROGRAM = (sys.executable, "-m", "training_core")
_TRAIN = (*_PROGRAM, "train", "--events", "-", "--background")


@dataclass(frozen=True)
class Ending:
    """How the process ended."""

    exit_code: int
    crashed: bool
    """Killed, or it never started."""
    details: str
    """The end of its standard error, for whoever has to find the cause."""
    started: bool = True
    what: str = "training"

    def in_words(self) -> str:
        """A sentence for an ending that no event explained; empty for a good one."""
        if not self.started:
            words = tr("The {what} process could not be started ({details}). Try: install the package again.")
            return words.format(what=self.what, details=self.details)
        if self.crashed:
            words = tr(
                "The {what} process ended without a word, most likely because the memory ran out. "
                "Your annotations are safe. Try: close other programs, or train with fewer or smaller tiles."
            )
            return words.format(what=self.what)
        if self.exit_code != 0:
            words = tr(
                "The {what} process ended with an error (exit code {code}). "
                "Your annotations are safe. Try: start it again; if it fails again, send us the details."
            )
            return words.format(what=self.what, code=self.exit_code)
        return ""


def train_command(
    project: Path, *, minutes: float, show: str | None = None, supervised_only: bool = False
) -> list[str]:
    """The command line that trains on `project` and talks in events."""
    command = [*_TRAIN, str(project), "--minutes", f"{minutes:g}"]
    if show is not None:
        command += ["--show", show]
    if supervised_only:
        command += ["--supervised-only"]
    return command


def resume_command(project: Path, run_id: str, *, show: str | None = None, keep: bool = False) -> list[str]:
    """The command line that goes on with a run. keep: it trains no further, predicts and finishes the run."""
    command = [*_TRAIN, str(project), "--resume", run_id]
    if show is not None:
        command += ["--show", show]
    return [*command, "--keep"] if keep else command


def live_command(project: Path) -> list[str]:
    """The command line of the process that predicts a tile again after every stroke, and may become the trainer."""
    return [*_PROGRAM, "live", "--background", "--offline", str(project)]


class TrainerProcess(QObject):
    """One training (or live) process at a time; its events come as they are written."""

    event_received = Signal(object)
    turn_began, turn_ended = Signal(), Signal()
    """Around the events that were read together."""
    ended = Signal(object)
    """Ending; comes once per start, after the last event."""

    def __init__(self, parent: QObject | None = None, what: str = "training") -> None:
        super().__init__(parent)
        self._what = what
        self._process: QProcess | None = None
        self._run_id: str | None = None
        self._stderr = ""
        self._heard = time.monotonic()

    def quiet_s(self) -> float:
        """How long the process has written nothing, since it was started or last wrote; 0 where there is none."""
        return 0.0 if self._process is None else time.monotonic() - self._heard

    @property
    def running(self) -> bool:
        """A process was started and has not ended."""
        return self._process is not None

    def start(self, command: Sequence[str]) -> None:
        """Start the process. Returns at once; a program that does not start is reported by `ended`."""
        if self._process is not None:
            raise RuntimeError(f"a {self._what} process is running already")
        process = QProcess(self)
        process.setProcessEnvironment(child_environment())
        self._follow(process)
        process.start(command[0], list(command[1:]))

    def take_over(self, other: TrainerProcess, command: Sequence[str]) -> None:
        """Have the process of `other` do this command line, which is one of this program's; `other` announces no end.

        It was started as `live_command` says, and becomes what `command` would have started.
        """
        process = other._process
        if self._process is not None or process is None:
            raise RuntimeError(f"there is no process to take over, or a {self._what} process is running already")
        other._process = None
        for signal in (process.readyReadStandardOutput, process.readyReadStandardError, process.finished):
            signal.disconnect()
        process.errorOccurred.disconnect()
        process.setParent(self)
        self._follow(process)
        self.send(Train(arguments=tuple(command[len(_PROGRAM) :])))

    def _follow(self, process: QProcess) -> None:
        self._run_id, self._stderr, self._heard = None, "", time.monotonic()
        process.readyReadStandardOutput.connect(self._read_events)
        process.readyReadStandardError.connect(self._read_errors)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        self._process = process

    @property
    def pid(self) -> int | None:
        """The number of the process, for what measures it; None: there is none."""
        return None if self._process is None else int(self._process.processId()) or None

    def send(self, command: Stop | Leave | Pause | Resume | Show | Prepare | Train) -> None:
        """Write one command to the process; nothing happens when it has ended meanwhile."""
        if self._process is not None:
            self._process.write(f"{json.dumps(command.model_dump())}\n".encode())

    def kill(self) -> None:
        """End the process at once: the last resort, when it does not stop by itself."""
        if self._process is not None:
            self._process.kill()

    def wait(self, timeout_ms: int) -> bool:
        """Block until the process has ended; False when it has not."""
        return self._process is None or self._process.waitForFinished(timeout_ms) or self._process is None

    def _read_events(self) -> None:
        process, self._heard = self._process, time.monotonic()
        self.turn_began.emit()
        try:  # what was written meanwhile waits in the pipe: a writer that is faster than the window has to wait, too
            while process is not None and process.canReadLine():
                self._take_line(bytes(process.readLine().data()))
        finally:
            self.turn_ended.emit()

    def _take_line(self, line: bytes) -> None:
        event = parse_event(line.decode("utf-8", errors="replace"))
        if event is not None and self._is_current(event):
            self.event_received.emit(event)

    def _is_current(self, event: Event) -> bool:
        """The first `run_started` names the run; events of any other run are dropped."""
        if self._run_id is None and isinstance(event, RunStarted):
            self._run_id = event.run_id
        return self._run_id is None or event.run_id == self._run_id

    def _read_errors(self) -> None:
        self._heard = time.monotonic()
        if self._process is not None:
            text = bytes(self._process.readAllStandardError().data()).decode("utf-8", errors="replace")
            self._stderr = (self._stderr + text)[-STDERR_KEPT_CHARS:]

    def _on_finished(self, exit_code: int, status: QProcess.ExitStatus) -> None:
        process = self._process
        if process is None:
            return
        self._read_events()
        rest = bytes(process.readAllStandardOutput().data())
        if rest:
            self._take_line(rest)
        self._read_errors()
        self._end(Ending(exit_code, status == QProcess.ExitStatus.CrashExit, self._stderr, what=self._what))

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and self._process is not None:
            self._end(Ending(-1, True, self._process.errorString(), started=False, what=self._what))

    def _end(self, ending: Ending) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.deleteLater()
        self.ended.emit(ending)


def child_environment() -> QProcessEnvironment:
    """The environment of a process of this program: it finds the package and talks UTF-8, line by line."""
    environment = QProcessEnvironment.systemEnvironment()
    environment.insert("PYTHONUNBUFFERED", "1")
    environment.insert("PYTHONIOENCODING", "utf-8")
    package_root = Path(training_core.__file__).resolve().parent.parent
    if package_root.name not in ("site-packages", "dist-packages"):
        # A source tree: the child need not run in this folder, so it is told where the package lies.
        known = environment.value("PYTHONPATH", "")
        environment.insert("PYTHONPATH", os.pathsep.join(filter(None, [str(package_root), known])))
    return environment
