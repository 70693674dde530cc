"""A trained run, ready to predict images."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import ClassIds, Rgb8
from training_core.base.errors import ConfigError
from training_core.class_maps.tile_result import Branch, TileResult
from training_core.compute.device import Compute, choose_compute
from training_core.compute.processes import own_device
from training_core.data.pixel_size import check_zoom, zoom_to_run
from training_core.network.encoders import is_external
from training_core.network.fold_batchnorm import fold
from training_core.network.model import UniSemAlign, build_model, placed
from training_core.prediction.calibration import Readout, read_readout
from training_core.prediction.engine import Engine, choose_decoder
from training_core.prediction.out_of_memory import with_smaller_windows
from training_core.prediction.sliding_window import predict_branches, predict_image
from training_core.prediction.views import Logits, decoder_logits
from training_core.project import TissueClass
from training_core.runs.trained_model import open_trained_model
from training_core.settings.schema import Config, InferenceConfig

Result = TypeVar("Result")


@dataclass
class Predictor:
    """The best checkpoint of a run with its classes, folded: not to be trained further.

    Where memory runs out, `config` gets a smaller window.
    """

    model: UniSemAlign
    config: Config
    classes: tuple[TissueClass, ...]
    compute: Compute
    threshold: float
    readout: Readout
    decoder: Logits = decoder_logits
    """What gives the decoder's logits of a slide's windows."""
    engine: Engine | None = None
    """What computes them; None: PyTorch, and nothing else was asked for yet."""

    def use_engine(self, wanted: Engine) -> Engine:
        """Choose what computes the network of slides, once; returns which it is.

        Raises
        ------
        ConfigError
            ONNX Runtime is asked for and cannot be used.
        """
        if self.engine is None:
            name, side_px = self.config.encoder.name, self.config.inference.side_px
            self.decoder = choose_decoder(wanted, self.model, name, self.compute, side_px)
            self.engine = Engine.TORCH if self.decoder is decoder_logits else Engine.ONNX
        return self.engine

    def predict(self, image: Rgb8, mpp_um: float | None = None, views: int | None = None) -> TileResult:
        """Result of an RGB image (H, W, 3) uint8, in class indices; `class_ids` turns them into ids.

        Parameters
        ----------
        mpp_um
            Pixel size in µm/px of the image, where known; it is resampled to the run's.
        views
            How many predictions are averaged; None for the run's `inference.views`.

        Raises
        ------
        ImageError
            The pixel size is too far from the run's.
        MemoryLimitError
            No window is small enough.
        """
        return self.fitting(
            lambda inference, readout: predict_image(self.model, image, inference, self.compute, readout),
            mpp_um,
            views=views,
        )

    def branches(self, image: Rgb8, mpp_um: float | None = None, views: int | None = None) -> dict[Branch, ClassIds]:
        """What the decoder, the prototypes and the text each say of an image, as `predict`: class indices (H, W).

        It raises what `predict` raises.
        """
        return self.fitting(
            lambda inference, readout: predict_branches(self.model, image, inference, self.compute, readout.scale),
            mpp_um,
            views=views,
        )

    def fitting(
        self,
        work: Callable[[InferenceConfig, Readout], Result],
        mpp_um: float | None,
        what: str = "the image",
        **changes: float | None,
    ) -> Result:
        """What `work` gives for an image of this pixel size with the largest window that fits in memory; that is kept.

        Parameters
        ----------
        changes
            To the run's inference settings, for this image alone; None: no change.

        Raises
        ------
        ImageError
            The pixel size of `what` is too far from the run's.
        MemoryLimitError
            No window is small enough.
        """
        check_zoom(what, mpp_um, self.config.data.mpp)
        readout = self.readout.zoomed(zoom_to_run(mpp_um, self.config.data.mpp))
        update = {name: value for name, value in changes.items() if value is not None}
        result, used = with_smaller_windows(
            self.config.inference.model_copy(update=update),
            self.compute.device,
            lambda inference: work(inference, readout),
            lambda message: warnings.warn(message, RuntimeWarning, stacklevel=5),
        )
        kept = self.config.inference.model_copy(update={"window_px": used.window_px})
        self.config = self.config.model_copy(update={"inference": kept})
        return result

    @property
    def class_ids(self) -> NDArray[np.uint8]:
        """(C,) ids in the order of the indices."""
        return np.array([c.id for c in self.classes], np.uint8)


def load_predictor(folder: Path, device: str | None = None, encoder_weights: Path | None = None) -> Predictor:
    """The predictor of a run or of a shared model, on the device asked for (default: by its own settings).

    Parameters
    ----------
    encoder_weights
        The file of the encoder's published weights, where the folder does not include them and they lie elsewhere
        than its settings say.

    Raises
    ------
    CheckpointError
        The folder is neither, or is damaged.
    WeightsError
        The encoder's own weights are missing.
    DeviceError
        This machine does not have the device.
    """
    trained = open_trained_model(folder)
    config = with_encoder_weights(trained.config, encoder_weights)
    runtime = config.runtime if device is None else config.runtime.model_copy(update={"device": device})
    compute = own_device(choose_compute(runtime))
    model = build_model(config, trained.classes, from_checkpoint=True)
    trained.load_into(model)
    fold(model.eval())
    model = placed(model, compute)
    state = trained.state
    return Predictor(model, config, trained.classes, compute, float(state["threshold"]), read_readout(state))


def with_encoder_weights(config: Config, path: Path | None) -> Config:
    """The settings with the file of the encoder's published weights, where one is given.

    Raises
    ------
    ConfigError
        The encoder's weights are with the others, so that none are read from a file.
    """
    if path is None:
        return config
    if not is_external(config.encoder):
        raise ConfigError(
            f"{path} is given as the weights of {config.encoder.name}, which are in the model already",
            "no file of weights for this model",
            "leave it out",
            terminal="leave --encoder-weights out",
        )
    return config.model_copy(update={"encoder": config.encoder.model_copy(update={"weights_path": str(path)})})
