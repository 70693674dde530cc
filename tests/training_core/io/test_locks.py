"""Locks where the file system has none: the call fails, in this process and in another one that is killed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import Timeout

from training_core.io.locks import ProcessLock

fcntl = pytest.importorskip("fcntl")
ROOT = Path(__file__).parents[3]
CODES = (errno.EINVAL, errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS)
HOLD = """
import fcntl, os, sys, time
from pathlib import Path
from training_core.io.locks import ProcessLock
code = int(sys.argv[2])
def refuse(*_): raise OSError(code, os.strerror(code))
if code:
    fcntl.flock = refuse
lock = ProcessLock(Path(sys.argv[1]), 0)
lock.acquire()
print("held", flush=True)
time.sleep(600)
"""


@contextmanager
def held_elsewhere(path: Path, code: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(path), str(code)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("code", [0, errno.ENOTSUP], ids=["with locks", "without locks"])
def test_who_has_the_lock_keeps_others_out_and_when_killed_is_in_nobody_s_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = tmp_path / "x.lock"
    if code:
        missing(monkeypatch, code)
    lock = ProcessLock(path, 0)
    with held_elsewhere(path, code) as process:
        with pytest.raises(Timeout):
            lock.acquire()
        process.kill()
        process.wait(30)
        lock.acquire(5)
    lock.release()
    assert [each.name for each in tmp_path.iterdir()] == ["x.lock"]


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_each_error_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    missing(monkeypatch, code)
    lock = ProcessLock(tmp_path / "x.lock", 0)
    with lock, lock, pytest.raises(Timeout):
        ProcessLock(tmp_path / "x.lock", 0).acquire()
    with lock:
        assert (tmp_path / "x.lock.held").exists()
    assert not (tmp_path / "x.lock.held").exists()


def test_any_other_error_is_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ProcessLock(tmp_path / "absent" / "x.lock", 0).acquire()


def missing(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(*_arguments: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
