"""Writing files so that a crash, a power cut or a full disk never leaves half of one.

The new content goes to a temporary file beside its target, reaches the disk (fsync), and only then takes the
target's name. Several files that belong together are all written before the first of them is renamed.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from training_core.base.errors import writing
from training_core.base.safe_paths import within

TEMPORARY_GLOB = f".{'[0-9a-f]' * 16}.tmp"
"""Matches the temporary files of this module, and none of a program that synchronises the folder, such as Syncthing's
.syncthing.NAME.tmp; one that is older than its writer is the trace of a crash."""

_WINDOWS_ATTEMPTS = 20
_CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class StagedFiles:
    """Files whose contents are on disk under temporary names until `commit` renames them in the order of `add`.

    Parameters
    ----------
    root
        The folder that all of them have to lie in; None: anywhere.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self._files: list[tuple[Path, Path]] = []

    def add(self, path: Path, data: bytes) -> None:
        """Write `data` to a temporary file beside `path`.

        Raises
        ------
        ProjectError
            `path` leads out of the root.
        StorageError
            The disk is full, read-only or not writable; nothing has changed.
        """
        if self._root is not None:
            within(self._root, *path.relative_to(self._root).parts)
        temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
        self._announce(temporary, path)
        self._files.append((temporary, path))
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_synced(temporary, data)

    def _announce(self, temporary: Path, path: Path) -> None:
        """Called before a temporary file is made."""

    def commit(self) -> None:
        """Give every staged file its name."""
        folders = dict.fromkeys(path.parent for _, path in self._files)
        while self._files:
            temporary, path = self._files[0]
            with writing(path):
                replace_file(temporary, path)
            del self._files[0]
        for folder in folders:
            sync_folder(folder)

    def discard(self) -> None:
        """Remove what was staged and not committed; what a failing disk keeps is removed by who opens it next."""
        while self._files:
            temporary, _ = self._files.pop()
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def staged_files(root: Path | None = None) -> Iterator[StagedFiles]:
    """A `StagedFiles` below `root` that is committed at the end of the block, or discarded when the block raises."""
    staged = StagedFiles(root)
    try:
        yield staged
        staged.commit()
    finally:
        staged.discard()


def atomic_write(path: Path, data: bytes) -> None:
    """Write `data` to `path`: after a crash the file holds either all of the old or all of the new content.

    Raises
    ------
    StorageError
        The disk is full, read-only or not writable; the old file is untouched.
    """
    with staged_files() as staged:
        staged.add(path, data)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A file that is written piece by piece and takes the name `path` when the block ends; where it raises, nothing.

    Raises
    ------
    StorageError
        The disk is full, read-only or not writable; the old file is untouched.
    """
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                sync_file(file.fileno())
            replace_file(temporary, path)
            sync_folder(path.parent)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def atomic_write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder with these files, by their paths in it; an older folder of that name is replaced as a whole.

    Raises
    ------
    StorageError
        The disk is full, read-only or not writable; the older folder is untouched.
    """
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        with writing(path):
            for name, data in files.items():
                target = within(temporary, *name.split("/"))
                target.parent.mkdir(parents=True, exist_ok=True)
                write_synced(target, data)
            replace_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(temporary: Path, path: Path) -> None:
    """Let a folder whose files are on the disk take the name of another, which is replaced as a whole.

    A folder cannot be renamed over another, so an older one steps aside first.

    Raises
    ------
    OSError
        The folder around it is not writable; the older folder is back.
    """
    for folder, _, _ in os.walk(temporary):
        sync_folder(Path(folder))
    older = path.parent / f".{secrets.token_hex(8)}.tmp"
    if path.is_dir():
        os.replace(path, older)
    try:
        os.replace(temporary, path)
    except OSError:
        if older.is_dir():
            os.replace(older, path)
        raise
    sync_folder(path.parent)
    shutil.rmtree(older, ignore_errors=True)


def passing_write(path: Path, data: bytes) -> None:
    """Write what a crash of the system may take, because it is made again; a reader never sees half of it.

    Raises
    ------
    StorageError
        The disk is full, read-only or not writable; the old file is untouched.
    """
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    with writing(path):
        try:
            temporary.write_bytes(data)
            replace_file(temporary, path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def replace_file(temporary: Path, path: Path) -> None:
    """Let a file take the name of another, which is replaced as a whole.

    Raises
    ------
    OSError
        The folder is not writable.
    """
    for _ in range(_WINDOWS_ATTEMPTS if os.name == "nt" else 0):
        try:
            os.replace(temporary, path)
            return
        except PermissionError:  # Windows only: somebody is reading the old file at this moment
            time.sleep(0.05)
    os.replace(temporary, path)


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file and wait until its content is on the disk; for files that nobody reads yet."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        sync_file(file.fileno())


def sync_file(descriptor: int) -> None:
    """Wait until the content is on the disk, where the file system can do that: network shares often cannot.

    Raises
    ------
    OSError
        The disk is full or broken.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def sync_folder(folder: Path) -> None:
    """Wait until the folder's names are on the disk, where the system can do that (not on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        sync_file(descriptor)
    finally:
        os.close(descriptor)
