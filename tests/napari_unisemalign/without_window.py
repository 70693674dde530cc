"""What a controller needs besides its view, without a window: real state, and specs of what reaches out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import create_autospec

from qtpy.QtCore import QObject

from napari_unisemalign.app.background import Background
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.dialogs import Dialogs
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.notify import Reporter
from napari_unisemalign.app.process import Ending, TrainerProcess
from napari_unisemalign.app.session import Session
from training_core.base.errors import UserError


def at_once(
    work: Callable[[], Any],
    done: Callable[[Any], None],
    failed: Callable[[UserError], None],
    *,
    always: Callable[[], None] = lambda: None,
) -> None:
    """As `Background.run`, in this thread."""
    try:
        answer = work()
    except UserError as error:
        always()
        failed(error)
        return
    always()
    done(answer)


def bare_context() -> Any:
    """A real session; reporter, dialogs and threads are specs."""
    context = create_autospec(Context, instance=True)
    context.owner = QObject()
    context.session = Session()
    context.reporter = create_autospec(Reporter, instance=True)
    context.dialogs = create_autospec(Dialogs, instance=True)
    context.background = create_autospec(Background, instance=True)
    context.background.run.side_effect = at_once
    return context


def bare_labels() -> Any:
    """All strokes can be saved."""
    labels = create_autospec(LabelsController, instance=True)
    labels.flush.return_value = True
    return labels


def slot(signal: Any) -> Callable[..., None]:
    """What listens to a signal of a view."""
    ((listener,), _keywords) = signal.connect.call_args
    return listener  # type: ignore[no-any-return]


class StillProcess(TrainerProcess):
    """Takes what it is told, computes nothing, and says what a test has it say."""

    def __init__(self, parent: QObject | None = None, what: str = "training") -> None:
        super().__init__(parent, what)
        self.commands: list[Sequence[str]] = []
        self.told: list[Any] = []
        self.is_there = False

    @property
    def running(self) -> bool:
        return self.is_there

    def start(self, command: Sequence[str]) -> None:
        self.commands.append(command)
        self.is_there = True

    def send(self, command: Any) -> None:
        self.told.append(command)

    def kill(self) -> None:
        if self.is_there:
            self.end(exit_code=-9, crashed=True)

    def end(self, exit_code: int = 0, *, crashed: bool = False) -> None:
        """It is gone."""
        self.is_there = False
        self.ended.emit(Ending(exit_code, crashed, "the end of its standard error"))
