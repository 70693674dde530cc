"""How long the rest of a run takes: steps, validations, and what comes after the last step.

After it, the best way to read the network is looked for on the validation tiles, and every tile is predicted. On few
steps and many tiles that is most of the time, so a forecast from the steps alone would be far off.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from training_core.config import Config
from training_core.data.resample import zoom_to_run
from training_core.inference import VIEWS
from training_core.project import Project
from training_core.readout import candidate_scales, usual_scale
from training_core.run_folder import Split
from training_core.schedule import Budget

_LATEST = 0.1
"""Weight of the latest step in the mean: the machine may get other work, or lose it."""
_EARLIER = 0.8
"""Weight of what was predicted before the latest."""
_FORWARD_SHARE = 1 / 3
"""Of a training step's time per pixel, what prediction takes: a backward pass costs two forward passes. Only until a
prediction has been timed."""


class Forecast:
    """Counts in pixels that pass through the network, of which one costs about the same wherever it comes from."""

    def __init__(self, project: Project, split: Split, scored: Sequence[str], config: Config, budget: Budget) -> None:
        """scored: the tiles of each validation."""
        self._project, self._config, self._budget = project, config, budget
        self._views, self._scale = config.inference.views or VIEWS, usual_scale(config)
        self._scored_px = self.pixels(scored)
        self._all_px = self.pixels(tile.name for tile in project.tiles)
        scales = candidate_scales(config) if split.val else ()
        self._search_px = self._scored_px * self._views * sum(scale**2 for scale in scales)
        self._seconds_per_step: float | None = None
        self._seen_px = self._seen_s = 0.0
        """Of what was predicted until now, the latest counting most."""

    def pixels(self, names: Iterable[str]) -> float:
        """Pixels of these tiles at the run's resolution."""
        tiles = (self._project.tile(name) for name in names)
        return sum(t.width_px * t.height_px * zoom_to_run(t.mpp_um, self._config.data.mpp) ** 2 for t in tiles)

    def stepped(self, seconds: float) -> None:
        """A training step took so long."""
        before = self._seconds_per_step
        self._seconds_per_step = seconds if before is None else before + _LATEST * (seconds - before)

    def validated(self, scales: Sequence[float], views: int, seconds: float) -> None:
        """The validation tiles were predicted at each of these scales."""
        self._predicted(self._scored_px * views * sum(scale**2 for scale in scales), seconds)

    def predicted(self, name: str, scale: float, seconds: float) -> None:
        """A tile was predicted at this scale, in the run's number of views."""
        self._predicted(self.pixels([name]) * self._views * scale**2, seconds)

    def left_s(self, step: int, elapsed_s: float) -> float | None:
        """Seconds until the run has predicted every tile, right after step `step`, from 1; None: nothing is known."""
        if self._seconds_per_step is None:
            return None
        every, total = self._config.schedule.validate_every_steps, self._budget.total_steps
        per_px = self._seen_s / self._seen_px if self._seen_px else self._prior()
        validation_px = self._scored_px * self._scale**2
        after_s = (self._search_px + self._all_px * self._views * self._scale**2) * per_px
        if total is None:  # validations are part of the minutes, but for one at the end
            assert self._budget.seconds is not None
            return max(0.0, self._budget.seconds - elapsed_s) + validation_px * per_px + after_s
        validations = math.ceil(total / every) - (step - 1) // every  # that of this step is still to come
        return (total - step) * self._seconds_per_step + validations * validation_px * per_px + after_s

    def left_to_predict_s(self, names: Sequence[str], scale: float) -> float | None:
        """Seconds until these tiles are predicted, when nothing else is left to do."""
        if not self._seen_px:
            return None
        return self.pixels(names) * self._views * scale**2 * self._seen_s / self._seen_px

    def _predicted(self, px: float, seconds: float) -> None:
        self._seen_px = _EARLIER * self._seen_px + px
        self._seen_s = _EARLIER * self._seen_s + seconds

    def _prior(self) -> float:
        data = self._config.data
        # labelled crops pass forward and back, unlabelled ones also forward through the teacher
        forward = data.labeled_batch / _FORWARD_SHARE + data.unlabeled_batch * (1 + 1 / _FORWARD_SHARE)
        assert self._seconds_per_step is not None
        return self._seconds_per_step / (data.crop_px**2 * forward)


def share_done(spent_s: float, left_s: float | None) -> float | None:
    """Share of a run's whole time that is over, 0 to 1; None where what is left is unknown."""
    return None if left_s is None else spent_s / max(spent_s + left_s, 1e-9)
