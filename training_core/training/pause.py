"""A run that waits: at a boundary between two steps, saved, without using the processor."""

from __future__ import annotations

import time
from collections.abc import Callable

from training_core.base.i18n import tr
from training_core.compute import processes as distributed
from training_core.messages.events import Paused, Resumed, Warned
from training_core.messages.messenger import Messenger


def wait_while_paused(messenger: Messenger, step: int, save: Callable[[], None], show: Callable[[str], None]) -> float:
    """Save and wait until the run may go on or is to stop; a stop stays pending. Returns the seconds waited.

    Several processes cannot wait for one of them, and are told so.

    Parameters
    ----------
    save
        Called once, so that a machine that is switched off meanwhile loses nothing.
    show
        Called with the tile to which the user has turned, to paint it.
    """
    if not messenger.paused:
        return 0.0
    if distributed.n_processes() > 1:
        messenger.paused = False
        words = tr("Training in several processes cannot be paused. Stop it and resume it later.")
        messenger.send(Warned, message=words)
        return 0.0
    started = time.monotonic()
    save()
    messenger.send(Paused, step=step)
    while _is_paused(messenger):
        stop, tile = messenger.wait()
        if tile is not None:
            show(tile)
        if stop:
            messenger.request_stop()  # for the loop that asks next
            return time.monotonic() - started
    messenger.send(Resumed, step=step)
    return time.monotonic() - started


def _is_paused(messenger: Messenger) -> bool:
    return messenger.paused
