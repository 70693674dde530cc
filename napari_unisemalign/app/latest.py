"""Of many requests the newest counts: what a moving mouse or a slider asks is answered once for the last place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject

from napari_unisemalign.app.background import Background
from training_core.base.errors import UserError
from training_core.base.i18n import tr


class Latest:
    """A worker thread that answers the newest request; those that came while it worked replace each other."""

    def __init__(self, parent: QObject, failed: Callable[[UserError], None]) -> None:
        self._background = Background(parent)
        self._failed = failed
        self._number = 0
        self._working = False
        self._waiting: tuple[Callable[[], Any], Callable[[Any], None]] | None = None

    def ask(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Call `work` in the thread, then `done` with its result in the window, unless something newer is asked.

        An error that nobody expected is told like any other, and raised besides.
        """
        self._number += 1
        self._waiting = (work, done)
        self._go_on()

    def drop(self) -> None:
        """No answer to what was asked."""
        self._number += 1
        self._waiting = None

    @property
    def busy(self) -> bool:
        """An answer is to come."""
        return self._working or self._waiting is not None

    def _go_on(self) -> None:
        if self._working or self._waiting is None:
            return
        (work, done), self._waiting = self._waiting, None
        number, self._working = self._number, True

        def answer(result: Any) -> None:
            if number != self._number:
                return
            try:
                done(result)
            except Exception as error:  # what waits for an answer must not wait for good
                crashed(error)
                raise

        def failed(error: UserError) -> None:
            if number == self._number:
                self._failed(error)

        def crashed(error: BaseException) -> None:
            failed(unexpected(error))

        self._background.run(work, answer, failed, always=self._rest, crashed=crashed)

    def _rest(self) -> None:
        self._working = False
        self._go_on()


def unexpected(error: BaseException) -> UserError:
    """A bug in words, for the place where an answer was to stand; its traceback is shown by napari."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return UserError(
        tr("This could not be finished because of an error in the program ({what})").format(what=what),
        tr("other input"),
        tr("try other input, and please report the error"),
    )
