"""A project as files that other programs train with, and from which `project new` makes it again.

Images are written as the project reads them, so that no question about a file is asked a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training_core.base.arrays import UNLABELED
from training_core.base.attempts import Attempts
from training_core.base.errors import ProjectError
from training_core.base.progress import ReportProgress
from training_core.base.safe_paths import within
from training_core.export.content import check_export_folder
from training_core.export.legend import LEGEND_NAME, legend_bytes
from training_core.export.objects import csv_bytes
from training_core.io import atomic_write, encode_png
from training_core.project import Project
from training_core.project.cases import case_of
from training_core.project.inputs.recognition import is_export
from training_core.project.labels import DamagedHistoryError

IMAGES, MASKS, TABLE = "images", "masks", "tiles.csv"
LABELLED, VALIDATION = "labelled.txt", "validation.txt"
_COLUMNS = [
    "image", "case", "split", "width_px", "height_px", "um_per_px", "on_slide", "slide_x_px", "slide_y_px",
    "slide_px_per_px", "labelled_px", "accepted_px", "annotation", "annotated_at", "accepted_from_run",
]  # fmt: skip


@dataclass(frozen=True)
class TrainingSet:
    """What was written, by the names of tiles.

    Attributes
    ----------
    labelled
        Tiles with a mask that are learned from.
    validation
        Tiles with a mask that are held out.
    unlabelled
        Tiles without a mask.
    has_cases
        Whether the table says which patient or slide tiles belong to.
    """

    labelled: tuple[str, ...]
    validation: tuple[str, ...]
    unlabelled: tuple[str, ...]
    has_cases: bool


def export_training_set(
    project: Project, out: Path, *, attempts: Attempts | None = None, progress: ReportProgress | None = None
) -> TrainingSet:
    """Write OUT/images, OUT/masks, the lists of labelled and of validation tiles, and a table of all tiles.

    The table says how each annotation came about: its last change, when that was, how many pixels were accepted, and
    from which run.

    Parameters
    ----------
    attempts
        Keeps what is wrong with tiles, which are then left out; None: the first damaged one is raised.

    Raises
    ------
    ProjectError
        OUT holds the project's own files, or others that would be replaced.
    ImageError, MaskError
        An image or annotation is damaged.
    StorageError
        The disk is full or not writable.
    """
    check_export_folder(project, out)
    if (out / IMAGES).exists() and not is_export(out / MASKS):
        given = f"{out} has a folder {IMAGES} that is no export and would be changed"
        raise ProjectError(given, "a folder of its own for the training set", f"{out / 'training-set'}")
    attempts = attempts or Attempts(strict=True)
    atomic_write(out / MASKS / LEGEND_NAME, legend_bytes(project.classes, project=project.name, content="labels"))
    held_out, rows = set(project.val_names()), list[tuple[object, ...]]()
    for done, tile in enumerate(project.tiles, start=1):
        with attempts.each(tile.name):
            split = _split(project, tile.name, held_out)
            row = _row(project, tile.name, case_of(tile), split)
            atomic_write(within(out / IMAGES, f"{tile.name}.png"), encode_png(project.image(tile.name), tile.mpp_um))
            if split != "unlabelled":
                atomic_write(within(out / MASKS, f"{tile.name}.png"), encode_png(project.label(tile.name)))
            rows.append(row)
        if progress is not None:
            progress(done, len(project.tiles), tile.name)
    attempts.raise_if_none()
    by_split = {key: tuple(str(row[0]) for row in rows if row[2] == key) for key in ("train", "val", "unlabelled")}
    _write_list(out / LABELLED, by_split["train"])
    _write_list(out / VALIDATION, by_split["val"])
    atomic_write(out / TABLE, csv_bytes(_COLUMNS, rows))
    return TrainingSet(by_split["train"], by_split["val"], by_split["unlabelled"], any(row[1] for row in rows))


def _split(project: Project, name: str, held_out: set[str]) -> str:
    if not project.has_label(name):
        return "unlabelled"
    return "val" if name in held_out else "train"


def _row(project: Project, name: str, case: str | None, split: str) -> tuple[object, ...]:
    tile, place = project.tile(name), project.place(name)
    where = (None,) * 4 if place is None else (place.file, place.x_px, place.y_px, place.scale)
    size = (tile.width_px, tile.height_px, tile.mpp_um)
    if split == "unlabelled":
        return (name, case, split, *size, *where, 0, 0, None, None, None)
    label, accepted = project.label(name), project.accepted(name)
    counts = (
        int(np.count_nonzero(label != UNLABELED)),
        int(np.count_nonzero((label == accepted) & (label != UNLABELED))),
    )
    try:
        edits = project.label_edits(name)
    except DamagedHistoryError:  # the annotation itself is whole
        return (name, case, split, *size, *where, *counts, "damaged history", None, None)
    last = edits[-1] if edits else None
    runs = [each.run_id for each in edits if each.source.is_accepted and each.run_id is not None]
    history = (
        None if last is None else str(last.source),
        None if last is None else last.at,
        runs[-1] if runs and counts[1] else None,
    )
    return (name, case, split, *size, *where, *counts, *history)


def _write_list(path: Path, names: tuple[str, ...]) -> None:
    atomic_write(path, "".join(f"{name}\n" for name in names).encode())
