"""Changes of several files that are all made or none: project.journal, rolled forward or back after a crash.

The journal names each temporary file before the file is made. Once all of them are on the disk, a last line says so:
from then on the change counts as made, and whoever holds the project's lock next finishes what was cut off. Without
that line nothing has happened yet, and the temporary files are removed.
"""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training_core.base.bounded import parse_json, read_file, what_to_try
from training_core.base.errors import ProjectError, writing
from training_core.base.safe_paths import refuse_link, within
from training_core.io.atomic import TEMPORARY_GLOB, StagedFiles, replace_file, sync_file, sync_folder
from training_core.project.presence import OPEN_FOLDER
from training_core.project.runs import RUNS_FOLDER
from training_core.project.thumbnails import CACHE_FOLDER

JOURNAL_NAME = "project.journal"
VERSIONS_FOLDER = "history"
"""With a folder for each tile that was changed."""
_VERSION = 1
_MAX_BYTES = 256 * 2**20
"""About as many changed labels as an index may have tiles."""
_COMMIT = "commit"
_WITHOUT_LOCK = (RUNS_FOLDER, CACHE_FOLDER, OPEN_FOLDER)
_Kind = Literal["write", "place", "aside"]
_KINDS: tuple[_Kind, ...] = ("write", "place", "aside")


@dataclass(frozen=True)
class _Move:
    """One file that gets another name.

    Attributes
    ----------
    kind
        "write": a temporary file takes its place; "place": a file of a scratch folder does; "aside": a file of the
        project gets a name that nothing had, and stays there.
    """

    kind: _Kind
    source: Path
    target: Path

    @property
    def is_done(self) -> bool:
        """Whether it was made before a crash: what is asked tells even where the target was written anew since."""
        return not self.source.exists() or (self.kind == "aside" and self.target.exists())

    def refuse_folder(self) -> None:
        """Once decided, a change that can never be made would hold up all that come after it."""
        with writing(self.target):
            if self.target.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self.target))

    def make(self) -> None:
        """Make it, unless it is made."""
        if self.is_done:
            return
        with writing(self.target):
            self.target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.source, self.target)


class JournaledFiles(StagedFiles):
    """Files of one project whose changes are written down before they are made; used while holding its lock.

    Parameters
    ----------
    root
        The project.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._folder = root
        self._moves: list[_Move] = []
        self._descriptor: int | None = None
        self._is_decided = False

    def place(self, source: Path, target: Path) -> None:
        """Let a file that was made in a scratch folder of the project take its place.

        Raises
        ------
        ProjectError
            One of them leads out of the project.
        StorageError
            The disk is full, read-only or not writable; nothing has changed.
        """
        self._note("place", source, target)

    def put_aside(self, source: Path, target: Path) -> None:
        """Let a file of the project get a name that nothing has yet.

        Raises
        ------
        ProjectError
            One of them leads out of the project.
        StorageError
            The disk is full, read-only or not writable, or there is something of that name; nothing has changed.
        """
        if target.exists():
            with writing(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        self._note("aside", source, target)

    def commit(self) -> None:
        """Make all changes.

        Raises
        ------
        StorageError
            Nothing has changed; or, where the disk failed after the change was decided, it is finished as soon as
            the disk can be written again, before any other change.
        """
        if not self._moves:
            return
        for move in self._moves:
            move.refuse_folder()
        with writing(self._folder / JOURNAL_NAME):
            if len(self._moves) > 1:
                for folder in dict.fromkeys(move.source.parent for move in self._moves):
                    sync_folder(folder)
                self._decide()
        _finish(self._folder, self._moves)
        self._close()
        self._files, self._moves, self._is_decided = [], [], True

    def _decide(self) -> None:
        assert self._descriptor is not None
        size = os.fstat(self._descriptor).st_size
        try:
            self._append([_COMMIT, len(self._moves)])
            sync_file(self._descriptor)
            sync_folder(self._folder)
        except OSError:
            os.ftruncate(self._descriptor, size)  # it may be there, and what it decides is about to be removed
            raise
        self._is_decided = True

    def discard(self) -> None:
        """Remove what was staged and not committed; what was decided stays, to be finished."""
        has_journal = self._descriptor is not None
        self._close()
        if self._is_decided:
            return
        super().discard()
        left = [move for move in self._moves if move.kind == "write" and move.source.exists()]
        self._moves = []
        if has_journal and not left:  # with it, what could not be removed is found by the next change or opening
            with suppress(OSError):
                (self._folder / JOURNAL_NAME).unlink(missing_ok=True)

    def _announce(self, temporary: Path, path: Path) -> None:
        self._note("write", temporary, path)

    def _note(self, kind: _Kind, source: Path, target: Path) -> None:
        parts = [path.relative_to(self._folder).parts for path in (source, target)]
        for each in parts:
            within(self._folder, *each)
        with writing(self._folder / JOURNAL_NAME):
            self._append([kind, *("/".join(each) for each in parts)])
        self._moves.append(_Move(kind, source, target))

    def _append(self, line: list[str | int]) -> None:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
            self._descriptor = os.open(refuse_link(self._folder / JOURNAL_NAME), flags, 0o666)
            line = [_VERSION, *line]
        data = json.dumps(line).encode() + b"\n"
        while data:
            data = data[os.write(self._descriptor, data) :]

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def has_journal(project: Path) -> bool:
    """Whether a change is being made, or was cut off."""
    return (project / JOURNAL_NAME).exists()


def temporaries(project: Path) -> list[Path]:
    """The temporary files of changes, which only who holds the lock makes; runs and the cache are written without."""
    inner = (path for path in project.glob(f"*/{TEMPORARY_GLOB}") if path.parent.name not in _WITHOUT_LOCK)
    return [*project.glob(TEMPORARY_GLOB), *inner, *project.glob(f"{VERSIONS_FOLDER}/*/{TEMPORARY_GLOB}")]


def settle(project: Path) -> None:
    """Finish a change that was decided when it was cut off, and remove the traces of one that was not.

    Only for who holds the project's lock.

    Raises
    ------
    ProjectError
        A newer version wrote the journal, or it leads out of the project.
    StorageError
        The disk is full, read-only or not writable; it is tried again before the next change.
    """
    if not has_journal(project):
        return
    moves, is_decided = _read(project)
    if is_decided:
        _finish(project, moves)
        return
    with writing(project / JOURNAL_NAME):
        for path in temporaries(project):  # not only those of the journal: a power cut may have taken its lines
            path.unlink(missing_ok=True)
        (project / JOURNAL_NAME).unlink(missing_ok=True)


def _finish(project: Path, moves: list[_Move]) -> None:
    for move in moves:
        move.make()
    with writing(project / JOURNAL_NAME):
        for folder in dict.fromkeys(move.target.parent for move in moves):
            if folder.is_dir():  # what was moved there may have been removed since, by hand
                sync_folder(folder)
        (project / JOURNAL_NAME).unlink(missing_ok=True)


def _read(project: Path) -> tuple[list[_Move], bool]:
    """What the journal says up to its first line that is not whole, and whether the change was decided."""
    path = refuse_link(project / JOURNAL_NAME)
    try:
        lines = read_file(path, _MAX_BYTES).split(b"\n")[:-1]
    except OSError as cause:
        given = f"{path}, the record of a change that was cut off, cannot be read ({cause.strerror or cause})"
        raise ProjectError(given, "a file that can be read", what_to_try(cause)) from cause
    moves: list[_Move] = []
    for number, line in enumerate(lines):
        try:
            words = parse_json(line)
        except ValueError:
            return moves, False
        if number == 0 and isinstance(words, list) and words:
            version, *words = words
            if isinstance(version, int) and version > _VERSION:
                given = f"{path} was written by a newer version (format {version})"
                raise ProjectError(given, f"format {_VERSION}", "update napari-unisemalign and open the project again")
        if words == [_COMMIT, len(moves)]:
            return moves, True
        move = _move(project, words)
        if move is None:
            return moves, False
        moves.append(move)
    return moves, False


def _move(project: Path, words: object) -> _Move | None:
    if not isinstance(words, list) or len(words) != 3 or not all(isinstance(word, str) for word in words):
        return None
    kind = next((each for each in _KINDS if each == words[0]), None)
    if kind is None:
        return None
    source, target = (within(project, *word.split("/")) for word in words[1:])
    return _Move(kind, source, target)
