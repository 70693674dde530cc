"""What a run writes about itself: what it was made from (provenance.json) and what came of it (summary.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from training_core.base.bounded import parse_json
from training_core.base.errors import CheckpointError
from training_core.base.spec_version import FileFormat
from training_core.project import TissueClass
from training_core.project.prediction_source import NOT_COMPARED, PredictionSource

FORMAT = FileFormat(version=1, error=CheckpointError)
"""Of both files."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def encode(self) -> bytes:
        """The bytes of the file; what is not set is left out."""
        return json.dumps(self.model_dump(mode="json", exclude_unset=True), indent=1).encode()


class ValidationScores(_Record):
    """Scores on the validation tiles, in percent."""

    mDice: float
    mJaccard: float


class RunSummary(_Record):
    """summary.json, which is also what `train --json` prints."""

    spec_version: Literal[1]
    run: str
    """The run folder."""
    reason: Literal["budget", "stopped"]
    steps: int
    seconds: float
    val: ValidationScores | None
    """Without validation tiles null."""
    absent_classes: tuple[str, ...]
    """Classes that no validation tile has."""
    peak_rss_bytes: int | None
    peak_gpu_bytes: int | None
    device: str
    precision: str
    predictions: PredictionSource = NOT_COMPARED
    """Who made the predictions of the tiles; `val` is their score."""


class Machine(_Record):
    """Where the run was made; nothing that names the user or the network."""

    system: str
    processor: str
    cores: int | None


class TrainedProject(_Record):
    """The project that the run belongs to."""

    path: str
    name: str


class TrainedTiles(_Record):
    """The tiles that took part, by name."""

    labeled: tuple[str, ...]
    unlabeled: tuple[str, ...]
    val: tuple[str, ...]


class Change(_Record):
    """A smaller batch, crop or window, since memory ran out.

    Attributes
    ----------
    step
        From which step on.
    """

    step: int
    change: str


class Provenance(_Record):
    """provenance.json: all that a run was made from, besides its settings in config.json."""

    spec_version: Literal[1]
    run_id: str
    started_at: str
    command: tuple[str, ...]
    seed: int
    versions: Mapping[str, str]
    machine: Machine
    project: TrainedProject
    classes: tuple[TissueClass, ...]
    tiles: TrainedTiles
    data_sha256: Mapping[str, str]
    """Of each tile's image file."""
    labels_sha256: str
    """Of all labels together."""
    code_sha256: str | None = None
    """Of the source files of training_core: tells versions apart between two releases."""
    base_weights_sha256: str | None = None
    """Of the encoder's weights, before anything was trained; `network.fingerprint` says of what."""
    started_from: str | None = None
    """The run whose best weights it started with."""
    started_from_weights_sha256: str | None = None
    """Of the weight file of the shared model that it started with."""
    changes: tuple[Change, ...] = ()


def read_provenance(data: bytes, source: Any) -> dict[str, Any]:
    """The content of a provenance.json, which runs of earlier versions may have less of than `Provenance` says.

    Raises
    ------
    CheckpointError
        Of a newer version.
    ValueError
        Damaged.
    """
    content = parse_json(data)
    if not isinstance(content, dict):
        raise ValueError(f"{source} holds no record")
    return FORMAT.up_to_date(content, source)
