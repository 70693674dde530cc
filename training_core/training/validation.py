"""How good the network is while it trains, told and written down, and how it is best read."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from training_core.base.lines import append_line
from training_core.class_maps.object_readout import KnownTile
from training_core.class_maps.pixel_scores import Confusion, Scores
from training_core.data.held_out import HeldOut
from training_core.data.scored_labels import ScoredLabels
from training_core.data.tile_pool import TilePool
from training_core.messages.events import Validated
from training_core.messages.messenger import Messenger
from training_core.method.pseudo_label import Threshold
from training_core.prediction.calibration import candidate_scales, candidate_weights
from training_core.runs.run_folder import Split
from training_core.training.reliability import confident_precision
from training_core.training.run_settings import RunSettings
from training_core.training.schedule import RunProgress
from training_core.training.tile_predictor import TilePredictor
from training_core.training.time_left import Forecast

_MAX_TRAINING_TILES_SCORED = 8
"""Without validation tiles the curve shows the Dice of at most so many training tiles."""


def scored_labels(pool: TilePool, split: Split, held_out: HeldOut) -> ScoredLabels:
    """What the curve is measured on: validation tiles, or held-out annotations, or else what is trained on."""
    if split.val:
        return ScoredLabels("validation", split.val, pool)
    if held_out:
        return ScoredLabels("held_out", tuple(held_out.where), pool, held_out.is_new_to_previous)
    return ScoredLabels("training", split.labeled[:_MAX_TRAINING_TILES_SCORED], pool)


class Validation:
    """Scores the predictor while it trains, and as it predicts in the end."""

    def __init__(
        self,
        predictor: TilePredictor,
        truth: ScoredLabels,
        run_dir: Path,
        settings: RunSettings,
        progress: RunProgress,
        forecast: Forecast,
        messenger: Messenger,
    ) -> None:
        self._predictor, self._settings, self._forecast = predictor, settings, forecast
        self._run_dir, self._progress, self._messenger = run_dir, progress, messenger
        self._truth, self._names, self._on_val = truth, truth.names, truth.measured_on == "validation"
        self._as_predicted: Scores | None = None
        self._evidence: tuple[Tensor, Tensor] | None = None
        """Log-probabilities and labels of the latest measurement."""
        self._tiles: Sequence[KnownTile] = ()
        """What was predicted at the latest measurement."""

    def score(self) -> bool:
        """A point of the curve: measured, told and added to RUN/metrics.jsonl; True: the best so far."""
        # the curve is drawn often, and has to be cheap
        readout = self._predictor.readout
        state, scores = self._progress, self._measure((readout.scale,), (readout.foreground_weight,), views=1)
        if self._forecast.wants_views:
            self._time_views()
        state.scores = scores
        value = scores.mdice if scores is not None else None
        # training Dice only ever says that the network has learned by heart, and held-out annotations are too few to
        # choose among many steps: without validation tiles the last is kept
        is_best = state.best is None or not self._on_val or (value is not None and value > state.best.mdice)
        if is_best:
            state.best = scores
        values = {
            "step": state.step,
            "mdice": value,
            "mjaccard": scores.mjaccard if scores is not None else None,
            "dice_by_class": scores.dice if scores is not None else {},
            "measured_on": self._truth.measured_on,
            "is_best": is_best,
        }
        self._messenger.send(Validated, **values, n_tiles=len(self._names))
        append_line(self._run_dir / "metrics.jsonl", json.dumps({**values, "elapsed_s": state.elapsed_s}).encode())
        return is_best

    def confident_precision(self, threshold: Threshold) -> dict[int, float]:
        """For each class, the share of the confident predictions that are right at this point of the curve.

        Empty where only training tiles could tell.
        """
        if self._truth.measured_on == "training" or self._evidence is None:
            return {}
        return confident_precision(*self._evidence, threshold)

    def choose_readout(self) -> None:
        """Read the network at the best scale, weight and temperature, from now on; as long as a few validations."""
        if self._on_val:
            config = self._settings.config
            self._progress.best = self._as_predicted = self._measure(
                candidate_scales(config), candidate_weights(config)
            )

    @property
    def known_tiles(self) -> Sequence[KnownTile] | None:
        """What was predicted of the validation tiles at the latest measurement; None without such tiles."""
        return self._tiles if self._on_val and self._tiles else None

    def as_predicted(self) -> Scores | None:
        """Scores of the network as it predicts the tiles: in all views, as it is read at now, objects separated."""
        if self._predictor.readout.objects:
            confusion = Confusion(self._truth.pool.class_ids)
            for name in self._names:
                confusion.add(self._truth.pool.scored_label(name), self._predictor.predict(name).prediction)
            return confusion.scores()
        if self._as_predicted is None:
            readout = self._predictor.readout
            measured = self._predictor.measure(self._names, (readout.scale,), (readout.foreground_weight,))
            self._as_predicted = measured.scores
        return self._as_predicted

    def _measure(self, scales: Sequence[float], weights: Sequence[float], views: int | None = None) -> Scores | None:
        """Scores at the best of `scales` and `weights`, where the network is read from now on."""
        started = time.monotonic()
        measured = self._predictor.measure(self._names, scales, weights, views)
        self._evidence, self._tiles = (measured.log_probabilities, measured.labels), measured.tiles
        views = views or self._settings.config.inference.n_views
        self._forecast.validated(scales, views, time.monotonic() - started)
        if self._on_val and measured.scores is not None:  # on training tiles it is surer than it has reason to be
            self._predictor.readout = measured.readout
        return measured.scores

    def _time_views(self) -> None:
        """Predict a small tile as all are predicted in the end: only then is it known how long that takes."""
        self._predictor.predict(min(self._names, key=lambda name: self._forecast.pixels([name])))
