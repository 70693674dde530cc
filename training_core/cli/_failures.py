"""How a command that handles many files ends: what could not be done is listed last, and the exit code says so."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from training_core.base.attempts import Failure
from training_core.base.errors import EXIT_PARTLY
from training_core.base.printable import printable


def exit_code(failed: Sequence[Failure], advice: str = "") -> int:
    """0, or 3 after the failures were listed on standard error, one line each.

    Parameters
    ----------
    advice
        What to do once the files are mended.
    """
    if not failed:
        return 0
    print(f"{_count(failed)} could not be used:", file=sys.stderr)
    for failure in failed:
        print(f"  {printable(failure.name)}: {failure.error.in_terminal}", file=sys.stderr)
    if advice:
        print(advice, file=sys.stderr)
    return EXIT_PARTLY


def as_json(failed: Sequence[Failure]) -> list[dict[str, Any]]:
    """The failures in a command's result."""
    return [{"name": printable(failure.name), "error": failure.error.in_terminal} for failure in failed]


def _count(failed: Sequence[Failure]) -> str:
    return "1 file" if len(failed) == 1 else f"{len(failed)} files"
