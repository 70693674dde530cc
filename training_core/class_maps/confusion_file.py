"""RUN/confusion.json: which classes a run's final predictions mistake for which, in all and on each validation tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError, model_validator

from training_core.base.bounded import parse_json, read_file
from training_core.base.errors import CheckpointError
from training_core.base.spec_version import FileFormat
from training_core.class_maps.pixel_scores import Confusion, Counts
from training_core.io import atomic_write
from training_core.project import TissueClass

CONFUSION_NAME = "confusion.json"
FORMAT = FileFormat(version=1, error=CheckpointError)
CountRows = tuple[tuple[NonNegativeInt, ...], ...]
"""Pixels; a row per class of the annotation, a column per predicted class."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CountedClass(_Record):
    """A class as it was when the run started."""

    id: int
    name: str


class TileConfusion(_Record):
    """The counts of one validation tile; pixels without an annotation are in none of them."""

    tile: str
    counts: CountRows


class RunConfusion(_Record):
    """confusion.json. Rows and columns are in the order of `classes`."""

    spec_version: Literal[1] = 1
    classes: tuple[CountedClass, ...]
    counts: CountRows
    """The sum over `tiles`."""
    tiles: tuple[TileConfusion, ...]
    not_predicted: tuple[str, ...] = ()
    """Validation tiles that the run has no final prediction of, and that are in none of the counts."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        size = len(self.classes)
        for rows in (self.counts, *(each.counts for each in self.tiles)):
            if len(rows) != size or any(len(row) != size for row in rows):
                raise ValueError(f"counts are not {size} x {size}")
        if pooled([each.counts for each in self.tiles], size).tolist() != [list(row) for row in self.counts]:
            raise ValueError("counts are not the sum over the tiles")
        return self


def pooled(counts: Sequence[CountRows], n_classes: int) -> Counts:
    """The sum of matrices (C, C); zeros where there is none."""
    total = np.zeros((n_classes, n_classes), np.int64)
    for each in counts:
        total += np.array(each, np.int64).reshape(total.shape)
    return total


def run_confusion(
    classes: Sequence[TissueClass], tiles: Mapping[str, Confusion], not_predicted: Sequence[str]
) -> RunConfusion:
    """The record of a run.

    Parameters
    ----------
    tiles
        What was counted on each validation tile, by its name.
    """
    counted = tuple(TileConfusion(tile=name, counts=_rows(each.counts)) for name, each in tiles.items())
    return RunConfusion(
        classes=tuple(CountedClass(id=each.id, name=each.name) for each in classes),
        counts=_rows(pooled([each.counts for each in counted], len(classes))),
        tiles=counted,
        not_predicted=tuple(not_predicted),
    )


def write_confusion(run_dir: Path, record: RunConfusion) -> None:
    """Write the file.

    Raises
    ------
    StorageError
        The disk is full, read-only or not writable.
    """
    atomic_write(run_dir / CONFUSION_NAME, record.model_dump_json().encode())


def read_confusion(run_dir: Path) -> RunConfusion | None:
    """What a run has written; None where it has no such file.

    Raises
    ------
    CheckpointError
        The file is damaged, or of a newer version.
    """
    path = run_dir / CONFUSION_NAME
    try:
        data = read_file(path)
    except FileNotFoundError:
        return None
    except OSError as cause:
        raise _unreadable(path) from cause
    try:
        content = parse_json(data)
        if not isinstance(content, dict):
            raise _unreadable(path)
        return RunConfusion.model_validate(FORMAT.up_to_date(content, path))
    except (ValueError, ValidationError) as cause:
        raise _unreadable(path) from cause


def _unreadable(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} is damaged or cannot be read",
        "the confusion matrix that a training writes",
        "restore the file from a backup, or train another round; predictions and weights are not affected",
    )


def _rows(counts: Counts) -> CountRows:
    return tuple(tuple(int(count) for count in row) for row in counts)
