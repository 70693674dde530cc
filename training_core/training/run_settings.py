"""The settings of one run, which get smaller where memory runs out."""

from __future__ import annotations

from pathlib import Path

from training_core.runs.run_folder import record_change
from training_core.settings.schema import Config
from training_core.training.schedule import RunProgress
from training_core.training.smaller_step import no_smaller_step, smaller_step, step_changed


class RunSettings:
    """The settings as they are now, in one place, since they may change while the run goes on.

    Read by `Trainer`, `Learner`, `TilePredictor` and `Validation`, which ask for `config` each time and keep no copy.
    Changed by two of them, only to smaller sizes and only where memory ran out: the Trainer takes smaller batches or
    crops (`shrink_step`) and makes anew what it has made from the settings (batches, budget, forecast); the
    TilePredictor takes smaller windows (`shrink_windows`). A change is written to the run folder as soon as it has
    worked, so that a resumed run starts with what fits.
    """

    def __init__(self, config: Config, run_dir: Path, progress: RunProgress) -> None:
        self._config = self._recorded = config
        self._run_dir, self._progress = run_dir, progress

    @property
    def config(self) -> Config:
        """The settings at this moment."""
        return self._config

    def shrink_step(self, multiple_px: int, words: str) -> str:
        """Smaller batches, or smaller crops, for the next try of a step; returns the sentence that tells of it.

        Parameters
        ----------
        multiple_px
            As in `smaller_step`.
        words
            Those of the error that memory ran out with.

        Raises
        ------
        MemoryLimitError
            Nothing is left to make smaller.
        """
        before, config = self._config, smaller_step(self._config, multiple_px)
        if config is None:
            raise no_smaller_step(before, words)
        self._config = config
        return step_changed(before, config)

    def step_fits(self) -> None:
        """A step of these sizes has worked: write them to the run folder, unless they are there."""
        if self._config is not self._recorded:
            self._record(step_changed(self._recorded, self._config))

    def shrink_windows(self, window_px: int) -> None:
        """Windows of this side have worked, and are used from now on."""
        inference = self._config.inference.model_copy(update={"window_px": window_px})
        self._config = self._config.model_copy(update={"inference": inference})
        self._record(f"Not enough memory to predict in windows larger than {window_px} px.")

    def _record(self, change: str) -> None:
        record_change(self._run_dir, self._config, self._progress.step, change)
        self._recorded = self._config
