"""Command lines that do what a button does: to be run by a process of the window, or copied into a terminal."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence

from qtpy.QtCore import QObject, QProcess

from napari_unisemalign.app.process import child_environment
from training_core.base.i18n import tr

Arguments = tuple[str, ...]
"""What follows `python -m training_core`."""
LAST_WAIT_MS = 3000


def as_text(arguments: Sequence[str]) -> str:
    """The command line as one types it in a terminal of this system."""
    words = ["python", "-m", "training_core", *arguments]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def program(arguments: Sequence[str]) -> list[str]:
    """The same for a process of this program's own Python."""
    return [sys.executable, "-m", "training_core", *arguments]


class CommandProcess(QObject):
    """One command at a time, in a process of its own; what it printed comes when it has ended."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._process = QProcess(self)
        self._process.setProcessEnvironment(child_environment())
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)
        self._done: Callable[[int, str, str], None] | None = None

    @property
    def running(self) -> bool:
        """A command was started and has not ended."""
        return self._done is not None

    def start(self, arguments: Sequence[str], done: Callable[[int, str, str], None]) -> None:
        """Start a command; `done` gets its exit code, what it printed, and what it said on standard error."""
        command = program(arguments)
        self._done = done
        self._process.start(command[0], command[1:])

    def stop(self) -> None:
        """End it, and tell nobody."""
        self._done = None
        self._process.kill()
        self._process.waitForFinished(LAST_WAIT_MS)

    def _on_finished(self, exit_code: int, status: QProcess.ExitStatus) -> None:
        out, err = (
            bytes(data.data()).decode("utf-8", errors="replace")
            for data in (self._process.readAllStandardOutput(), self._process.readAllStandardError())
        )
        if status == QProcess.ExitStatus.CrashExit:
            err += tr("The process ended without a word, most likely because the memory ran out.")
        self._end(exit_code if status == QProcess.ExitStatus.NormalExit else -1, out, err)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._end(-1, "", self._process.errorString())

    def _end(self, exit_code: int, out: str, err: str) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(exit_code, out, err)
