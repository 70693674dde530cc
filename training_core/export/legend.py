"""What the values of a mask mean, written beside every set of masks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from training_core.base.arrays import UNLABELED
from training_core.class_maps.clean_up import CleanUp, CleanUpUm
from training_core.project import TissueClass
from training_core.project.prediction_source import Maker

LEGEND_NAME = "classes.json"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LegendClass(_Entry):
    """A class: its value in the masks, its name and its colour (#rrggbb)."""

    value: int
    name: str
    color: str


class Legend(_Entry):
    """classes.json beside the masks of an export or of `predict`."""

    spec_version: Literal[1]
    project: str | None = None
    """The project's name; of an export only."""
    content: Literal["labels", "predictions", "merged"] | None = None
    """What the masks hold; of an export only."""
    run: str | None = None
    """The run that predicted."""
    predictions_by: Maker | None = None
    """Who made that run's predictions of the tiles, where it was not the network."""
    tiles_of_older_runs: dict[str, int] | None = None
    """How many tiles have their newest prediction from an older run, by that run."""
    clean_up: CleanUp | None = None
    clean_up_um: CleanUpUm | None = None
    """Used in the place of `clean_up` on tiles whose pixel size is known."""
    """What was done to the predictions."""
    not_labelled: int
    """The value of pixels without a class."""
    classes: tuple[LegendClass, ...]


def legend_bytes(
    classes: Sequence[TissueClass], value_of: Sequence[int] | NDArray[np.uint8] = range(256), /, **facts: Any
) -> bytes:
    """JSON with one entry per class: the mask's value, the class's name and its colour; `facts` come first.

    Parameters
    ----------
    value_of
        What masks hold for each class id, and at 255 for nothing.
    """
    entries = tuple(LegendClass(value=int(value_of[c.id]), name=c.name, color=c.color) for c in classes)
    legend = Legend(spec_version=1, **facts, not_labelled=int(value_of[UNLABELED]), classes=entries)
    return json.dumps(legend.model_dump(mode="json", exclude_unset=True), indent=1, ensure_ascii=False).encode()
