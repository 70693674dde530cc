"""Training events as a progress bar on standard error."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from training_core.messages.events import Event, RunFinished, RunStarted, Saved, Status, StepDone, Validated, Warned


class ProgressDisplay:
    """A context whose `listen` takes events. Without a terminal it prints validations and warnings as plain lines.

    Parameters
    ----------
    on_closed
        Called when the terminal has gone.
    """

    def __init__(self, on_closed: Callable[[], None] = lambda: None) -> None:
        self._on_closed = on_closed
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[detail]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._every_s = 0.0
        self._task = self._progress.add_task("Starting", total=1.0, detail="")

    def __enter__(self) -> ProgressDisplay:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._progress.stop()

    def listen(self, event: Event) -> None:
        """Show one event."""
        try:
            self._show(event)
        except OSError:  # the run goes to its folder all the same, and ends at the next step
            self._on_closed()

    def _show(self, event: Event) -> None:
        match event:
            case Status(message=message):
                self._progress.update(self._task, description=message)
            case RunStarted():
                tiles = f"{event.n_labeled} labelled, {event.n_unlabeled} unlabelled and {event.n_val} validation tiles"
                self._say(f"Training {event.encoder} on {event.device} ({event.precision}): {tiles}")
                if event.project_settings:
                    self._say(f"Settings from the project: {', '.join(event.project_settings)}")
                self._progress.update(self._task, description="Training")
            case StepDone():
                left = "" if event.eta_s is None else f", {round(event.eta_s)} s left"
                detail = f"step {event.step}, loss {event.losses['total']:.3f}{left}"
                self._progress.update(self._task, completed=event.progress, detail=detail)
            case Validated(mdice=float(mdice), mjaccard=float(mjaccard)):
                star = " (best so far)" if event.is_best and event.measured_on == "validation" else ""
                tiles = "held-out annotations" if event.measured_on == "held_out" else f"{event.measured_on} tiles"
                figures = f"mDice {mdice:.2f} %, mJaccard {mjaccard:.2f} % on {tiles}{star}"
                self._say(f"step {event.step}, {event.elapsed_s:.0f} s: {figures}")
            case Saved() if event.every_s > 1.5 * self._every_s:
                self._every_s = event.every_s
                took = f", each takes {event.seconds:.1f} s" if event.seconds >= 1 else ""
                self._say(f"step {event.step}: saved; from now on about every {event.every_s:.0f} s{took}")
            case Warned(message=message):
                self._say(f"Note: {message}")
            case RunFinished():
                self._progress.update(self._task, completed=1.0, description="Done", detail="")
            case _:
                pass

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)
