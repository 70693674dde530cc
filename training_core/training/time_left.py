"""How long the rest of a run takes: steps, validations, and what comes after the last step.

After it, the best way to read the network is looked for on the validation tiles, and every tile is predicted. On few
steps and many tiles that is most of the time, so a forecast from the steps alone would be far off.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from training_core.data.pixel_size import left_out, zoom_to_run
from training_core.prediction.calibration import candidate_scales, usual_scale
from training_core.project import Project
from training_core.runs.run_folder import Split
from training_core.settings.schema import Config
from training_core.training.schedule import Budget

_LATEST = 0.1
"""Weight of the latest step in the mean: the machine may get other work, or lose it."""
_EARLIER = 0.8
"""Weight of what was predicted before the latest."""
_TOGETHER = 1e-6
"""How little a difference between two kinds of predictions may be to tell their costs apart."""
_FORWARD_SHARE = 1 / 3
"""Of a training step's time per pixel, what prediction takes: a backward pass costs two forward passes. Only until a
prediction has been timed."""


class _Costs:
    """Seconds of a prediction, as two prices of a pixel.

    One is paid for each pixel that passes through the network, in each view and at each scale; the other for each pixel
    of the image, whatever the number of views: resampling, blending, scoring.

    Least squares over what was timed, the latest counting most. Where only one number of views was timed the two cannot
    be told apart, and all of it is laid on the network; `Forecast.wants_views` asks for another.
    """

    def __init__(self) -> None:
        self._squares, self._seconds = np.zeros((2, 2)), np.zeros(2)

    def add(self, network_px: float, image_px: float, seconds: float) -> None:
        """So many pixels took so long."""
        row = np.array([network_px, image_px])
        self._squares = _EARLIER * self._squares + np.outer(row, row)
        self._seconds = _EARLIER * self._seconds + row * seconds

    def per_px(self) -> tuple[float, float] | None:
        """Seconds for a pixel of the network and for one of the image, none negative; None: nothing was timed."""
        squares, seconds = self._squares, self._seconds
        if not squares[0, 0]:
            return None
        squares = squares + np.diag([0.0, _TOGETHER * squares[1, 1]])
        network, image = np.linalg.solve(squares, seconds)
        if image < 0:
            return float(seconds[0] / squares[0, 0]), 0.0
        return (0.0, float(seconds[1] / squares[1, 1])) if network < 0 else (float(network), float(image))


class Forecast:
    """Counts in pixels, of which one costs about the same wherever it comes from."""

    def __init__(
        self,
        project: Project,
        split: Split,
        scored: Sequence[str],
        config: Config,
        budget: Budget,
        *,
        compared_by: int = 0,
    ) -> None:
        """Begin without any measurement.

        Parameters
        ----------
        scored
            The tiles of each validation.
        compared_by
            How many predict the scored tiles once more in the end, to find out whose predictions the run keeps; the
            first of them is the network where it has not been measured as it predicts.
        """
        self._project, self._split, self._scored, self._compared_by = project, split, scored, compared_by
        self.restart(config, budget)

    def restart(self, config: Config, budget: Budget) -> None:
        """The run goes on with these settings: what was timed before tells nothing of them."""
        self._config, self._budget = config, budget
        self._views, self._scale = config.inference.n_views, usual_scale(config)
        self._scored_px = self.pixels(self._scored)
        self._all_px = self.pixels(tile.name for tile in self._project.tiles)
        self._scales = candidate_scales(config) if self._split.val else ()
        self._seconds_per_step: float | None = None
        self._costs = _Costs()
        self._views_timed = False

    def pixels(self, names: Iterable[str]) -> float:
        """Pixels of these tiles at the run's resolution; those that the run leaves out count nothing."""
        every = [self._project.tile(name) for name in names]
        unfit = left_out(every, self._config.data.mpp)
        tiles = (tile for tile in every if tile.name not in unfit)
        return sum(t.width_px * t.height_px * zoom_to_run(t.mpp_um, self._config.data.mpp) ** 2 for t in tiles)

    @property
    def wants_views(self) -> bool:
        """No tile was predicted yet in as many views as all are in the end, which are more than a validation has."""
        return self._views > 1 and not self._views_timed

    def stepped(self, seconds: float) -> None:
        """A training step took so long."""
        before = self._seconds_per_step
        self._seconds_per_step = seconds if before is None else before + _LATEST * (seconds - before)

    def validated(self, scales: Sequence[float], views: int, seconds: float) -> None:
        """The validation tiles were predicted at each of these scales."""
        network_px = self._scored_px * views * sum(scale**2 for scale in scales)
        self._costs.add(network_px, self._scored_px * len(scales), seconds)

    def predicted(self, name: str, scale: float, seconds: float) -> None:
        """A tile was predicted at this scale, in the run's number of views."""
        self._views_timed = True
        image_px = self.pixels([name])
        self._costs.add(image_px * self._views * scale**2, image_px, seconds)

    def left_s(self, step: int, elapsed_s: float) -> float | None:
        """Seconds until the run has predicted every tile, right after step `step`, from 1; None: nothing is known."""
        if self._seconds_per_step is None:
            return None
        every, total = self._config.schedule.validate_every_steps, self._budget.total_steps
        validation_s = self._predicting_s(self._scored_px, (self._scale,), 1)
        after_s = self._predicting_s(self._scored_px, self._scales, self._views)
        after_s += self._predicting_s(self._all_px, (self._scale,), self._views) + self.left_to_compare_s()
        if total is None:  # validations are part of the minutes, but for one at the end
            assert self._budget.seconds is not None
            return max(0.0, self._budget.seconds - elapsed_s) + validation_s + after_s
        validations = math.ceil(total / every) - (step - 1) // every  # that of this step is still to come
        return (total - step) * self._seconds_per_step + validations * validation_s + after_s

    def left_to_compare_s(self) -> float:
        """Seconds of the final comparison; 0 where nothing compares, or nothing was timed."""
        if not self._compared_by or (self._costs.per_px() is None and self._seconds_per_step is None):
            return 0.0
        network_views = 0 if self._split.val else self._views  # the validation tiles were measured before
        return self._predicting_s(self._scored_px, (self._scale,), network_views + self._compared_by - 1)

    def left_to_predict_s(self, names: Sequence[str], scale: float) -> float | None:
        """Seconds until these tiles are predicted, when nothing else is left to do."""
        if self._costs.per_px() is None:
            return None
        return self._predicting_s(self.pixels(names), (scale,), self._views)

    def _predicting_s(self, image_px: float, scales: Sequence[float], views: int) -> float:
        per_network_px, per_image_px = self._costs.per_px() or (self._prior(), 0.0)
        network_px = image_px * views * sum(scale**2 for scale in scales)
        return network_px * per_network_px + image_px * len(scales) * per_image_px

    def _prior(self) -> float:
        data = self._config.data
        # labelled crops pass forward and back, unlabelled ones also forward through the teacher
        forward = data.labeled_batch / _FORWARD_SHARE + data.unlabeled_batch * (1 + 1 / _FORWARD_SHARE)
        assert self._seconds_per_step is not None
        return self._seconds_per_step / (data.crop_px**2 * forward)


class Pace:
    """How fast the tiles are predicted in the end, by the network or not, timed while they are.

    The pixel classifier may take a hundredth of the network's time, and what was timed before says nothing of it.
    """

    def __init__(self) -> None:
        self._px = self._seconds = 0.0

    def add(self, px: float, seconds: float) -> None:
        """Some pixels of tiles took these seconds."""
        self._px += px
        self._seconds += seconds

    def left_s(self, px: float) -> float | None:
        """Seconds for more of them; None: nothing was timed."""
        return px * self._seconds / self._px if self._px else None


class Bar:
    """The share of a run's whole time that is over, which neither goes back nor stands still while time passes.

    Where another estimate comes, what was shown stays; the rest of the bar takes the time that is left by now.
    """

    def __init__(self) -> None:
        self._share = self._spent_s = 0.0

    def at(self, spent_s: float, left_s: float | None) -> float | None:
        """The share, 0 to 1, after `spent_s` seconds of the run; None while nothing is known of what is left."""
        if left_s is None:
            return self._share or None
        passed_s = max(0.0, spent_s - self._spent_s)
        self._spent_s = max(self._spent_s, spent_s)
        self._share += (1 - self._share) * passed_s / max(passed_s + left_s, 1e-9)
        return self._share
