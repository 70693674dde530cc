"""Label files: labels/NAME.png (uint8 class ids, 255 = not labelled) and labels/NAME.json (who changed it, and how)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from training_core.base.arrays import UNLABELED, ClassIds, value_counts
from training_core.base.bounded import read_file, what_to_try
from training_core.base.errors import MaskError, ProjectError
from training_core.base.safe_paths import within
from training_core.base.spec_version import FileFormat
from training_core.io import encode_png, read_mask
from training_core.io.atomic import StagedFiles
from training_core.project.journal import JournaledFiles
from training_core.project.records import LabelEdit, LabelSource, LabelStatus, Tile

LABELS_FOLDER = "labels"
REMOVED_FOLDER = "removed"
"""What was put aside: annotations of tiles that were removed, and files that could not be read."""


@dataclass(frozen=True)
class LabelHistory:
    """The content of labels/NAME.json: the edits of a label, oldest first."""

    edits: tuple[LabelEdit, ...]
    spec_version: Literal[1] = 1
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)


_history = TypeAdapter(LabelHistory)
_FORMAT = FileFormat(version=1, error=ProjectError)


class DamagedHistoryError(ProjectError):
    """A label's history that is no history; the label itself may be whole."""


def label_path(project: Path, name: str) -> Path:
    """Where the label of a tile lies."""
    return within(project, LABELS_FOLDER, f"{name}.png")


def history_path(project: Path, name: str) -> Path:
    """Where the edits of a tile's label lie."""
    return within(project, LABELS_FOLDER, f"{name}.json")


def empty_label(tile: Tile) -> ClassIds:
    """A label (H, W) in which nothing is labelled."""
    return np.full((tile.height_px, tile.width_px), UNLABELED, dtype=np.uint8)


def read_label(project: Path, tile: Tile) -> ClassIds:
    """The tile's label (H, W), all 255 where there is none.

    Raises
    ------
    MaskError
        The file is damaged or has another size than the tile.
    """
    path = label_path(project, tile.name)
    if not path.exists():
        return empty_label(tile)
    label = read_mask(path)
    if label.shape != (tile.height_px, tile.width_px):
        raise size_error(path.name, label, tile)
    return label


def as_label(tile: Tile, label: NDArray[Any]) -> ClassIds:
    """The label as uint8, if it has the tile's size and holds what may be class ids and 255.

    Raises
    ------
    MaskError
        Another size, another type, or numbers that no class can have.
    """
    if label.ndim != 2 or label.shape != (tile.height_px, tile.width_px):
        raise size_error(f"the label of {tile.name}", label, tile)
    if label.dtype.kind not in "iu":
        given = f"the label of {tile.name} has {label.dtype} values"
        raise MaskError(given, "whole numbers", "convert it to class ids")
    if label.dtype != np.uint8 and label.size and (label.min() < 0 or label.max() > UNLABELED):
        given = f"the label of {tile.name} has values from {label.min()} to {label.max()}"
        raise MaskError(given, f"class ids, or {UNLABELED} for unannotated", "convert it to class ids")
    return label.astype(np.uint8)


def check_values(tile: Tile, label: ClassIds, class_ids: Collection[int]) -> None:
    """Refuse a label (H, W) with values that are neither of these classes nor 255.

    Raises
    ------
    MaskError
        Names the value and says how many pixels have it.
    """
    for value, count in value_counts(label).items():
        if value not in class_ids and value != UNLABELED:
            given = f"the label of {tile.name} has the value {value} ({count:,} px), which no class has"
            ids = ", ".join(str(class_id) for class_id in sorted(class_ids))
            raise MaskError(
                given, f"class ids ({ids}), or {UNLABELED} for unannotated", "add the class, or paint over these pixels"
            )


def size_error(what: str, label: NDArray[Any], tile: Tile) -> MaskError:
    """The error for a mask or label of another size than its image."""
    width_px, height_px = label.shape[1::-1]
    return other_size(what, (width_px, height_px), (tile.width_px, tile.height_px))


def other_size(what: str, size: tuple[int, int], needed: tuple[int, int]) -> MaskError:
    """The error for a mask of another size than its image; both as width and height."""
    hint = "export the mask again at the image's full resolution"
    if size == needed[::-1]:
        hint = "turn or transpose one of the two, or export the mask again from the image as it is"
    given = f"{what} is {size[0]} x {size[1]} px"
    return MaskError(given, f"the size of its image, {needed[0]} x {needed[1]} px", hint)


def read_history(project: Path, name: str) -> tuple[LabelEdit, ...]:
    """The edits of a tile's label, oldest first.

    Raises
    ------
    ProjectError
        The file cannot be read, or is of a newer version; a `DamagedHistoryError` where it is damaged.
    """
    path = history_path(project, name)
    try:
        data = read_file(path)
        _FORMAT.refuse_newer(data, path)
        return _history.validate_json(data).edits
    except FileNotFoundError:
        return ()
    except OSError as cause:
        given = f"{path} cannot be read ({cause.strerror or cause})"
        raise ProjectError(given, "a file that can be read", what_to_try(cause)) from cause
    except ValidationError as cause:
        given = f"{path} is damaged"
        hint = "move that file away: the label itself is kept, only its history starts again"
        raise DamagedHistoryError(given, "a label history written by napari-unisemalign", hint) from cause


def sound_history(files: JournaledFiles, project: Path, name: str) -> tuple[tuple[LabelEdit, ...], Path | None]:
    """The edits of a label that is about to be written; a damaged history is put aside, and starts again.

    Returns
    -------
    edits, put_aside
        Where the damaged history will be; None: it is sound.

    Raises
    ------
    ProjectError
        It cannot be read, or is of a newer version: then nobody may write it.
    """
    try:
        return read_history(project, name), None
    except DamagedHistoryError:
        path = history_path(project, name)
        place = damaged_path(project, REMOVED_FOLDER, path.name)
        files.put_aside(path, place)
        return (), place


def damaged_path(project: Path, folder: str, name: str, reason: str = "damaged") -> Path:
    """A place in a folder of the project for a file that is put aside, such as a damaged one; no other has its name."""
    return within(project, folder, f"{reason}-{datetime.now(UTC).strftime('%Y%m%d-%H%M%S-%f')}-{name}")


def now() -> str:
    """The time as the project's files record it, UTC in ISO form."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def make_edit(
    label: ClassIds, source: LabelSource, run_id: str | None, region: Any, accepted: bool | None = None
) -> LabelEdit:
    """The record of a change that led to this label."""
    return LabelEdit(source, now(), int(np.count_nonzero(label != UNLABELED)), run_id, region, accepted)


def summarize(label: ClassIds, edits: tuple[LabelEdit, ...]) -> LabelStatus:
    """What the index keeps about a label with these edits."""
    accepted = False
    for edit in edits:
        was = accepted if edit.accepted is None else edit.accepted
        accepted = edit.labeled_pixels > 0 and (was or edit.source.is_accepted)
    counts = value_counts(label)
    counts.pop(UNLABELED, None)
    source = edits[-1].source if edits else LabelSource.IMPORTED
    return LabelStatus(sum(counts.values()), source, len(edits), accepted, tuple(counts))


def stage_label(
    files: StagedFiles, project: Path, name: str, label: ClassIds, edits: tuple[LabelEdit, ...]
) -> LabelStatus:
    """Add the two files of a label to `files`; what the index should say is returned."""
    files.add(label_path(project, name), encode_png(label))
    files.add(history_path(project, name), encode_history(edits))
    return summarize(label, edits)


def encode_history(edits: tuple[LabelEdit, ...]) -> bytes:
    """The bytes of labels/NAME.json."""
    return _history.dump_json(LabelHistory(edits), indent=1) + b"\n"
