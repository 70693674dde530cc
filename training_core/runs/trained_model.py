"""What a trained network predicts with, wherever it lies: in the folder of a run, or in that of a shared model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from training_core.base.errors import CheckpointError
from training_core.network.fingerprint import weights_sha256
from training_core.network.model import UniSemAlign
from training_core.network.weight_files import Tensors
from training_core.project import TissueClass
from training_core.runs.checkpoint import Checkpoint, load_tensors, open_checkpoint, read_tensors, saved_tensors
from training_core.runs.run_folder import read_run
from training_core.runs.shared_model import SharedModel, read_shared_model
from training_core.runs.shared_names import WEIGHTS_NAME, is_shared_model
from training_core.settings.schema import Config

_TYPES = {"torch.float32": "F32", "torch.int64": "I64", "torch.bfloat16": "BF16", "torch.float16": "F16",
          "torch.float64": "F64", "torch.int32": "I32", "torch.bool": "BOOL", "torch.uint8": "U8"}  # fmt: skip


@dataclass(frozen=True)
class TrainedModel:
    """The best weights of a run, or a shared model.

    Attributes
    ----------
    folder
        The run's or the shared model's.
    weights
        The safetensors file.
    state
        Threshold and readout.
    shared
        What a shared model says of itself; None: it is a run.
    """

    folder: Path
    config: Config
    classes: tuple[TissueClass, ...]
    weights: Path
    state: Mapping[str, Any]
    shared: SharedModel | None = None

    @property
    def tensors(self) -> Tensors:
        """The weights, on the CPU."""
        return read_tensors(self.weights)

    def load_into(self, model: UniSemAlign) -> None:
        """Put the weights into the network that `build_model` made for them.

        Raises
        ------
        CheckpointError
            They do not fit the network, or it begins with another encoder.
        """
        if self.shared is not None:
            check_header(model, self.weights)
            self.check_encoder(model)
        load_tensors(model, self.tensors, self.weights.parent)

    def check_encoder(self, model: UniSemAlign) -> None:
        """Refuse weights that were trained beside another encoder than this computer has.

        Raises
        ------
        CheckpointError
            Of a shared model that does not include its encoder: the hashes differ.
        """
        encoder = self.shared.encoder if self.shared is not None else None
        if encoder is None or encoder.is_included or encoder.sha256 is None:
            return
        found = weights_sha256(model.encoder.trunk)
        if found != encoder.sha256:
            raise CheckpointError(
                f"the weights of {encoder.name} on this computer have the hash {found[:12]}…, and {self.folder} was "
                f"trained with {encoder.sha256[:12]}…",
                f"{encoder.file or 'the same weight file'}{f', from {encoder.page}' if encoder.page else ''}",
                "get that file from its publisher again",
            )


def open_trained_model(folder: Path) -> TrainedModel:
    """The run or the shared model in this folder.

    Raises
    ------
    CheckpointError
        It is neither, or is damaged.
    """
    if is_shared_model(folder):
        shared, config = read_shared_model(folder)
        return TrainedModel(folder, config, shared.classes, folder / WEIGHTS_NAME, shared.state, shared)
    config, classes, _ = read_run(folder)
    checkpoint: Checkpoint = open_checkpoint(folder, "best")
    return TrainedModel(folder, config, classes, checkpoint.path / "model.safetensors", checkpoint.state)


def check_header(model: UniSemAlign, path: Path) -> None:
    """Refuse a weight file whose tensors are not those of the network, before any of them is read.

    Raises
    ------
    CheckpointError
        A name, shape or type differs, or the file is damaged.
    """
    expected = {name: (tuple(t.shape), _TYPES.get(str(t.dtype))) for name, t in saved_tensors(model).items()}
    try:
        with safe_open(path, "pt") as file:
            names = list(file.keys())
            slices = [file.get_slice(name) for name in names]
            given = {n: (tuple(s.get_shape()), s.get_dtype()) for n, s in zip(names, slices, strict=True)}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path} is missing or damaged", "a complete weight file", "copy the folder again as a whole"
        ) from error
    wrong = sorted(name for name in expected.keys() | given.keys() if expected.get(name) != given.get(name))
    if wrong:
        raise CheckpointError(
            f"{path} does not fit its own settings: {len(wrong)} tensors differ, first {wrong[0]}",
            "weights of the network that the folder's config.json describes",
            "copy the folder again as a whole, or ask its maker to share the run again",
        )
