"""How a training ends when its process is asked to: it saves its step first, and takes seconds."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from training_core.base.busy import checkpoint_writing
from training_core.base.errors import EXIT_INTERRUPTED
from training_core.messages.messenger import Messenger

_SECONDS_TO_LEAVE = 7.0
_SECONDS_TO_SAVE = 120.0
"""A large checkpoint on a slow disk."""


@contextmanager
def leaving_on_signals(messenger: Messenger) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal save and end within seconds; a second Ctrl-C ends at once."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        messenger.request_leave()

    ended = threading.Event()
    watch = threading.Thread(target=_end_in_time, args=(messenger, ended), daemon=True, name="end in time")
    watch.start()
    hang_up = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []
    handlers = dict.fromkeys((signal.SIGTERM, signal.SIGINT, *hang_up), on_signal)
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        ended.set()
        messenger.left.put(None)  # wakes it
        watch.join()
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_in_time(messenger: Messenger, ended: threading.Event) -> None:
    """End the process a few seconds after leaving was asked for, whatever it is in the middle of, but a training only.

    By then the step is saved, unless the process is stuck; a checkpoint that is being written is waited for.
    """
    messenger.left.get()
    if ended.wait(_SECONDS_TO_LEAVE):  # the process may be that of somebody who has called main()
        return
    with checkpoint_writing(timeout_s=_SECONDS_TO_SAVE):
        os._exit(EXIT_INTERRUPTED)
