"""Folders that are filled before anybody sees them; one whose maker died is removed by who comes next.

Beside each lies a lock file that its maker holds, made first and removed last: whoever gets the lock knows that the
maker is dead. The system lets go of a lock when a process dies, however that happens.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from filelock import Timeout

from training_core.base.errors import writing
from training_core.io.locks import ProcessLock

_LOCK_SUFFIX = ".lock"


@contextmanager
def scratch_folder(parent: Path, stem: str) -> Iterator[Path]:
    """A new, empty folder `.STEM-XXXXXXXX` in `parent`, which is gone after the block, with what is still in it.

    Raises
    ------
    StorageError
        The disk is full, read-only or not writable.
    """
    folder = parent / f".{stem}-{secrets.token_hex(4)}"
    lock = ProcessLock(Path(f"{folder}{_LOCK_SUFFIX}"), 0)
    with writing(folder):
        lock.acquire()
    try:
        with writing(folder):
            folder.mkdir()
        yield folder
    finally:
        _remove(folder, lock)


def dead_scratch_folders(parent: Path, stem: str) -> list[tuple[Path, ProcessLock]]:
    """The folders whose makers died, each with its lock held: for `remove_dead` only, after a look inside."""
    dead = []
    for path in sorted(parent.glob(f".{escape(stem)}-{'[0-9a-f]' * 8}{_LOCK_SUFFIX}")):
        if path.is_symlink():  # the system empties the file that it locks
            continue
        lock = ProcessLock(path, 0)
        try:
            lock.acquire()
        except (Timeout, OSError):  # its maker lives, or nothing can be removed here
            continue
        dead.append((path.with_suffix(""), lock))
    return dead


def remove_dead(dead: list[tuple[Path, ProcessLock]]) -> None:
    """Remove folders whose makers died; one that cannot be removed stays."""
    for folder, lock in dead:
        _remove(folder, lock)


def _remove(folder: Path, lock: ProcessLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
    if not folder.exists():
        with suppress(OSError):
            lock.path.unlink(missing_ok=True)
