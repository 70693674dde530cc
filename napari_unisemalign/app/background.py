"""Work that takes longer than a blink, away from the window's thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QEventLoop, QObject, Qt, QThread, Signal

from training_core.base.errors import UserError


class Cancelled(Exception):
    """Raised by work, in its thread, that is not wanted any longer; nobody hears of it but `always`."""


class Background(QObject):
    """One worker thread. Results, errors and progress arrive in the window's thread, in order."""

    _arrived = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="unisemalign")
        self._open = True
        # queued, because quick work is over before `run` returns, and its answer must not overtake it
        self._arrived.connect(self._call, Qt.ConnectionType.QueuedConnection)
        self.destroyed.connect(self.abandon)

    def run(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[UserError], None],
        *,
        always: Callable[[], None] = lambda: None,
        crashed: Callable[[BaseException], None] = lambda _error: None,
    ) -> Future[Any] | None:
        """Call `work` in the thread, then `done` with its result, or `failed` with its `UserError`, in the window.

        Any other exception is told to `crashed` and then raised in the window's thread, where napari shows it with its
        traceback. `always` is called before, however the work ended. Returns what may be waited for; None after
        `close`.
        """

        def finish(future: Future[Any]) -> None:
            self._post(lambda: _answer(future, done, failed, always, crashed))

        if not self._open:
            return None
        future = self._executor.submit(work)
        future.add_done_callback(finish)
        return future

    def post(self, function: Callable[[], None]) -> None:
        """From the worker: call `function` in the window's thread."""
        self._post(function)

    def abandon(self, _object: object = None) -> None:
        """The window has gone, or forgets the project: nothing is delivered any more."""
        self._open = False
        self._executor.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Drop what waits, let the running work end, and deliver nothing more."""
        self._open = False
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _post(self, function: Callable[[], None]) -> None:
        if self._open and isalive(self):  # with some bindings `destroyed` does not reach its own object
            with suppress(RuntimeError):  # deleted in this moment: nobody is left to be told
                self._arrived.emit(function)

    def _call(self, function: Callable[[], None]) -> None:
        if self._open:
            function()


def _answer(
    future: Future[Any],
    done: Callable[[Any], None],
    failed: Callable[[UserError], None],
    always: Callable[[], None],
    crashed: Callable[[BaseException], None],
) -> None:
    if future.cancelled():
        return
    always()
    error = future.exception()
    if error is None:
        done(future.result())
    elif isinstance(error, UserError):
        failed(error)
    elif not isinstance(error, Cancelled):
        crashed(error)
        raise error


class _Worker(QThread):
    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._work = work
        self.error: BaseException | None = None
        self.result: Any = None

    def run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as error:
            self.error = error


def run_while_painting(work: Callable[[], Any]) -> Any:
    """Call `work` in a thread and return its result; meanwhile the window is painted but takes no input."""
    loop, worker = QEventLoop(), _Worker(work)
    worker.finished.connect(loop.quit)
    worker.start()
    loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
    worker.wait()
    if worker.error is not None:
        raise worker.error
    return worker.result
