"""How often a training writes a checkpoint: every half minute, or as rarely as keeps its cost at 2 % of the time."""

from __future__ import annotations

import time

USUAL_S = 30.0
MAX_SHARE = 0.02
"""Of the time that checkpoints may take, where one is large."""


class SavePace:
    """Knows when the next checkpoint is due.

    Attributes
    ----------
    every_s
        Seconds from the end of one to the next.
    took_s
        How long the latest took.
    """

    def __init__(self) -> None:
        self.every_s, self.took_s = USUAL_S, 0.0
        self._saved_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time for one."""
        return time.monotonic() - self._saved_at >= self.every_s

    def saved(self, took_s: float) -> None:
        """One was written just now, and took so long."""
        self.took_s, self._saved_at = took_s, time.monotonic()
        self.every_s = max(USUAL_S, took_s / MAX_SHARE)
