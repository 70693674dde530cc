"""The trainer's mouth and ears: events to the run folder and a listener, commands from standard input."""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any, TextIO

from training_core.base.errors import writing
from training_core.messages.events import (
    Command,
    Event,
    Leave,
    Pause,
    Prepare,
    Resume,
    Show,
    Stop,
    Train,
    parse_command,
)

Listener = Callable[[Event], None]


class Leaving(KeyboardInterrupt):
    """Whoever started the process wants it gone: what was learned is saved, and the next start does the rest.

    Raised at points where the training holds a whole step, unlike the KeyboardInterrupt of a second Ctrl-C.
    """


class Messenger:
    """Stamps events with run id and time, writes them to RUN/events.jsonl and hands them to a listener.

    Parameters
    ----------
    commands
        The file descriptor that command lines come from.
    stop_at_end
        Whether the end of the commands counts as `Stop`.
    """

    def __init__(
        self, listener: Listener | None = None, commands: int | None = None, *, stop_at_end: bool = False
    ) -> None:
        self.listener = listener
        self.muted = False
        """True: nobody is told anything; of several processes one speaks for all."""
        self._file: FileIO | None = None
        self._started = time.monotonic()
        self._run_id = ""
        self.leaving = False
        """Ctrl-C, SIGTERM, a window that has gone: the next look at `pending` or `check` raises `Leaving`."""
        self.left: queue.SimpleQueue[None] = queue.SimpleQueue()
        """Holds something once leaving was asked for; a thread may wait for it."""
        self._stop_at_end = stop_at_end
        self.paused = False
        """The last of `Pause` and `Resume` that `pending` has seen was `Pause`."""
        self.prepare: tuple[str, ...] | None = None
        """The tiles of the last `Prepare` that `pending` has seen; whoever takes them puts None here."""
        self.training: tuple[str, ...] | None = None
        """The command line of `Train`, once `pending` has seen it; what came after it is for the training to read."""
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        """None: no more will come from standard input."""
        if commands is not None:
            threading.Thread(target=self._listen, args=(commands,), daemon=True, name="commands").start()

    @property
    def run_id(self) -> str:
        """The run that the events belong to; empty before there is one."""
        return self._run_id

    def open_run(self, run_dir: Path) -> None:
        """From now on events belong to this run and are kept in its folder."""
        self._run_id = run_dir.name
        if self.muted:
            return
        with writing(run_dir):
            self._file = FileIO(run_dir / "events.jsonl", "a")  # no buffer, from which a full disk would fail again

    def send(self, event_type: Callable[..., Event], **values: Any) -> None:
        """Make the event and send it."""
        if self.muted:
            return
        event = event_type(run_id=self._run_id, elapsed_s=round(time.monotonic() - self._started, 3), **values)
        try:  # kept before it is told: what the listener knows is still there after a crash
            if self._file is not None:
                with writing(Path(self._file.name)):
                    self._file.write(event.model_dump_json().encode() + b"\n")
        finally:  # a full disk too: the listener hears of it by this event or the next
            if self.listener is not None:
                self.listener(event)

    def request_stop(self) -> None:
        """As if the user had pressed Stop; safe to call from a signal handler."""
        self._commands.put(Stop())

    def request_leave(self) -> None:
        """Save and go: the next look at `pending` or `check` raises `Leaving`. Safe to call from a signal handler.

        Raised by the signal handler itself, the interrupt would be lost whenever it meets a destructor or a callback.
        """
        if not self.leaving:
            self.leaving = True
            self.left.put(None)
            self._commands.put(None)  # wakes `wait`

    def reader_has_gone(self) -> None:
        """Nobody reads the events any longer."""
        if self._stop_at_end:
            self.request_stop()
        else:
            self.request_leave()

    def check(self) -> None:
        """Raise where leaving was asked for; costs nothing, and may be asked anywhere between two steps.

        Raises
        ------
        Leaving
            It was.
        """
        if self.leaving:
            raise Leaving

    def pending(self) -> tuple[bool, str | None]:
        """(stop asked for, tile to show or None), of the commands that came since the last call; sets `paused`."""
        commands: list[Command | None] = []
        while True:
            try:
                commands.append(self._commands.get_nowait())
            except queue.Empty:
                return self._folded(commands)
            if isinstance(commands[-1], Train):
                return self._folded(commands)

    def wait(self) -> tuple[bool, str | None]:
        """`pending`, but not before a command has come; uses no processor time."""
        self.check()
        first = self._commands.get()
        stop, show = self._folded([first])
        if self.training is not None:
            return stop, show
        stop_too, newer = self.pending()
        return stop or stop_too, newer if newer is not None else show

    def _folded(self, commands: list[Command | None]) -> tuple[bool, str | None]:
        self.check()
        stop, show = False, None
        for command in commands:
            match command:
                case Show(tile=tile):
                    show = tile
                case Pause():
                    self.paused = True
                case Resume():
                    self.paused = False
                case Prepare(tiles=tiles):
                    self.prepare = tiles
                case Train(arguments=arguments):
                    self.training = arguments
                case Stop():
                    stop = True
                case Leave():
                    self.request_leave()
                case None if (
                    self.paused and not self.leaving
                ):  # who paused has gone: nobody can say that it is to go on
                    self.request_leave()
        self.check()
        if stop:
            self.paused = False
        return stop, show

    def begin_training(self) -> None:
        """The process becomes that of a training: time counts from now, and the end of the commands is no `Stop`."""
        self._started = time.monotonic()
        self._stop_at_end = False
        self.training = self.prepare = None

    def close(self) -> None:
        """Close the run's event file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _listen(self, commands: int) -> None:
        """Read lines from a file descriptor until it is closed.

        Not through sys.stdin: a thread that waits in its buffer keeps the interpreter from ending cleanly.
        """
        pending = b""
        while chunk := os.read(commands, 4096):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                command = parse_command(line.decode("utf-8", errors="replace"))
                if command is not None:
                    self._commands.put(command)
        self._commands.put(Stop() if self._stop_at_end else None)


def line_writer(stream: TextIO, on_closed: Callable[[], None]) -> Listener:
    """A listener that writes JSON lines, and calls `on_closed` when the reader has gone."""

    def listen(event: Event) -> None:
        try:
            # As ASCII, which every console's encoding has; NaN is null by the event's own rule.
            stream.write(json.dumps(json.loads(event.model_dump_json())) + "\n")
            stream.flush()
        except OSError:  # the window has gone; the run folder still gets every event
            nowhere = os.open(os.devnull, os.O_WRONLY)  # what is left in the buffer would fail again at exit
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
            on_closed()

    return listen
