"""A shared model: a folder with everything that a trained network predicts with, for those who lack its project.

FOLDER/model.json says what the model is, config.json holds its settings, model.safetensors its weights, README.md is
the model card. Such a folder comes from anybody: sizes, names and hashes are checked before anything is built of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training_core.base.bounded import in_short, read_json
from training_core.base.errors import CheckpointError, ConfigError, UserError
from training_core.base.safe_paths import within
from training_core.base.spec_version import FileFormat
from training_core.class_maps.object_readout import ObjectReadout
from training_core.project import TissueClass
from training_core.project.classes import check_classes
from training_core.project.creation import file_sha256
from training_core.runs.shared_names import CONFIG_NAME, MODEL_NAME, WEIGHTS_NAME
from training_core.settings.schema import Config, resolve

FORMAT = FileFormat(version=1, error=CheckpointError)

_MAX_RECORD_BYTES = 2**20
_LARGEST = {
    "alignment.embedding_dim": 8192,
    "encoder.low_channels": 8192,
    "encoder.high_channels": 8192,
    "encoder.lora_rank": 1024,
    "inference.window_px": 8192,
}
"""What a network may be made of that somebody else describes: far more than makes sense, and built in no time."""
LOCAL_FILES = ("encoder.weights_path", "text.weights_path", "text.tokenizer_path")
"""Settings that name files of one computer; a shared model has none of them."""

_SHA256 = r"^[0-9a-f]{64}$"
_MAX_CHARS = 500


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SharedReadout(_Record):
    """How the network's answer is read; see `prediction.calibration.Readout`."""

    scale: float = Field(1.0, ge=0.01, le=16)
    temperature: float = Field(1.0, ge=0.01, le=100)
    objects: tuple[ObjectReadout, ...] | None = None
    ground: int = Field(0, ge=0, le=254)
    foreground_weight: float = Field(1.0, ge=0.01, le=100)


class SharedEncoder(_Record):
    """The pretrained network that the model begins with."""

    name: str = Field(max_length=_MAX_CHARS)
    licence: str = Field(max_length=_MAX_CHARS)
    """Of its published weights."""
    is_included: bool
    """Whether its weights are in model.safetensors."""
    file: str | None = Field(None, max_length=_MAX_CHARS)
    """The published weight file, as its publisher calls it."""
    page: str | None = Field(None, max_length=_MAX_CHARS)
    """Where that file is published."""
    sha256: str | None = Field(None, pattern=_SHA256)
    """Of its tensors before training; `network.fingerprint` says of what."""


class SharedScores(_Record):
    """What the network scored on the validation tiles, in percent."""

    n_tiles: int
    mdice: float
    mjaccard: float
    dice: Mapping[str, float]
    """By class; classes that no validation tile has are left out."""
    jaccard: Mapping[str, float]
    """By class."""


class SharedOrigin(_Record):
    """What the model was made from; nothing that names a file, a person or a computer."""

    run: str = Field(max_length=_MAX_CHARS)
    """The id of the run: when it began, in UTC."""
    steps: int
    seed: int
    versions: Mapping[str, str]
    code_sha256: str | None = Field(pattern=_SHA256)
    images_sha256: tuple[str, ...]
    """Of the files of all tiles that took part, in the order of the hashes."""
    labels_sha256: str
    n_labelled: int
    n_unlabelled: int
    n_validation: int


class SharedNames(_Record):
    """Names that a model carries only where its maker asked for it."""

    project: str
    labelled: tuple[str, ...]
    unlabelled: tuple[str, ...]
    validation: tuple[str, ...]


class SharedModel(_Record):
    """model.json."""

    spec_version: Literal[1] = 1
    kind: Literal["tissue segmentation"] = "tissue segmentation"
    name: str = Field(max_length=_MAX_CHARS)
    classes: tuple[TissueClass, ...] = Field(min_length=1, max_length=255)
    mpp_um: float | None = Field(None, ge=0.02, le=20)
    """The pixel size that the network works at; None: images are taken as they are."""
    threshold: float = Field(ge=0, le=1)
    readout: SharedReadout
    weights_sha256: str = Field(pattern=_SHA256)
    """Of model.safetensors."""
    encoder: SharedEncoder
    scores: SharedScores | None = None
    origin: SharedOrigin
    names: SharedNames | None = None

    def encode(self) -> bytes:
        """The bytes of the file."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False).encode() + b"\n"

    @property
    def state(self) -> dict[str, Any]:
        """What a checkpoint's state says of prediction."""
        return {"threshold": self.threshold, "readout": self.readout.model_dump(mode="json")}


def read_shared_model(folder: Path) -> tuple[SharedModel, Config]:
    """What a shared model is, and its settings; its weights are those that its maker wrote.

    Raises
    ------
    CheckpointError
        It is damaged or incomplete, a newer version wrote it, or it asks for what no model needs.
    """
    path = within(folder, MODEL_NAME, error=CheckpointError)
    try:
        content = read_json(path, _MAX_RECORD_BYTES)
        model = SharedModel.model_validate_json(json.dumps(FORMAT.up_to_date(content, path)))
        settings = read_json(within(folder, CONFIG_NAME, error=CheckpointError), _MAX_RECORD_BYTES)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _damaged(folder, f"{MODEL_NAME}, {where}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise _damaged(folder, in_short(error)) from error
    config = _settings(settings, folder)
    _check_classes(model, folder)
    if config.data.mpp != model.mpp_um:
        raise _damaged(folder, f"{MODEL_NAME} and {CONFIG_NAME} state different pixel sizes")
    weights = within(folder, WEIGHTS_NAME, error=CheckpointError)
    if not weights.is_file():
        raise _damaged(folder, f"{WEIGHTS_NAME} is missing")
    if file_sha256(weights) != model.weights_sha256:
        raise _damaged(folder, f"{WEIGHTS_NAME} is not the file that {MODEL_NAME} was written for")
    return model, config


def check_settings(config: Config, source: Path) -> None:
    """Refuse settings that a shared model cannot have.

    Raises
    ------
    CheckpointError
        They name local files, or a network of absurd size.
    """
    for key in LOCAL_FILES:
        if _value(config, key) is not None:
            raise _damaged(source, f"its setting {key} names a file of another computer")
    for key, largest in _LARGEST.items():
        value = _value(config, key)
        if isinstance(value, int) and value > largest:
            raise _damaged(source, f"its setting {key} is {value:,}, where at most {largest:,} make sense")


def _settings(values: object, folder: Path) -> Config:
    if not isinstance(values, dict):
        raise _damaged(folder, f"{CONFIG_NAME} holds no settings")
    try:
        config = resolve(values, source=str(folder / CONFIG_NAME))
    except ConfigError as error:
        raise _damaged(folder, error.given) from error
    check_settings(config, folder)
    return config


def _check_classes(model: SharedModel, folder: Path) -> None:
    try:
        check_classes(model.classes)
    except UserError as error:
        raise _damaged(folder, error.given) from error
    indices = [each.class_index for each in model.readout.objects or ()]
    if model.readout.ground >= len(model.classes) or any(not 0 <= i < len(model.classes) for i in indices):
        raise _damaged(folder, f"{MODEL_NAME} reads the objects of a class that is not there")


def _value(config: Config, key: str) -> object:
    section, name = key.split(".")
    return getattr(getattr(config, section), name)


def _damaged(folder: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{folder} is no usable shared model ({reason})",
        "a complete, unchanged folder that was written by sharing a run",
        "copy the folder again as a whole, or ask its maker to share the run again",
    )
