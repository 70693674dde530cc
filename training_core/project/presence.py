"""Who has a project open: a file each in its folder `open`, which says who, where and since when.

No lock: nothing waits for these files and nothing is refused because of them, so a file system without locks, a dead
process and a lost connection are in nobody's way. Work itself is kept safe by `merging`.

A living process touches its file every few seconds. On its own computer a process that has died is known at once; on
another one, or in a copy of the project, by its file, which nobody touches any more. How old that is, is measured
against one's own file, which the same server has dated: the clocks of two computers need not agree.
"""

from __future__ import annotations

import atexit
import getpass
import os
import platform
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Literal

import psutil
from pydantic import ConfigDict, TypeAdapter, ValidationError

from training_core.base.bounded import read_file
from training_core.base.errors import ProjectError, StorageError, UserError, writing
from training_core.base.i18n import tr
from training_core.base.printable import printable
from training_core.base.safe_paths import within
from training_core.io.atomic import TEMPORARY_GLOB, passing_write

OPEN_FOLDER = "open"
BEAT_S = 10.0
SILENT_S = 60.0
"""Nobody has touched the file for so long: its process is not there any more."""
_FORGOTTEN_S = 24 * 3600.0
_MAX_BYTES = 8192
_MAX_FILES = 100
"""Somebody else may have put any number there."""
_MAX_CHARS = 80
Kind = Literal["window", "training"]


@dataclass(frozen=True)
class Opener:
    """Somebody who has a project open.

    Attributes
    ----------
    key
        Names the file.
    machine
        Tells computers apart where names do not, such as containers.
    born
        When the process began, as its system counts; None: nobody knows.
    takes_over
        Keys of windows that are to leave the project to this one.
    """

    key: str
    kind: Kind
    user: str
    host: str
    machine: str
    process: int
    born: float | None
    since: str
    takes_over: tuple[str, ...] = ()
    spec_version: Literal[1] = 1
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    def in_words(self) -> str:
        """Such as "anna on lab-3 (window, process 4711), since 2026-11-29 14:32"."""
        words = tr("{user} on {host} ({kind}, process {process}), since {moment}")
        kind = tr("window") if self.kind == "window" else tr("training")
        user, host = printable(self.user), printable(self.host)
        return words.format(user=user, host=host, kind=kind, process=self.process, moment=self._moment())

    def _moment(self) -> str:
        try:
            return f"{datetime.fromisoformat(self.since).astimezone():%Y-%m-%d %H:%M}"
        except (ValueError, OverflowError, OSError):
            return printable(self.since)


_opener = TypeAdapter(Opener)


class Presence:
    """One's own file in a project. Where it cannot be written (a read-only disk), others do not learn of it.

    Parameters
    ----------
    project
        The folder.
    """

    def __init__(self, project: Path, kind: Kind) -> None:
        self._project = project
        self._ended = threading.Event()
        machine, pid = _machine(), os.getpid()
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self._me = Opener(secrets.token_hex(8), kind, _user(), _host(), machine, pid, _born(pid), since)
        self._write()
        threading.Thread(target=self._beat, daemon=True, name="presence").start()
        atexit.register(self.leave)

    @property
    def me(self) -> Opener:
        """What others read."""
        return self._me

    def others(self) -> tuple[Opener, ...]:
        """Who else has the project open now, longest first; files of dead processes are removed."""
        now = self._now()
        found = []
        for path in _files(self._project):
            if path.stem == self._me.key:
                continue
            with suppress(OSError, UserError, ValidationError):  # not one of ours, or gone meanwhile
                if path.match(TEMPORARY_GLOB) and now - path.stat().st_mtime > SILENT_S:
                    path.unlink(missing_ok=True)  # its writer died
                opener = _opener.validate_json(read_file(within(self._project, OPEN_FOLDER, path.name), _MAX_BYTES))
                silent_s = abs(now - path.stat().st_mtime)  # a clock may have been set back since
                is_dead = _has_died(opener)
                if _is_sound(opener, path.stem) and not is_dead and silent_s < SILENT_S:
                    found.append(opener)
                elif is_dead or silent_s > _FORGOTTEN_S:
                    path.unlink(missing_ok=True)
        return tuple(sorted(found, key=lambda opener: opener.since))

    def take_over(self, others: tuple[Opener, ...]) -> None:
        """Ask these windows to leave the project to this one; they look every few seconds."""
        keys = tuple(opener.key for opener in others if opener.kind == "window")
        self._me = replace(self._me, takes_over=keys)
        self._write()

    def taken_over_by(self, others: tuple[Opener, ...]) -> Opener | None:
        """Which of these has asked to have the project for itself."""
        return next((opener for opener in others if self._me.key in opener.takes_over), None)

    def leave(self) -> None:
        """The project is not open here any more."""
        self._ended.set()
        atexit.unregister(self.leave)
        with suppress(OSError, ProjectError):
            path = self._path()
            path.unlink(missing_ok=True)
            path.parent.rmdir()  # fails while others have the project open

    def _path(self) -> Path:
        return within(self._project, OPEN_FOLDER, f"{self._me.key}.json")

    def _write(self) -> None:
        with suppress(OSError, StorageError, ProjectError):
            path = self._path()
            with writing(path):
                path.parent.mkdir(exist_ok=True)
            passing_write(path, _opener.dump_json(self._me, indent=1) + b"\n")

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            self._touch()

    def _touch(self) -> None:
        try:
            os.utime(self._path())
        except FileNotFoundError:  # somebody thought that this process was dead: a closed lid, a lost connection
            if self._project.is_dir() and not self._ended.is_set():
                self._write()
        except (OSError, ProjectError):
            return

    def _now(self) -> float:
        """The time as the disk's own computer dates files."""
        self._touch()
        try:
            return self._path().stat().st_mtime
        except (OSError, ProjectError):
            return time.time()


def _files(project: Path) -> list[Path]:
    try:
        with os.scandir(within(project, OPEN_FOLDER)) as entries:
            names = [entry.name for entry, _ in zip(entries, range(_MAX_FILES), strict=False)]
    except (OSError, ProjectError):
        return []
    return [project / OPEN_FOLDER / name for name in sorted(names)]


def _is_sound(opener: Opener, key: str) -> bool:
    """Whether it is what this program writes: short texts, and the key of its file."""
    texts = (opener.user, opener.host, opener.machine, opener.since)
    return opener.key == key and all(len(each) <= _MAX_CHARS for each in texts)


def _has_died(opener: Opener) -> bool:
    """Known only of processes of this computer; another process may have its number by now."""
    if opener.machine != _machine():
        return False
    born = _born(opener.process)
    return born is None or (opener.born is not None and abs(born - opener.born) > 1.0)


def _born(process: int) -> float | None:
    """When a process of this computer began, by a clock that nobody sets; None: there is no such process."""
    try:
        if Path("/proc/self/stat").exists():
            words = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
            return float(words[19]) / os.sysconf("SC_CLK_TCK")
        return float(psutil.Process(process).create_time())
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def _machine() -> str:
    """What no other computer or container has at this moment, as far as the system tells."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.stat('/proc/self/ns/pid').st_ino}"[:_MAX_CHARS]
    except OSError:
        return _host()


def _host() -> str:
    return platform.node()[:_MAX_CHARS] or "?"


def _user() -> str:
    try:
        return getpass.getuser()[:_MAX_CHARS]
    except (KeyError, OSError, ImportError):  # a user without a name: a container's
        return "?"
