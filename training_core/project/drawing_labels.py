"""Areas drawn in other programs become labels, and what is labelled already stays as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds
from training_core.base.errors import ProjectError
from training_core.io.outlines import inside_at
from training_core.project.accepted import partly_after, stage_accepted
from training_core.project.class_changes import with_class_added
from training_core.project.drawings import Drawings, TileDrawing
from training_core.project.label_versions import stage_changed_label
from training_core.project.labels import make_edit, read_label, sound_history
from training_core.project.project import Project
from training_core.project.records import LabelSource, Tile, TissueClass
from training_core.project.store import Transaction


@dataclass(frozen=True)
class ImportedDrawings:
    """What became of them, in pixels by tile.

    Attributes
    ----------
    labelled
        What is labelled now and was not, or was otherwise.
    kept
        What was labelled otherwise before and stays so.
    overlapping
        What lies in areas of different classes: the smaller area counts.
    """

    labelled: Mapping[str, int]
    kept: Mapping[str, int]
    overlapping: Mapping[str, int]


def import_drawings(
    project: Project, drawings: Drawings, rest: int | None, *, replace: bool = False
) -> ImportedDrawings:
    """Write the labels, of all tiles or of none; what is labelled already stays, unless it is to be replaced.

    Parameters
    ----------
    rest
        The class of what no area covers within a completely annotated one.
    replace
        Whether areas count where something else is labelled already.

    Raises
    ------
    MaskError
        A label is damaged.
    StorageError
        The disk is full or not writable; nothing has changed.
    """
    labelled: dict[str, int] = {}
    kept: dict[str, int] = {}
    overlapping: dict[str, int] = {}
    with project.changing() as change:
        for each in drawings.new_classes:
            change.index = with_class_added(change.index, each.name, each.color, each.prompt)
        _check_ids(change.index.classes, drawings)
        for drawing in drawings.tiles.values():
            tile = drawing.tile
            drawn, touched, twice = _drawn(drawing, rest)
            before = read_label(project.path, tile)
            takes = touched if replace else touched & (before == UNLABELED)
            after = np.where(takes, drawn, before).astype(np.uint8)
            others = int(np.count_nonzero(touched & (after != drawn)))
            changed = int(np.count_nonzero(after != before))
            if others:
                kept[tile.name] = others
            if twice:
                overlapping[tile.name] = twice
            if changed:
                labelled[tile.name] = changed
                _stage(change, project.path, tile, after)
    return ImportedDrawings(labelled, kept, overlapping)


def _check_ids(classes: Sequence[TissueClass], drawings: Drawings) -> None:
    """Somebody else may have changed the classes since the files were looked at."""
    known = {each.id for each in classes} | {UNLABELED}
    wanted = {class_id for each in drawings.tiles.values() for class_id, _ in each.areas}
    if not wanted <= known or not set(drawings.new_classes) <= set(classes):
        given = "the classes of the project have changed meanwhile"
        raise ProjectError(given, "classes that stay as they are during an import", "import the files again")


def _stage(change: Transaction, project: Path, tile: Tile, label: ClassIds) -> None:
    before, _ = sound_history(change.files, project, tile.name)
    edits = (*before, make_edit(label, LabelSource.IMPORTED, None, None))
    stage_accepted(change.files, project, tile, label, LabelSource.IMPORTED)
    status = stage_changed_label(change.files, project, tile.name, label, edits)
    index = change.index
    partly = partly_after(index, tile, status, LabelSource.IMPORTED, None, None)
    change.index = dataclasses.replace(index, labels={**index.labels, tile.name: status}, partly_accepted=partly)


def _drawn(drawing: TileDrawing, rest: int | None) -> tuple[ClassIds, BoolMask, int]:
    """Class ids (H, W), where anything is drawn, and how many pixels areas of different classes share."""
    width, height = drawing.tile.width_px, drawing.tile.height_px
    ids = np.full((height, width), UNLABELED, np.uint8)
    touched = np.zeros((height, width), np.bool_)
    by_area = np.zeros((height, width), np.bool_)
    shared = np.zeros((height, width), np.bool_)
    for area in drawing.complete:
        rows, columns, where = inside_at(area, width, height)
        ids[rows, columns][where] = rest if rest is not None else UNLABELED
        touched[rows, columns] |= where
    for class_id, area in sorted(drawing.areas, key=lambda each: -each.area.area):  # the smaller one lies on top
        rows, columns, where = inside_at(area, width, height)
        shared[rows, columns] |= where & by_area[rows, columns] & (ids[rows, columns] != class_id)
        ids[rows, columns][where] = class_id
        by_area[rows, columns] |= where
    return ids, touched | by_area, int(shared.sum())
