"""The state of the training process, and its words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from training_core.base.i18n import ntr


def tiles_in_words(labeled: int, unlabeled: int, partly: int, val: int) -> str:
    """What a training has, in counts that add up.

    Parameters
    ----------
    partly
        How many of the annotated tiles are among the `unlabeled`, for the rest of their pixels.
    """
    words = ntr(
        "{labeled} annotated tile, {rest} without annotations and {val} for validation",
        "{labeled} annotated tiles, {rest} without annotations and {val} for validation",
        labeled,
    )
    said = words.format(labeled=labeled, rest=unlabeled - partly, val=val)
    if not partly:
        return said
    more = ntr(
        "{tiles}; the unpainted part of {partly} annotated one helps too",
        "{tiles}; the unpainted parts of {partly} annotated ones help too",
        partly,
    )
    return more.format(tiles=said, partly=partly)


class Phase(StrEnum):
    """Where the training process is in its life."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"


@dataclass(frozen=True)
class Training:
    """The state of the training process, in words that a status line can show."""

    phase: Phase = Phase.IDLE
    run_id: str | None = None
    message: str = ""
    progress: float = 0.0
    """Share of the whole time, the final predictions included, 0 to 1."""
    eta_s: float | None = None
    memory_bytes: int | None = None
    gpu_memory_bytes: int | None = None
    """The most memory that the process has used."""
    device: str = ""
    """What it computes on, in words such as "CPU"; empty before the run has said so."""
    finished: bool = False
    """The run said that it finished; its predictions are on the disk."""
    failure: str = ""
    """The message of `run_failed`, empty while nothing failed."""

    @property
    def active(self) -> bool:
        """A process is there."""
        return self.phase is not Phase.IDLE
