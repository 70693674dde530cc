"""What a run's network says of its tiles while it trains: predicted, scored and written, in memory that is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from torch import Tensor

from training_core.base.arrays import Rgb8
from training_core.class_maps.object_readout import (
    KnownTile,
    choose_object_readouts,
    usual_object_readouts,
    with_too_few_objects,
)
from training_core.class_maps.overlay_files import OverlayArrays, overlay_arrays, write_overlays
from training_core.class_maps.tile_result import TileResult
from training_core.data.crop_scale import TILES_MEASURED
from training_core.data.pixel_size import check_zoom, zoom_to_run
from training_core.data.tile_pool import TilePool
from training_core.prediction import out_of_memory
from training_core.prediction.calibration import Measured, measure_readout, usual_readout
from training_core.prediction.sliding_window import predict_image, predict_probabilities
from training_core.project.prediction_source import Maker
from training_core.settings.schema import InferenceConfig
from training_core.training.learner import Learner
from training_core.training.run_settings import RunSettings
from training_core.training.time_left import Forecast

Result = TypeVar("Result")


@dataclass(frozen=True)
class WrittenPrediction:
    """A tile's prediction: what the files hold, and where they are, by the names of the arrays."""

    arrays: OverlayArrays
    paths: dict[str, Path]
    made_by: Maker = Maker.NETWORK


class TilePredictor:
    """Predicts tiles with the `predictor` of a `Learner`, at the scale and temperature of `readout`.

    Parameters
    ----------
    forecast
        Is told how long each prediction took.
    tell
        Is told in a sentence where memory runs out.
    object_classes
        The indices of the classes made of objects, and of the class that lies between them.
    check
        Asked between two batches of windows; may raise to end the prediction.
    """

    def __init__(
        self,
        learner: Learner,
        pool: TilePool,
        settings: RunSettings,
        forecast: Forecast,
        tell: Callable[[str], None],
        object_classes: tuple[Sequence[int], int] = ((), 0),
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._check = check
        self._learner, self._pool, self._settings = learner, pool, settings
        self._forecast, self._tell = forecast, tell
        self._object_classes, self._ground = object_classes
        self.readout = usual_readout(settings.config, self._ground)

    def predict(self, name: str) -> TileResult:
        """What the network says of a tile, in as many views as the run has."""
        with self._timed(name):
            return self._predict(name)

    def write(self, name: str, folder: Path) -> WrittenPrediction:
        """Prediction, pseudo-label and confidence of one tile, also as PNGs in `folder`."""
        with self._timed(name):
            ids = np.array(self._pool.class_ids, np.uint8)
            arrays = overlay_arrays(self._predict(name), ids, self._learner.threshold.value)
            return WrittenPrediction(arrays, write_overlays(folder, name, arrays))

    def measure(
        self,
        names: Sequence[str],
        scales: Sequence[float],
        weights: Sequence[float] = (1.0,),
        views: int | None = None,
    ) -> Measured:
        """The best of `scales` and of the foreground `weights` on these labelled tiles, and the scores there.

        Parameters
        ----------
        views
            None for the run's own.
        """
        learner, pool = self._learner, self._pool
        learner.predictor.eval()

        def measured(inference: InferenceConfig) -> Measured:
            tiles = ((pool.image(name), pool.scored_label(name), self._zoom(name)) for name in names)

            def probabilities(image: Rgb8, scale: float) -> Tensor:
                return predict_probabilities(
                    learner.predictor, image, inference, learner.compute, scale, self._progress
                )

            return measure_readout(probabilities, tiles, pool.class_ids, scales, self._ground, weights)

        inference = self._settings.config.inference
        return self._fitting(measured, inference.model_copy(update={"views": views}) if views else inference)

    def separate_objects(self, tiles: Sequence[KnownTile] | None, annotated: Sequence[str]) -> None:
        """From now on, separate touching objects and remove specks.

        Parameters
        ----------
        tiles
            Do so as is best on these; where they show too few objects, and without them (None), only specks and small
            holes go.
        annotated
            The annotated tiles, whose objects say what a speck is.
        """
        if self._settings.config.inference.objects != "separated":
            return
        undecided = with_too_few_objects(tiles or (), self._object_classes)
        objects = choose_object_readouts(tiles or (), self._object_classes, self._ground)
        if undecided:
            labels = ((self._pool.label(name), self._zoom(name)) for name in annotated[:TILES_MEASURED])
            objects += usual_object_readouts(labels, undecided)
        self.readout = replace(self.readout, objects=objects, ground=self._ground)

    def _predict(self, name: str) -> TileResult:
        learner, image = self._learner, self._pool.image(name)
        readout = self.readout.zoomed(self._zoom(name))
        learner.predictor.eval()
        return self._fitting(
            lambda inference: predict_image(
                learner.predictor, image, inference, learner.compute, readout, self._progress
            ),
            self._settings.config.inference,
        )

    def _progress(self, _done: int, _total: int) -> None:
        self._check()

    def _fitting(self, read: Callable[[InferenceConfig], Result], inference: InferenceConfig) -> Result:
        """What `read` gives, with smaller windows from now on where memory does not hold them."""
        result, used = out_of_memory.with_smaller_windows(inference, self._learner.compute.device, read, self._tell)
        if used is not inference:
            self._settings.shrink_windows(used.side_px)
        return result

    def _zoom(self, name: str) -> float:
        """Pixels at the run's resolution per pixel of the tile.

        Raises
        ------
        ImageError
            Its pixel size is too far from the run's.
        """
        mpp_um = self._pool.mpp_um(name)
        check_zoom(f"tile {name}", mpp_um, self.run_mpp)
        return zoom_to_run(mpp_um, self.run_mpp)

    @property
    def run_mpp(self) -> float | None:
        """The pixel size in µm/px that the run works at; None: no tile knows its own."""
        return self._settings.config.data.mpp

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._forecast.predicted(name, self.readout.scale, time.monotonic() - started)
