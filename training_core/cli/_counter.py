"""Work that is counted (tiles read, drawn, written) as a progress bar on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress


@contextmanager
def counted(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """A function of (done, total, text) that moves the bar; without a terminal nothing is shown."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as display:
        task = display.add_task(title, total=None)
        yield lambda done, total, text: display.update(task, completed=done, total=total, description=text)
