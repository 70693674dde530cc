"""The files and tiles that could not be used, named with their reasons: the same list whatever was done with them."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unisemalign.app.notify import Reporter, in_a_sentence
from training_core.base.attempts import Failure
from training_core.base.i18n import tr
from training_core.base.printable import printable

FAILURES_SHOWN = 5
"""So many are named in the panel; all of them stand in the details."""


def failure_lines(failures: Sequence[Failure]) -> tuple[str, ...]:
    """What could not be used, each with its reason."""
    return tuple(f"{printable(each.name)}: {in_a_sentence(each.error)}" for each in failures)


def list_failures(reporter: Reporter, words: str, failures: Sequence[Failure]) -> None:
    """Name what could not be used, and why; nothing is said where there is nothing.

    Parameters
    ----------
    words
        The line above the list, with {count}.
    """
    if not failures:
        return
    lines = failure_lines(failures)
    rest = len(lines) - FAILURES_SHOWN
    more = [tr("… and {count} more, in the details").format(count=f"{rest:,}")] if rest > 0 else []
    text = "\n".join([words.format(count=f"{len(failures):,}"), *lines[:FAILURES_SHOWN], *more])
    reporter.warning(text, details="\n".join(lines))
