"""The state of the training process, and its words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from napari_unisemalign.app.training_curves import dice_in_words
from training_core.base.i18n import ntr, tr
from training_core.messages.events import (
    Event,
    Paused,
    Resumed,
    RunFailed,
    RunFinished,
    RunStarted,
    Status,
    StepDone,
    Validated,
)


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

    def after(self, event: Event) -> Training:
        """The state once this event of the process is known; the same object where the event says nothing of it."""
        match event:
            case RunStarted():
                return self._started(event)
            case Status(done=float() as done):
                progress = max(self.progress, done)
                return replace(self, message=event.message, progress=progress, eta_s=event.eta_s)
            case Status():
                return replace(self, message=event.message)
            case StepDone():
                return replace(
                    self,
                    eta_s=None if self.phase is Phase.STOPPING else event.eta_s,
                    progress=event.progress if event.done is None else event.done,
                    memory_bytes=event.memory_bytes or self.memory_bytes,
                    gpu_memory_bytes=event.gpu_memory_bytes or self.gpu_memory_bytes,
                )
            case Paused() if self.phase is Phase.PAUSED:
                words = tr("Paused after {step} steps. All is saved: the computer may be switched off meanwhile.")
                return replace(self, message=words.format(step=event.step))
            case Resumed():
                return replace(self, message=tr("Training goes on."))
            case Validated(measured_on="validation", mdice=float() as mdice):
                words = tr("{score} after {step} steps{best}.")
                best = tr(", the best so far") if event.is_best else ""
                message = words.format(score=dice_in_words(mdice, event.n_tiles), step=event.step, best=best)
                return replace(self, message=f"{message[:1].upper()}{message[1:]}")
            case Validated() if event.measured_on != "validation":
                words = tr("{step} steps done. Without validation tiles nothing measures how good it is.")
                return replace(self, message=words.format(step=event.step))
            case RunFinished():
                return replace(self, run_id=event.run_id, finished=True, progress=1.0, eta_s=None)
            case RunFailed():
                return replace(self, failure=event.message)
            case _:
                return self  # Warned carries no state; a validation without a Dice draws no point

    def _started(self, event: RunStarted) -> Training:
        words, device = tr("Training on {tiles} ({device})."), event.device.upper()
        tiles = tiles_in_words(event.n_labeled, event.n_unlabeled, event.n_partly, event.n_val)
        return replace(
            self,
            phase=self.phase if self.phase in (Phase.STOPPING, Phase.PAUSED) else Phase.RUNNING,
            run_id=event.run_id,
            device=device,
            message=words.format(tiles=tiles, device=device),
        )
