"""What an export takes of a project: the class ids of each tile, and the folder that they may be written to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.base.errors import ProjectError
from training_core.class_maps.clean_up import CleanUp, clean_up
from training_core.io import read_mask
from training_core.project import Project, TilePrediction
from training_core.project.classes import background_ids, without_removed
from training_core.project.labels import size_error
from training_core.project.own_folders import OWN_FOLDERS
from training_core.project.runs import predicting_runs

Content = Literal["labels", "predictions", "merged"]
CONTENTS: tuple[Content, ...] = get_args(Content)


def without_mask(project: Project, content: Content) -> tuple[str, ...]:
    """The tiles that an export of this content leaves out: it has nothing of them to write."""
    predicted, rejected = predicting_runs(project.path), project.index.rejected

    def has_mask(name: str) -> bool:
        if content == "predictions":
            return name in predicted
        if content == "merged" and name in predicted and name not in rejected.get(predicted[name], ()):
            return True
        return project.has_label(name)

    return tuple(tile.name for tile in project.tiles if not has_mask(tile.name))


def tile_mask(
    project: Project, name: str, content: Content, cleaning: CleanUp, removed: Counter[str] | None = None
) -> ClassIds | None:
    """Class ids (H, W) of a tile as they are exported, 255 where there is nothing; None: the tile has none of it.

    Parameters
    ----------
    removed
        As in `export_masks`.

    Raises
    ------
    MaskError
        The label or the prediction is damaged.
    """
    if content == "labels":
        return project.label(name) if project.has_label(name) else None
    prediction = project.prediction(name)
    if content == "predictions":
        return None if prediction is None else _read_prediction(project, name, prediction, cleaning, removed)
    if prediction is None or project.is_rejected(name, prediction.run_id):
        return project.label(name) if project.has_label(name) else None
    label = project.label(name)
    guessed = _read_prediction(project, name, prediction, cleaning, removed)
    guessed[project.rejection(name).of_run(prediction.run_id)] = UNLABELED
    merged: ClassIds = np.where(label == UNLABELED, guessed, label)
    return merged


def _read_prediction(
    project: Project, name: str, prediction: TilePrediction, cleaning: CleanUp, removed: Counter[str] | None
) -> ClassIds:
    mask, tile = read_mask(prediction.prediction), project.tile(name)
    if mask.shape != (tile.height_px, tile.width_px):
        raise size_error(str(prediction.prediction), mask, tile)
    cleaned = clean_up(mask, cleaning, background_ids(project.classes))
    current = without_removed(cleaned, project.classes)
    lost = int(np.count_nonzero(current != cleaned))
    if removed is not None and lost:
        removed[name] = lost
    return current


def check_choice(what: str, given: str, allowed: Sequence[str]) -> None:
    """Refuse what is none of a list.

    Raises
    ------
    ProjectError
        Names what there is.
    """
    if given not in allowed:
        raise ProjectError(
            f"the {what} of the export is {given}", f"one of {', '.join(allowed)}", "choose one of these"
        )


def check_export_folder(project: Project, out: Path) -> None:
    """An export replaces files of the tiles' names; in labels/ that would be the user's work."""
    home, target = project.path.resolve(), out.resolve()
    if out.exists() and not out.is_dir():
        raise ProjectError(f"{out} is a file", "an output folder", "choose another name")
    if target == home or any(target.is_relative_to(home / own) for own in OWN_FOLDERS):
        raise ProjectError(f"{out} contains the project's own files", "another folder", f"{project.path / 'export'}")


def nothing_to_export(project: Project, content: Content) -> ProjectError:
    """The error for a project that has nothing of this content."""
    if content == "labels":
        return ProjectError("no tile is annotated", "an annotated tile", "paint on a tile or accept a prediction first")
    given = "the project has no finished run" if project.latest_run_id() is None else "no tile has a prediction"
    return ProjectError(given, "a tile with a prediction", "train first, or export the annotations")
