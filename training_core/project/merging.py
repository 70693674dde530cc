"""Two writers of one label: what both did is kept, stroke beside stroke, and where they disagree both versions are.

A writer says what the label was when it was last read or written by that writer. What is otherwise on the disk now,
somebody else did meanwhile: another window, or a command in a terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from training_core.base.arrays import ClassIds
from training_core.base.safe_paths import within
from training_core.io import encode_png
from training_core.io.atomic import StagedFiles

CONFLICTS_FOLDER = "conflicts"


@dataclass(frozen=True)
class WrittenLabel:
    """What became of a label that was written.

    Attributes
    ----------
    label
        (H, W) as it is on the disk now.
    others_pixels
        How many pixels somebody else had changed meanwhile.
    disputed_pixels
        How many of them this writer changed too, to something else: they are as this writer says.
    other_version
        The label as somebody else had left it, where pixels are disputed; None: there was no conflict.
    damaged_history
        Where the label's history was put that could not be read; None: it was sound.
    """

    label: ClassIds
    others_pixels: int = 0
    disputed_pixels: int = 0
    other_version: Path | None = None
    damaged_history: Path | None = None


def merged(base: ClassIds, mine: ClassIds, theirs: ClassIds) -> WrittenLabel:
    """One label of two, all (H, W), that both began as `base`; where both changed a pixel it is as `mine` says."""
    changed, others = mine != base, theirs != base
    disputed = changed & others & (mine != theirs)
    label = np.where(changed, mine, theirs)
    return WrittenLabel(label, int(np.count_nonzero(others & (mine != theirs))), int(np.count_nonzero(disputed)))


def stage_other_version(files: StagedFiles, project: Path, name: str, theirs: ClassIds) -> Path:
    """Add the label as somebody else had left it, (H, W), to `files`; returns where it will lie."""
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    path = within(project, CONFLICTS_FOLDER, f"{name}.{moment}.png")
    files.add(path, encode_png(theirs))
    return path
