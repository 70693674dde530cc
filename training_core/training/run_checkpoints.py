"""The checkpoints of a run: writing them, how far they go, and going on from the last."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path

from training_core.class_maps.pixel_scores import Scores
from training_core.messages.events import Saved
from training_core.messages.messenger import Messenger
from training_core.prediction.calibration import read_readout
from training_core.runs import checkpoint as checkpoints
from training_core.training.learner import Learner
from training_core.training.saving import SavePace
from training_core.training.schedule import RunProgress
from training_core.training.tile_predictor import TilePredictor


class RunCheckpoints:
    """Writes what a run has learned so far, and knows which step is written and validated.

    Attributes
    ----------
    validated_step
        The latest of which the curve has a point; -1: none.
    """

    def __init__(
        self, learner: Learner, predictor: TilePredictor, progress: RunProgress, run_dir: Path, messenger: Messenger
    ) -> None:
        self._learner, self._predictor, self._progress = learner, predictor, progress
        self._run_dir, self._messenger = run_dir, messenger
        self._pace = SavePace()
        self._saved_step, self.validated_step = -1, -1

    @property
    def is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self._pace.is_due

    @property
    def is_saved(self) -> bool:
        """Whether there is a checkpoint of this step."""
        return self._saved_step == self._progress.step

    @property
    def is_validated(self) -> bool:
        """Whether the curve has a point of this step."""
        return self.validated_step == self._progress.step

    def save(self, *, is_best: bool) -> None:
        """Write a checkpoint of this moment."""
        state, started = self._progress, time.monotonic()
        scalars = {
            "spec_version": checkpoints.STATE_FORMAT.version,
            "step": state.step,
            "elapsed_s": state.elapsed_s,
            "validated_step": self.validated_step,
            **self._learner.scalars(),
            "readout": asdict(self._predictor.readout),
            "best": asdict(state.best) if state.best else None,
            "mdice": state.scores.mdice if state.scores else None,
            "mjaccard": state.scores.mjaccard if state.scores else None,
        }
        model = checkpoints.saved_tensors(self._learner.predictor)
        checkpoints.save(self._run_dir, model, self._learner.tensors(), scalars, is_best=is_best)
        self._saved_step = state.step
        self._pace.saved(time.monotonic() - started)
        self._messenger.send(Saved, step=state.step, seconds=self._pace.took_s, every_s=self._pace.every_s)

    def restore(self) -> None:
        """Go on from the run's last checkpoint: weights, optimiser, threshold, random states, step."""
        checkpoint = checkpoints.open_checkpoint(self._run_dir, "last")
        self._learner.restore(checkpoint)
        state = checkpoint.state
        # a finished run may have found another scale and weight; the curve goes on with those it was drawn with
        usual, found = self._predictor.readout, read_readout(state)
        self._predictor.readout = replace(found, scale=usual.scale, foreground_weight=usual.foreground_weight)
        self._progress.step, self._progress.elapsed_s = state["step"], state["elapsed_s"]
        self._progress.best = Scores.from_json(state["best"]) if state["best"] else None
        self._saved_step = state["step"]
        self.validated_step = state.get("validated_step", state["step"])  # earlier versions saved only validated steps
