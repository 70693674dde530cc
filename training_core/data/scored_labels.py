"""The annotations that a run's predictions are scored on, the same for each that is compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.class_maps.pixel_scores import Confusion, Scores
from training_core.data.tile_pool import TilePool
from training_core.messages.events import MeasuredOn


@dataclass(frozen=True)
class ScoredLabels:
    """As they were when the run started.

    Attributes
    ----------
    is_new_to_previous
        Whether the previous run has not trained on them.
    """

    measured_on: MeasuredOn
    names: tuple[str, ...]
    pool: TilePool
    is_new_to_previous: bool = True

    def scores(self, predict: Callable[[str], ClassIds | None]) -> Scores | None:
        """None where nothing is annotated, or a tile has no prediction or one of classes that the run does not have.

        Parameters
        ----------
        predict
            Class ids (H, W) of a tile.
        """
        class_ids = self.pool.class_ids
        to_index = np.full(256, UNLABELED, np.uint8)
        to_index[list(class_ids)] = np.arange(len(class_ids))
        confusion = Confusion(class_ids)
        for name in self.names:
            truth, predicted = self.pool.scored_label(name), predict(name)
            if predicted is None or predicted.shape != truth.shape:
                return None
            indices = to_index[predicted]
            if (indices == UNLABELED).any():
                return None
            confusion.add(truth, indices)
        return confusion.scores()
