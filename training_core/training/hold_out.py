"""What a run holds out of its annotations: drawn when it starts, read again when it is resumed."""

from __future__ import annotations

import numpy as np

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.base.errors import UserError
from training_core.data.held_out import NOTHING, HeldOut, continue_held_out, draw_held_out
from training_core.data.previous_run import PreviousRun
from training_core.project import Project
from training_core.runs.held_out_files import read_held_out
from training_core.runs.run_folder import Split, read_run
from training_core.settings.schema import Config


def held_out_by(project: Project, config: Config, split: Split, before: PreviousRun | None) -> HeldOut:
    """A share of the annotations where there is something to compare and no validation tile; usually the same again.

    What the previous run held out stays so, or the weights that this run starts with would know it by heart.
    """
    if split.val or not config.schedule.quick_start:
        return NOTHING
    labels = {name: _by_hand(project, name) for name in split.labeled}
    return (_as_before(labels, before, config.seed) if before else None) or draw_held_out(labels, config.seed)


def _as_before(labels: dict[str, ClassIds], before: PreviousRun, seed: int) -> HeldOut | None:
    run_dir = before.project.runs_dir / before.run_id
    try:
        earlier = read_held_out(run_dir)
        return continue_held_out(labels, earlier, read_run(run_dir)[2].labeled, seed) if earlier else None
    except UserError:  # of an earlier version, or damaged: a new draw does
        return None


def _by_hand(project: Project, name: str) -> ClassIds:
    """The label without what was accepted: a network's own prediction would judge in its favour."""
    label = project.label(name)
    return np.where(label == project.accepted(name), UNLABELED, label).astype(np.uint8)
