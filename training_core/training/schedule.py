"""How far a run has come, and the learning rate that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass

from training_core.class_maps.pixel_scores import Scores
from training_core.settings.schema import OptimizerConfig, ScheduleConfig


@dataclass
class RunProgress:
    """Where a run stands; one object for all of the run."""

    step: int = 0
    elapsed_s: float = 0.0
    scores: Scores | None = None
    """Of the last validation."""
    best: Scores | None = None
    """Of the checkpoint that predicts."""


class Budget:
    """Progress of a run in steps or in minutes, whichever its configuration counts."""

    def __init__(self, config: ScheduleConfig, steps_per_epoch: int) -> None:
        self.seconds = config.minutes * 60 if config.minutes is not None else None
        self.total_steps = None if self.seconds is not None else (config.epochs or 0) * steps_per_epoch or config.steps

    def progress(self, step: int, elapsed_s: float) -> float:
        """Share of the budget used, 0 to 1, after `step` steps and `elapsed_s` seconds."""
        used = elapsed_s / self.seconds if self.seconds is not None else step / (self.total_steps or 1)
        return min(1.0, used)


def lr_factor(progress: float, step: int, config: OptimizerConfig) -> float:
    """Factor on the base rates: linear warm-up, then polynomial decay (1 - progress)^power."""
    warmup = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    return float(warmup * (1.0 - progress) ** config.poly_power)
