"""How the window talks to its user: napari's notifications, and a bar in the panel that does not fade away."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from napari.utils.notifications import show_error, show_info, show_warning

from training_core.base.errors import UserError
from training_core.base.i18n import tr

BUG = tr(
    "Unexpected error. Saved annotations are safe.\n"
    "Try: do it once more; if it fails again, restart napari and report the details."
)


class MessageView(Protocol):
    """The bar in the panel."""

    def show_message(self, text: str, *, details: str = "", is_error: bool = False) -> None:
        """Show a text until it is closed or replaced."""


class Reporter:
    """Shows errors, warnings and news. Errors also stay in the panel, because napari's notifications fade."""

    def __init__(self, view: MessageView | None = None) -> None:
        self._view = view

    def error(self, error: UserError | str, details: str = "") -> None:
        """Something the user asked for could not be done. Without details, an exception brings its traceback."""
        text = in_lines(error)
        if not details and isinstance(error, UserError) and error.__traceback__ is not None:
            details = "".join(traceback.format_exception(error))
        show_error(text)
        if self._view is not None:
            self._view.show_message(text, details=details, is_error=True)

    def bug(self, error: Exception) -> None:
        """Something that should not happen; napari notifies of it, and the panel says what to do."""
        if self._view is not None:
            self._view.show_message(BUG, details="".join(traceback.format_exception(error)), is_error=True)

    def warning(self, text: str, details: str = "") -> None:
        """Something the user should know although work goes on."""
        show_warning(text)
        if self._view is not None:
            self._view.show_message(text, details=details)

    def info(self, text: str) -> None:
        """News that may fade."""
        show_info(text)


def in_lines(error: UserError | str) -> str:
    """What was given, what is needed, what to try: a line each."""
    if isinstance(error, UserError):
        return f"{_sentence(error.given)}\nNeeded: {error.needed}.\nTry: {error.hint}."
    return error


def in_a_sentence(error: UserError) -> str:
    """An error in one paragraph, for a place beside its field: what is wrong, and what to do."""
    return " ".join(f"{part[:1].upper()}{part[1:]}." for part in (error.given, error.hint))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


class HasReporter(Protocol):
    """A controller that can report."""

    reporter: Reporter


def guarded(method: Callable[..., Any]) -> Callable[..., None]:
    """A controller's method that answers a click: a `UserError` becomes a notification, anything else is a bug.

    A bug is raised all the same: napari shows it, and a script or test stops at it.
    """

    @functools.wraps(method)
    def wrapper(self: HasReporter, *args: Any, **kwargs: Any) -> None:
        try:
            method(self, *args, **kwargs)
        except UserError as error:
            self.reporter.error(error)
        except Exception as error:
            self.reporter.bug(error)
            raise

    return wrapper
