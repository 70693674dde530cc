"""A folder that takes long to write: what is finished of it outlives an interruption, a crash and a power cut.

It is written into a hidden folder beside its place, where notes say what it is made from and which rows of it are done.
Whoever writes the same again goes on there; whoever writes something else begins anew. Several processes may write
bands of its rows at the same time; one process begins it, and one finishes it, while nobody else writes.

    .unfinished-HASH/note.json        `Note`
    .unfinished-HASH/rows-START.json  rows from START to this one are on the disk
    .unfinished-HASH/rows-START-STOP.lock  held by the process that writes this band
    .unfinished-HASH/content/         what takes the name in the end
    .unfinished-HASH/before/          content that a later step changes in place, as it was before that step
    .unfinished-HASH.lock             held by the process that begins or finishes, and while a band is begun
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout
from pydantic import TypeAdapter, ValidationError

from training_core.base.errors import StorageError, writing
from training_core.base.rows import Rows
from training_core.io.atomic import atomic_write, replace_folder, sync_file
from training_core.io.locks import ProcessLock

_LARGEST_NOTE = 100_000
_BAND_WAIT_S, _WAIT_S = 60, 120
"""For a process that was given up and has not ended yet; for one that begins a band, which may wait for such a one."""


@dataclass(frozen=True)
class Note:
    """What a folder is.

    Attributes
    ----------
    made_from
        All that its content depends on.
    """

    made_from: str


_note, _row = TypeAdapter(Note), TypeAdapter(int)


class Unfinished:
    """The hidden folder of one that is being written.

    Attributes
    ----------
    content
        Where to write.
    done
        Rows of pixels that earlier attempts left there.
    """

    def __init__(self, folder: Path, made_from: str) -> None:
        self.content = folder / "content"
        self.done: list[Rows] = []
        self._folder, self._made_from = folder, made_from
        self._before = folder / "before"

    @property
    def is_begun(self) -> bool:
        """Whether there is something to go on with."""
        return (self._folder / "note.json").exists()

    def is_the_same(self) -> bool:
        """Whether what is there was made from the same."""
        with suppress(OSError, ValidationError):
            if self.content.is_dir() and not self.content.is_symlink():
                return _note.validate_json(_small(self._folder / "note.json")).made_from == self._made_from
        return False

    def take_up(self) -> None:
        """Find out what is done, and remove what was made from something else."""
        if self.is_the_same():
            self.find_done()
        else:
            self.begin_anew()

    def find_done(self) -> None:
        """Read the notes of what is done."""
        self.done = []
        for path in self._folder.glob("rows-*.json"):
            with suppress(OSError, ValidationError, ValueError):
                self.done.append((int(path.stem.removeprefix("rows-")), _row.validate_json(_small(path))))

    def begin_anew(self) -> None:
        """What is there is not what the note says."""
        self.done = []
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)

    def note(self) -> None:
        """From now on others may go on with it.

        Raises
        ------
        StorageError
            The disk is full or not writable.
        """
        atomic_write(self._folder / "note.json", _note.dump_json(Note(self._made_from)))

    def reached(self, start: int, stop: int) -> None:
        """The rows from `start` to `stop` are on the disk now.

        Raises
        ------
        StorageError
            The disk is full or not writable.
        """
        atomic_write(self._folder / f"rows-{start}.json", _row.dump_json(stop))
        if not self.is_begun:
            self.note()

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

    def band_lock(self, rows: Rows) -> ProcessLock:
        """Held by the process that writes this band."""
        return ProcessLock(self._folder / f"rows-{rows[0]}-{rows[1]}.lock", _BAND_WAIT_S)

    def band_locks(self) -> Iterator[tuple[Rows, ProcessLock]]:
        """All bands that were ever begun."""
        for path in self._folder.glob("rows-*.lock"):
            _, start, stop = path.stem.split("-")
            yield (int(start), int(stop)), ProcessLock(path, timeout_s=0)


@contextmanager
def unfinished(path: Path, made_from: str) -> Iterator[Unfinished]:
    """The hidden folder of `path` as long as the block, for this process alone; it takes that name when the block ends.

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
    with _alone(path, made_from) as (work, lock):
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


@contextmanager
def begun(path: Path, made_from: str, *, anew: bool) -> Iterator[Unfinished]:
    """As `unfinished`, but to begin only: when the block ends the folder stays, for bands and for who finishes it.

    It raises what `unfinished` raises.

    Parameters
    ----------
    anew
        Whether what earlier attempts left is removed.
    """
    with _alone(path, made_from) as (work, _):
        try:
            with writing(path):
                work.begin_anew() if anew else work.take_up()
            yield work
            with writing(path):
                work.note()
        except Exception:
            work.remove()
            raise


@contextmanager
def band(path: Path, made_from: str, rows: Rows) -> Iterator[Unfinished | None]:
    """The hidden folder of `path` for these rows of pixels, while other processes write others.

    None: nobody has begun it, or it is made from something else.

    Raises
    ------
    StorageError
        The disk is full, read-only or not writable, or another process writes the same.
    """
    work, lock = _hidden(path, made_from, _WAIT_S)
    with ExitStack() as held:
        with writing(path), _got(lock, path):
            if is_the_same := work.is_the_same():
                held.enter_context(_got(work.band_lock(rows), path))
                _refuse_if_written(work, path, but=rows)
                work.find_done()
        yield work if is_the_same else None


@contextmanager
def _alone(path: Path, made_from: str) -> Iterator[tuple[Unfinished, ProcessLock]]:
    """The folder, and the lock of it, while nobody else writes anything of it."""
    work, lock = _hidden(path, made_from, 0)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        with writing(path):
            held.enter_context(_got(lock, path))
            _refuse_if_written(work, path)
        yield work, lock


def _refuse_if_written(work: Unfinished, path: Path, but: Rows | None = None) -> None:
    """Raise where another process writes a band, or one that `but` shares rows with and that is not the same."""
    for rows, lock in work.band_locks():
        if but is None or (rows != but and rows[0] < but[1] and but[0] < rows[1]):
            with _got(lock, path):
                pass


def _hidden(path: Path, made_from: str, wait_s: float) -> tuple[Unfinished, ProcessLock]:
    folder = path.parent / f".unfinished-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}"
    return Unfinished(folder, made_from), ProcessLock(path.parent / f"{folder.name}.lock", wait_s)


@contextmanager
def _got(lock: ProcessLock, path: Path) -> Iterator[None]:
    try:
        lock.acquire()
    except Timeout:
        raise StorageError(
            f"could not write {path}: another process is writing it",
            "one process for each result",
            "wait until it has finished, or choose another folder",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _small(path: Path) -> bytes:
    """The content of a note; a file too large for one is none."""
    if path.stat().st_size > _LARGEST_NOTE:
        raise OSError(errno.EFBIG, "not a note", str(path))
    return path.read_bytes()


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
