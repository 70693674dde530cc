"""A folder that takes long to write: what is finished of it outlives an interruption, a crash and a power cut.

It is written into a hidden folder beside its place, which a note says how far it is and what it is made from. Whoever
writes the same again goes on there; whoever writes something else begins anew.

    .unfinished-HASH/note.json   `Note`
    .unfinished-HASH/content/    what takes the name in the end
    .unfinished-HASH/before/     content that a later step changes in place, as it was before that step
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout
from pydantic import TypeAdapter, ValidationError

from training_core.base.errors import StorageError, writing
from training_core.io.atomic import atomic_write, replace_folder, sync_file
from training_core.io.locks import ProcessLock

_LARGEST_NOTE = 100_000


@dataclass(frozen=True)
class Note:
    """How far a folder is.

    Attributes
    ----------
    made_from
        All that its content depends on.
    rows
        So many rows of pixels are on the disk.
    """

    made_from: str
    rows: int


_note = TypeAdapter(Note)


class Unfinished:
    """The hidden folder of one that is being written.

    Attributes
    ----------
    content
        Where to write.
    rows
        Rows of pixels that an earlier attempt left there.
    """

    def __init__(self, folder: Path, made_from: str) -> None:
        self.content, self.rows = folder / "content", 0
        self._folder, self._made_from = folder, made_from
        self._before = folder / "before"

    @property
    def is_begun(self) -> bool:
        """Whether there is something to go on with."""
        return (self._folder / "note.json").exists()

    def take_up(self) -> None:
        """Find out what is there, and remove what was made from something else."""
        self.rows = self._rows_there()
        if not self.rows:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True)

    def begin_anew(self) -> None:
        """What is there is not what the note says."""
        self.rows = 0
        shutil.rmtree(self._folder)
        self._folder.mkdir()

    def reached(self, rows: int) -> None:
        """So many rows are on the disk now.

        Raises
        ------
        StorageError
            The disk is full or not writable.
        """
        atomic_write(self._folder / "note.json", _note.dump_json(Note(self._made_from, rows)))

    def keep_before(self, name: str) -> None:
        """A copy of this folder of the content, before it is changed in place."""
        whole, copy = self._before / name, self._folder / "copy"
        if not whole.exists():
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(self.content / name, copy)
            sync_files(copy)
            whole.parent.mkdir(parents=True, exist_ok=True)
            os.replace(copy, whole)

    def restore_before(self) -> None:
        """Undo changes in place that were cut off."""
        for folder in (each.parent for each in self._before.rglob(".zarray")):
            changed = self.content / folder.relative_to(self._before)
            shutil.rmtree(changed, ignore_errors=True)
            shutil.copytree(folder, changed)

    def finish(self, path: Path) -> None:
        """Let the content take its name."""
        sync_files(self.content)
        replace_folder(self.content, path)

    def remove(self) -> None:
        """Nothing hidden stays."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _rows_there(self) -> int:
        with suppress(OSError, ValidationError):
            path = self._folder / "note.json"
            if path.stat().st_size <= _LARGEST_NOTE and self.content.is_dir() and not self.content.is_symlink():
                note = _note.validate_json(path.read_bytes())
                return note.rows if note.made_from == self._made_from else 0
        return 0


@contextmanager
def unfinished(path: Path, made_from: str) -> Iterator[Unfinished]:
    """The hidden folder of `path` as long as the block; it takes that name when the block ends.

    It stays where the block is left by an interruption, and goes where an error ends it.

    Parameters
    ----------
    made_from
        All that the content depends on.

    Raises
    ------
    StorageError
        The disk is full, read-only or not writable, or another process writes the same; an older folder of that name
        is untouched.
    """
    key = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    folder = path.parent / f".unfinished-{key}"
    lock = ProcessLock(path.parent / f"{folder.name}.lock", timeout_s=0)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise StorageError(
                f"could not write {path}: another process is writing it",
                "one process for each result",
                "wait until it has finished, or choose another folder",
            ) from None
    work = Unfinished(folder, made_from)
    try:
        with writing(path):
            work.take_up()
        yield work
        with writing(path):
            work.finish(path)
        work.remove()
    except BaseException as error:
        if isinstance(error, Exception) or not work.is_begun:
            work.remove()
        raise
    finally:
        with suppress(OSError):
            lock.path.unlink()
        lock.release()


def sync_files(folder: Path) -> None:
    """Wait until the files of a folder are on the disk.

    Raises
    ------
    OSError
        The disk is full or broken.
    """
    for parent, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(Path(parent) / name, os.O_RDWR)
            try:
                sync_file(descriptor)
            finally:
                os.close(descriptor)
