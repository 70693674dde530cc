"""Locks between processes, also on file systems that have none: some network drives and folders of containers.

Where the system has locks it lets go of one when its process dies, however that happens. Where it has none, a file
`NAME.held` says which process of which computer holds the lock; one whose process died is removed by who comes next.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import TracebackType

from filelock import BaseFileLock, FileLock, SoftFileLock

HELD_SUFFIX = ".held"
_NO_LOCKS = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS)


class ProcessLock:
    """One lock, by the path of its file; the process that has it may get it again.

    Parameters
    ----------
    timeout_s
        How long `acquire` waits for another process.
    """

    def __init__(self, path: Path, timeout_s: float) -> None:
        self.path = path
        self._timeout_s = timeout_s
        self._lock: BaseFileLock | None = None

    def acquire(self, timeout_s: float | None = None) -> None:
        """Get the lock.

        Raises
        ------
        filelock.Timeout
            Another process has it.
        OSError
            The file cannot be written.
        """
        if self._lock is None:
            held = Path(f"{self.path}{HELD_SUFFIX}")
            self._lock = SoftFileLock(held) if has_no_locks(self.path) else FileLock(self.path)
        self._lock.acquire(timeout=self._timeout_s if timeout_s is None else timeout_s)

    def release(self) -> None:
        """Let go of it, once for each time that it was got."""
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> ProcessLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def has_no_locks(path: Path) -> bool:
    """Whether the file system of this file, which is made, does not know locks.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    try:
        import fcntl
    except ImportError:  # Windows, which has them everywhere
        return False
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _NO_LOCKS
    finally:
        os.close(descriptor)
    return False
