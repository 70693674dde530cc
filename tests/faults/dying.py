"""A child process that dies, by os._exit, before a chosen change of the file system.

Every call that changes something below a folder is a point to die at: opening for writing, renaming, removing, making
and removing folders. Python's audit events tell of them, whoever calls. Content is written between these calls, so a
file that is being synchronised is a point twice more: once with nothing of its content, once with half of it.
"""

from __future__ import annotations

import os
import pickle
import signal
import stat
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

DIED = 137
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def in_child(act: Callable[[], Any]) -> Any:
    """What `act` returns in a child process of its own.

    Raises
    ------
    RuntimeError
        It raised something; says what.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            answer = True, act()
        except BaseException:
            answer = False, traceback.format_exc()
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    is_sound, value = pickle.loads(data)  # what our own child wrote
    if not is_sound:
        raise RuntimeError(value)
    return value


def dies(act: Callable[[], Any], below: Path, point: int) -> bool:
    """Whether a child that does `act` died at its `point`-th change below a folder, counted from 0; else it did all."""
    child = os.fork()
    if child == 0:
        try:
            _Points(below, point).watch()
            act()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, DIED):
        raise RuntimeError(f"the act itself failed, on the way to point {point}")
    return code == DIED


def pauses(act: Callable[[], Any], below: Path, point: int, meanwhile: Callable[[], Any]) -> None:
    """Do `meanwhile` in a child while another that does `act` is stopped before its `point`-th change; both end.

    Raises
    ------
    RuntimeError
        One of them raised something.
    """
    child = os.fork()
    if child == 0:
        try:
            _Points(below, point, lambda: os.kill(os.getpid(), signal.SIGSTOP)).watch()
            act()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, os.WUNTRACED)[1]
    try:
        if os.WIFSTOPPED(status):
            in_child(meanwhile)
    finally:
        if os.WIFSTOPPED(status):
            os.kill(child, signal.SIGCONT)
            status = os.waitpid(child, 0)[1]
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"the act failed when something else was done before its point {point}")


def refused(act: Callable[[], Any], below: Path, point: int, code: int) -> tuple[str, str]:
    """What comes of `act` in a child where its `point`-th change below a folder, and each later one, fails with `code`.

    Returns
    -------
    kind, words
        Of the exception; both empty where it was done.
    """

    def tried() -> tuple[str, str]:
        points = _Refusing(below, point, code)
        points.watch()
        try:
            act()
        except Exception as error:
            return type(error).__name__, str(error)
        finally:
            points.stop()
        return "", ""

    kind, words = in_child(tried)
    return kind, words


def count_points(act: Callable[[], Any], below: Path) -> int:
    """How many points to die at `act` has; it is done, in a child."""

    def counted() -> int:
        points = _Points(below, None)
        points.watch()
        act()
        return points.count

    return int(in_child(counted))


class _Points:
    def __init__(self, below: Path, last: int | None, then: Callable[[], Any] | None = None) -> None:
        self._below = os.path.realpath(below)
        self._last = last
        self._then = then or (lambda: os._exit(DIED))
        self._damages = then is None
        self.count = 0
        self._is_watching = False

    def watch(self) -> None:
        self._sync, self._write = os.fsync, os.write
        os.fsync, os.write = self._on_sync, self._on_write  # type: ignore[assignment]
        self._is_watching = True
        sys.addaudithook(self._on_event)

    def _tick(self, damage: Callable[[], Any] | None = None) -> None:
        if self.count == self._last:
            self._is_watching, self._last = False, None
            if damage is not None and self._damages:
                damage()
            self._then()
        self.count += 1

    def stop(self) -> None:
        self._is_watching = False

    def _on_event(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._is_watching:
            return
        if event == "open":
            path, _, flags = args
            changes = bool(flags & _WRITES) and self._is_below(path)
        elif event in ("os.remove", "os.rmdir", "os.mkdir"):
            changes = self._is_below(args[0], args[-1])
        elif event == "os.rename":
            changes = self._is_below(args[0], args[2]) or self._is_below(args[1], args[3])
        elif event in ("os.truncate", "os.link", "os.symlink"):
            changes = self._is_below(args[-2] if event == "os.symlink" else args[0])
        else:
            return
        if changes:
            self._tick()

    def _on_sync(self, descriptor: int) -> None:
        if self._is_watching and stat.S_ISREG(os.fstat(descriptor).st_mode) and self._is_below(descriptor):
            size = os.fstat(descriptor).st_size
            self._tick(lambda: os.ftruncate(descriptor, 0))
            self._tick(lambda: os.ftruncate(descriptor, size // 2))
        self._sync(descriptor)

    def _on_write(self, descriptor: int, data: bytes) -> int:
        if self._is_below(descriptor):
            self._tick()
            self._tick(lambda: self._write(descriptor, data[: len(data) // 2]))
        return self._write(descriptor, data)

    def _is_below(self, path: Any, folder: int = -1) -> bool:
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        elif folder != -1:
            path = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), os.fsdecode(path))
        path = os.path.abspath(os.fsdecode(path))
        return path == self._below or path.startswith(self._below + os.sep)


class _Refusing(_Points):
    """A disk that takes nothing more from a point on."""

    def __init__(self, below: Path, first: int, code: int) -> None:
        super().__init__(below, None)
        self._first, self._code = first, code

    def _tick(self, damage: Callable[[], Any] | None = None) -> None:
        if self._is_watching and self.count >= self._first:
            raise OSError(self._code, os.strerror(self._code))
        self.count += 1
