"""What a project is made of, as plain frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict

from training_core.base.arrays import UNLABELED
from training_core.project.file_records import NO_ANSWERS, FileAnswers, FilePixelSize, PixelSizeSource, Place

MAX_CLASS_ID = UNLABELED - 1

_STRICT = ConfigDict(extra="forbid", strict=True)
_Region = Literal["tile", "region", "component", "sure"]


class LabelSource(StrEnum):
    """Who made a label, and from what."""

    PAINTED = "painted"
    IMPORTED = "imported"
    ACCEPTED_PREDICTION = "accepted_prediction"
    ACCEPTED_PSEUDO_LABEL = "accepted_pseudo_label"
    CORRECTED = "corrected"
    UNDONE = "undone"
    """Undo or redo brought back what the label had been; `LabelEdit.accepted` says whether that was accepted."""
    CLASS_REMOVED = "class_removed"
    """A class was removed from the project; its pixels became another class or not labelled."""

    @property
    def is_accepted(self) -> bool:
        """Whether the label was taken over from a model's output."""
        return self in (LabelSource.ACCEPTED_PREDICTION, LabelSource.ACCEPTED_PSEUDO_LABEL)


class TileState(StrEnum):
    """How far a tile has come, for the tile list."""

    UNLABELED = "unlabelled"
    LABELED = "labelled"
    PREDICTED = "predicted"
    PARTLY_ACCEPTED = "partly accepted"
    ACCEPTED = "accepted"

    @property
    def is_labeled(self) -> bool:
        """Whether at least one pixel has a label."""
        return self in (TileState.LABELED, TileState.PARTLY_ACCEPTED, TileState.ACCEPTED)

    @property
    def is_accepted(self) -> bool:
        """Whether labels were taken over from a prediction, on the whole tile or on some of it."""
        return self in (TileState.PARTLY_ACCEPTED, TileState.ACCEPTED)


@dataclass(frozen=True)
class TissueClass:
    """One class. `id` never changes and is never given to another class; `color` is "#rrggbb".

    Attributes
    ----------
    made_of_objects
        Whether its areas are separate objects to be counted; None: nobody has said.
    """

    id: int
    name: str
    color: str
    prompt: str = ""
    made_of_objects: bool | None = None
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@dataclass(frozen=True)
class Tile:
    """One image of the project.

    Attributes
    ----------
    path
        Relative to the project with forward slashes when copied, absolute when referenced.
    sha256
        Hash of the file's bytes.
    mpp_um
        The pixel size in µm/px that is used, None when unknown.
    path_from_project
        Of referenced images only: the path that finds them when project and images moved together.
    mpp_set_by
        Who says how large its pixels are.
    file_mpp
        What its file states; for a place on a slide the slide's own entry in `Index.files` says it.
    place
        Where it lies on a slide; None: it is a whole file, or nobody knows.
    answers
        How its files are read, where that differs from the project's answers.
    case
        The patient or slide that it belongs to.
    """

    name: str
    path: str
    width_px: int
    height_px: int
    sha256: str
    mpp_um: float | None
    path_from_project: str | None = None
    mpp_set_by: PixelSizeSource = PixelSizeSource.NONE
    file_mpp: FilePixelSize | None = None
    place: Place | None = None
    answers: FileAnswers = NO_ANSWERS
    case: str | None = None
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@dataclass(frozen=True)
class LabelEdit:
    """One change of a tile's label. `at` is ISO time; `labeled_pixels` counts them after the change.

    Attributes
    ----------
    accepted
        Of an undo only: whether the label that it brought back counted as accepted.
    """

    source: LabelSource
    at: str
    labeled_pixels: int
    run_id: str | None = None
    region: _Region | None = None
    accepted: bool | None = None
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@dataclass(frozen=True)
class LabelStatus:
    """What the index says about a tile's label, so that nobody has to open the label to know.

    Attributes
    ----------
    accepted
        Whether a prediction or pseudo-label was accepted since the label was last empty.
    class_ids
        The classes with at least one pixel.
    """

    labeled_pixels: int
    source: LabelSource
    edits: int
    accepted: bool
    class_ids: tuple[int, ...]
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@dataclass(frozen=True)
class TilePrediction:
    """A run's output for one tile: uint8 PNGs of the tile's size, as docs/architecture.md describes."""

    run_id: str
    prediction: Path
    pseudo_label: Path
    confidence: Path


@dataclass(frozen=True)
class Round:
    """One training round. `labeled` holds the labelled tiles and how many edits each had."""

    number: int
    run_id: str
    at: str
    labeled: dict[str, int]
    val: tuple[str, ...]
    spec_version: Literal[1] = 1
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
