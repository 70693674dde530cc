"""A trained run, ready to predict images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from training_core import checkpoint as checkpoints
from training_core.config import Config
from training_core.data.resample import check_zoom, zoom_to_run
from training_core.device import Compute, choose_compute
from training_core.inference import Readout, predict_image
from training_core.model import UniSemAlign, build_model
from training_core.project import TissueClass
from training_core.readout import read_readout
from training_core.run_folder import read_run
from training_core.tile_result import TileResult


@dataclass(frozen=True)
class Predictor:
    """The best checkpoint of a run with its classes."""

    model: UniSemAlign
    config: Config
    classes: tuple[TissueClass, ...]
    compute: Compute
    threshold: float
    readout: Readout

    def predict(self, image: NDArray[np.uint8], mpp_um: float | None = None) -> TileResult:
        """Result of an RGB image (H, W, 3) uint8, in class indices; `class_ids` turns them into ids.

        mpp_um: its micrometers per pixel, where they are known; it is resampled to what the run works at.

        Raises
        ------
        ImageError: the pixel size is too far from the run's.
        """
        check_zoom("the image", mpp_um, self.config.data.mpp)
        readout = self.readout.zoomed(zoom_to_run(mpp_um, self.config.data.mpp))
        return predict_image(self.model, image, self.config.inference, self.compute, readout)

    @property
    def class_ids(self) -> NDArray[np.uint8]:
        """(C,) ids in the order of the indices."""
        return np.array([c.id for c in self.classes], np.uint8)


def load_predictor(run_dir: Path, device: str | None = None) -> Predictor:
    """The predictor of a run folder, on the device asked for (default: the run's own setting).

    Raises
    ------
    CheckpointError, WeightsError, DeviceError.
    """
    config, classes, _ = read_run(run_dir)
    checkpoint = checkpoints.open_checkpoint(run_dir, "best")
    runtime = config.runtime if device is None else config.runtime.model_copy(update={"device": device})
    compute = choose_compute(runtime)
    model = build_model(config, classes, from_checkpoint=True)
    checkpoints.load_tensors(model, checkpoint.model, checkpoint.path)
    model = model.to(compute.device).to(memory_format=torch.channels_last).eval()
    state = checkpoint.state
    return Predictor(model, config, classes, compute, float(state["threshold"]), read_readout(state))
