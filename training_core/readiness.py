"""Is there enough to train on? Asked before anything is written."""

from __future__ import annotations

import numpy as np

from training_core.config import Config
from training_core.errors import ProjectError
from training_core.project import UNLABELED, Project
from training_core.run_folder import Split


def check_ready(project: Project, config: Config) -> Split:
    """The tiles that will take part.

    Raises
    ------
    ProjectError: too few classes, labelled tiles, labelled classes or unlabelled tiles; says what is there.
    """
    missing = set(project.missing_images())
    labeled = tuple(name for name in project.labeled_names() if name not in missing)
    val = tuple(name for name in project.val_names() if name not in missing)
    unlabeled = tuple(name for name in project.unlabeled_names() if name not in missing)
    if len(project.classes) < 2:
        names = ", ".join(c.name for c in project.classes) or "none"
        raise ProjectError(
            f"the project has {len(project.classes)} class ({names})",
            "at least 2 classes, so that there is something to tell apart",
            "add a class, for example one named background",
        )
    least = config.data.min_labeled_tiles
    if len(labeled) < least:
        raise ProjectError(
            f"{len(labeled)} of {len(project.tiles)} tiles are labelled for training"
            + (f" (the {len(val)} validation tiles do not count)" if val else ""),
            f"at least {least} labelled tiles",
            "paint a few strokes of every class on more tiles"
            + (", or train on one with --set data.min_labeled_tiles=1" if labeled else ""),
        )
    painted = sorted({int(c) for name in labeled for c in np.unique(project.label(name))} - {UNLABELED})
    if len(painted) < 2:
        by_id = {c.id: c.name for c in project.classes}
        one = f"all labels are of one class ({by_id[painted[0]]})" if painted else "the label files are empty or gone"
        raise ProjectError(
            one,
            "labels of at least 2 classes, so that there is something to tell apart",
            "paint some of another class too, for example the background between the structures",
        )
    if config.pseudo_label.enabled and not unlabeled:
        raise ProjectError(
            "the project has no unlabelled tile, and semi-supervised training learns from those too",
            "at least 1 tile that is not fully labelled and not for validation",
            "add images, or train on the labelled tiles only (--supervised-only; in the window: Labelled tiles only)",
        )
    return Split(labeled, unlabeled if config.pseudo_label.enabled else (), val)
