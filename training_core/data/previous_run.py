"""What the project's previous run predicted of the tiles, as far as a new run may use it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.base.errors import MaskError
from training_core.class_maps.overlay_files import OverlayArrays
from training_core.io import read_mask
from training_core.project import Project, TilePrediction
from training_core.project.prediction_source import Maker, read_prediction_source


@dataclass(frozen=True)
class PreviousRun:
    """A finished run."""

    project: Project
    run_id: str

    @property
    def network_predicted(self) -> bool:
        """Whether its predictions are those of its network."""
        return read_prediction_source(self.project.runs_dir / self.run_id).made_by is Maker.NETWORK

    def to_show(self, tile: str) -> TilePrediction | None:
        """The files of a tile's prediction, unless there are none or the user rejected it."""
        if self.project.is_rejected(tile, self.run_id):
            return None
        return self.project.prediction(tile, self.run_id)

    def class_ids(self, tile: str) -> ClassIds | None:
        """The predicted class ids (H, W), rejected or not; None: there are none, or they are damaged."""
        files = self.project.prediction(tile, self.run_id)
        try:
            return read_mask(files.prediction) if files is not None else None
        except MaskError:
            return None

    def to_keep(self, tile: str, class_ids: Collection[int]) -> OverlayArrays | None:
        """A tile's prediction for a run with these classes; None: there is none, or the user rejected some of it."""
        files, size = self.to_show(tile), (self.project.tile(tile).height_px, self.project.tile(tile).width_px)
        try:
            if files is None or self.project.rejection(tile).of_run(self.run_id).any():
                return None
            arrays = OverlayArrays(*map(read_mask, (files.prediction, files.pseudo_label, files.confidence)))
        except MaskError:
            return None
        predicted = {*np.unique(arrays.prediction).tolist(), *np.unique(arrays.pseudo_label).tolist()}
        fits = all(each.shape == size for each in vars(arrays).values())
        return arrays if fits and predicted <= {*class_ids, UNLABELED} else None
