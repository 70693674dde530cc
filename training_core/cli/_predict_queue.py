"""What `predict` tells of its files while it works, and how it is paused and stopped from outside."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from training_core.base.errors import ConfigError, UserError
from training_core.base.i18n import tr
from training_core.messages.events import FileFailed, FilePredicted, RunFailed, Status
from training_core.messages.messenger import Leaving, Messenger, line_writer

_EVERY_S = 0.5


class PredictQueue:
    """The files of one `predict`, in order, and how far it is.

    Parameters
    ----------
    messenger
        Who is told, and who pauses and stops; None: nobody.
    """

    def __init__(self, messenger: Messenger | None = None) -> None:
        self._messenger = messenger
        self._pixels: Mapping[Path, int] = {}
        self._current: Path | None = None
        self._finished_px = 0.0
        self._predicted_px = 0.0
        """Of what was predicted now, not found: the pace is theirs."""
        self._before: float | None = None
        """Share of the current file that an interrupted attempt had left."""
        self._busy_s = 0.0
        self._left_out = 0.0
        self._since = time.monotonic()
        self._told = 0.0

    def begin(self, pixels: Mapping[Path, int]) -> None:
        """The queue: how many pixels each file has, as far as it can be read."""
        self._pixels = pixels

    def start(self, path: Path) -> None:
        """The next file; waits while it is paused.

        Raises
        ------
        Leaving
            It was stopped.
        """
        self._current, self._before, self._left_out = path, None, 0.0
        self._listen()
        self._since = time.monotonic()
        self._tell(0.0)

    def progress(self, done: int, total: int) -> None:
        """Windows of the file that are done; waits while it is paused.

        Raises
        ------
        Leaving
            It was stopped.
        """
        self._listen()
        if self._before is None:
            self._before = (done - 1) / total if total else 0.0
        if time.monotonic() - self._told >= _EVERY_S:
            self._tell(done / total if total else 1.0)

    def leaves_out(self, share: float) -> None:
        """This share of the file, 0 to 1, is glass and is not predicted."""
        self._left_out = share

    def measuring(self) -> None:
        """A block of the file's result is measured; waits while it is paused.

        Raises
        ------
        Leaving
            It was stopped.
        """
        self._listen()
        if self._messenger is None or self._current is None or time.monotonic() - self._told < _EVERY_S:
            return
        self._told = time.monotonic()
        self._messenger.send(Status, message=tr("Measuring {name}").format(name=self._current.name))

    def finished(self, result: Path, *, was_there: bool, objects: Mapping[str, int] | None = None) -> None:
        """The file has its result, with this number of objects of each class."""
        self._end(was_there=was_there)
        if self._messenger is not None and self._current is not None:
            self._messenger.send(
                FilePredicted,
                file=str(self._current),
                result=str(result),
                was_there=was_there,
                left_out=self._left_out,
                objects=dict(objects or {}),
            )

    def failed(self, error: UserError) -> None:
        """The file cannot be predicted."""
        self._end(was_there=True)
        if self._messenger is not None and self._current is not None:
            self._messenger.send(FileFailed, file=str(self._current), message=str(error))

    def _end(self, *, was_there: bool) -> None:
        pixels = self._of(self._current)
        self._finished_px += pixels
        if not was_there:
            self._predicted_px += pixels * (1 - (self._before or 0.0))
            self._busy_s += time.monotonic() - self._since

    def _tell(self, share: float) -> None:
        messenger = self._messenger
        if messenger is None or self._current is None:
            return
        self._told = time.monotonic()
        pixels = share * self._of(self._current)
        total, done = sum(self._pixels.values()), self._finished_px + pixels
        now_px = (share - (self._before or 0.0)) * self._of(self._current)
        pace_px, pace_s = self._predicted_px + now_px, self._busy_s + time.monotonic() - self._since
        eta_s = (total - done) * pace_s / pace_px if pace_px > 0 and pace_s > 1 else None
        words = tr("Predicting {name}").format(name=self._current.name)
        messenger.send(Status, message=words, done=min(1.0, done / total) if total else None, eta_s=eta_s)

    def _listen(self) -> None:
        messenger = self._messenger
        if messenger is None:
            return
        stop, _ = messenger.pending()
        began = time.monotonic()
        was_paused = messenger.paused
        if was_paused:
            messenger.send(Status, message=tr("Paused"))
        while messenger.paused and not stop:
            stop, _ = messenger.wait()
        if was_paused:
            self._since += time.monotonic() - began
            self._told = 0.0
        if stop:
            raise Leaving

    def _of(self, path: Path | None) -> int:
        return 0 if path is None else self._pixels.get(path, 0)


@contextmanager
def predict_queue(events: str | None) -> Iterator[PredictQueue]:
    """The queue of this command; with events it tells them, and reads commands from standard input.

    Raises
    ------
    Leaving
        It was stopped: what is finished stays, and the same command does the rest.
    """
    messenger = None
    if events is not None:
        messenger = Messenger(commands=sys.stdin.fileno())
        messenger.listener = line_writer(sys.stdout, on_closed=messenger.reader_has_gone)
    try:
        yield PredictQueue(messenger)
    except Leaving:
        raise Leaving("what is finished stays; the same command predicts the rest") from None
    except UserError as error:
        if messenger is not None:
            messenger.send(RunFailed, message=_in_words(error))
        raise


def _in_words(error: UserError) -> str:
    return error.in_terminal if isinstance(error, ConfigError) else str(error)
