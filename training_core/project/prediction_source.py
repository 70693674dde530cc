"""Who made the predictions that a run left of the project's tiles, and how they compared."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from training_core.base.bounded import read_json
from training_core.base.i18n import tr


class Maker(StrEnum):
    """What predicts tiles."""

    NETWORK = "network"
    PREVIOUS_RUN = "previous_run"
    PIXEL_CLASSIFIER = "pixel_classifier"

    @property
    def words(self) -> str:
        """As users read it."""
        if self is Maker.NETWORK:
            return tr("the network")
        return tr("the previous run") if self is Maker.PREVIOUS_RUN else tr("the pixel classifier")


class PredictionSource(BaseModel):
    """Whose predictions of the tiles a run kept.

    Attributes
    ----------
    made_by
        The one with the highest mean Dice; the network where nothing could be compared.
    previous_run
        The run that `previous_run` stands for; None: there was none, or it could not be compared.
    measured_on
        None: nothing could be compared.
    mdice
        Mean Dice in percent of each that was compared, on the same annotations.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_by: Maker
    previous_run: str | None
    measured_on: Literal["validation", "held_out"] | None
    mdice: Mapping[Maker, float]


NOT_COMPARED = PredictionSource(made_by=Maker.NETWORK, previous_run=None, measured_on=None, mdice={})
"""Of a run in which nothing else than the network predicted."""


def read_prediction_source(run_dir: Path) -> PredictionSource:
    """What a finished run's summary says; of a run of an earlier version, or a damaged summary: the network."""
    try:
        summary = read_json(run_dir / "summary.json")
        return PredictionSource.model_validate(summary["predictions"])
    except (OSError, ValueError, LookupError, TypeError, ValidationError):
        return NOT_COMPARED
