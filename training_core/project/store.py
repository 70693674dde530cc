"""The index on disk: read when it has changed, written under a lock, together with the label files it describes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import Timeout

from training_core.base.bounded import read_file, what_to_try
from training_core.base.errors import ProjectError, StorageError, writing
from training_core.base.safe_paths import refuse_link
from training_core.io.atomic import StagedFiles
from training_core.io.locks import ProcessLock
from training_core.project.index import INDEX_NAME, Index, IndexWriter, OlderIndex, parse_index
from training_core.project.index_backups import due_backup, forget_old_backups
from training_core.project.journal import JournaledFiles, has_journal, settle
from training_core.project.migration import Migration, backup_path
from training_core.project.remnants import old_temporaries, remove_remnants

LOCK_NAME = "project.lock"
_LOCK_TIMEOUT_S = 30.0
_SHORT_TIMEOUT_S = 0.2
"""Opening a project waits no longer for somebody who writes to it."""
MAX_INDEX_BYTES = 256 * 2**20
"""About half a million tiles."""


class Transaction:
    """A change in progress: set `index`, add label files to `files`; all of it is written, or none."""

    def __init__(self, index: Index, files: JournaledFiles) -> None:
        self.index = index
        self.files = files


class IndexStore:
    """The one way to project.json, safe between threads and between processes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / INDEX_NAME
        self._folder = folder
        self._lock = ProcessLock(folder / LOCK_NAME, _LOCK_TIMEOUT_S)
        self._reading, self._writing = threading.RLock(), threading.RLock()
        self._writer = IndexWriter()
        self._index: Index | None = None
        self._signature: tuple[int, int, int] | None = None
        self._older: OlderIndex | None = None
        """What an older version wrote, until today's takes its place."""
        self.changes_elsewhere = 0
        """How often `read` found that somebody else had changed the index."""
        self.is_read_only = False
        """Nothing is changed through this object."""
        self.migration: Migration | None = None
        """What was brought up to date since this object was made."""

    def read(self) -> Index:
        """The index as it is now; the file is read again only when another process has replaced it.

        Raises
        ------
        ProjectError
            Missing, not readable, damaged, or of a newer version.
        """
        with self._reading:
            try:
                signature = self._sign()
                if self._index is None or signature != self._signature:
                    is_changed = self._signature not in (None, signature)
                    self._index, self._older = parse_index(read_file(self.path, MAX_INDEX_BYTES), self.path)
                    self._signature = signature  # last: a file that cannot be read is never taken for a known one
                    self.changes_elsewhere += is_changed
            except OSError as cause:
                raise self._unreadable(cause) from cause
            return self._index

    def reload(self) -> Index:
        """Read the file again, whatever its time stamp says."""
        with self._reading:
            self._index = None
            return self.read()

    @contextmanager
    def update(self) -> Iterator[Transaction]:
        """Change the index and label files together, while no other process can.

        Every file is on the disk under a temporary name before the first gets its own, so a full disk changes nothing,
        and a crash leaves all of the change or none (`journal`). Other threads may read the index meanwhile; who only
        reads waits for no disk. An index of an older version is kept as a backup and becomes one of today's.

        Raises
        ------
        ProjectError
            Another program holds the lock for longer than 30 seconds, the project was opened to look at only, or the
            index is damaged or newer.
        StorageError
            The disk is full, read-only or not writable.
        """
        with self._writing, self._locked(), self._staged() as files:
            before, older = self.read(), self._older
            transaction = Transaction(before, files)
            yield transaction
            migration = self._stage_backup(files, older)
            if transaction.index is not before or migration is not None:
                kept = due_backup(self._folder) if older is None else None
                if kept is not None:
                    files.add(kept, read_file(self.path, MAX_INDEX_BYTES))
                files.add(self.path, self._writer.encode(transaction.index))
            files.commit()
            forget_old_backups(self._folder)
            self.migration = migration or self.migration
            with self._reading:
                self._index, self._older = transaction.index, None
                self._signature = self._sign()

    @contextmanager
    def replacing(self) -> Iterator[JournaledFiles]:
        """Put another index in the place of one that may be damaged, while no other process can write.

        Raises
        ------
        ProjectError
            Another program holds the lock for longer than 30 seconds.
        StorageError
            The disk is full, read-only or not writable.
        """
        with self._writing, self._locked(), self._staged() as files:
            yield files
            files.commit()
        with self._reading:
            self._index = None

    def encode(self, index: Index) -> bytes:
        """The bytes of an index."""
        return self._writer.encode(index)

    def migrate(self) -> None:
        """Bring an index of an older version up to date on the disk; where it cannot be written it is read as it is.

        Raises
        ------
        ProjectError
            Damaged, newer, or another program holds the lock for longer than 30 seconds.
        """
        self.read()
        if self._older is not None and not self.is_read_only:
            with suppress(StorageError), self.update():
                pass

    def _stage_backup(self, files: StagedFiles, older: OlderIndex | None) -> Migration | None:
        if older is None:
            return None
        path = backup_path(self._folder, older.version, older.data)
        if not path.exists():
            files.add(path, older.data)
        return Migration(older.version, path)

    def recover(self, rebuild: Callable[[Index], Index]) -> None:
        """Finish or remove what a crash cut off, unless a living process is at work: it finishes its own.

        Parameters
        ----------
        rebuild
            Takes the status of every label from its files: what a version without a journal was cut off in may have
            changed labels and not the index. A temporary index is its trace.

        Raises
        ------
        ProjectError
            A newer version wrote the journal, or the index is damaged.
        """
        if self.is_read_only:
            return
        self._finish_cut_off(rebuild)
        remove_remnants(self._folder)  # only now: files in them may be about to take their places

    def _finish_cut_off(self, rebuild: Callable[[Index], Index]) -> None:
        old = old_temporaries(self._folder)
        if not old and not has_journal(self._folder):
            return
        try:
            self._lock.acquire(_SHORT_TIMEOUT_S)
        except (Timeout, OSError):  # somebody writes, or nobody can
            return
        try:
            with suppress(StorageError), self.update() as transaction:
                if any(path.parent == self._folder for path in old):
                    transaction.index = rebuild(transaction.index)
            for path in old:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        finally:
            self._lock.release()

    def refuse_if_read_only(self) -> None:
        """Nothing is to be changed through this object.

        Raises
        ------
        ProjectError
            It says so.
        """
        if self.is_read_only:
            given = f"{self._folder} was opened to look at only"
            raise ProjectError(given, "a project that is opened to be changed", "open the project again")

    @contextmanager
    def _staged(self) -> Iterator[JournaledFiles]:
        files = JournaledFiles(self._folder)
        try:
            yield files
        finally:
            files.discard()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.refuse_if_read_only()
        if not self._folder.is_dir():  # renamed, or its drive is gone: the lock would make a folder of that name
            raise self._unreadable(FileNotFoundError())
        try:
            with writing(self._folder):
                refuse_link(self._folder / LOCK_NAME)  # the system empties the file that it locks
                self._lock.acquire()
        except Timeout as cause:
            given = f"another program has been writing to {self._folder} for {_LOCK_TIMEOUT_S:.0f} s"
            raise ProjectError(
                given, "one writer at a time", "close the other window, or wait until its run has ended"
            ) from cause
        try:
            settle(self._folder)
            yield
        finally:
            self._lock.release()

    def _sign(self) -> tuple[int, int, int]:
        status = os.stat(self.path)
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _unreadable(self, cause: OSError) -> ProjectError:
        if isinstance(cause, FileNotFoundError | NotADirectoryError):
            given = f"{self._folder} is not a project: it has no {INDEX_NAME}"
            terminal = "check the path, or create a project with: python -m training_core project new DIR --images PATH"
            return ProjectError(
                given, "a project folder", "check the path, or create a project from your images", terminal=terminal
            )
        given = f"{self.path} cannot be read ({cause.strerror or cause})"
        return ProjectError(given, "an index that can be read", what_to_try(cause))
