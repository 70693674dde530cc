"""What processes that died left in a project, told from what a living one is writing at this moment."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from training_core.io.atomic import TEMPORARY_GLOB
from training_core.project.complete_folder import remove_failed_attempts
from training_core.project.journal import temporaries
from training_core.project.runs import DISCARDED_GLOB, RUNS_FOLDER
from training_core.project.scratch import dead_scratch_folders, remove_dead

ADDING = "adding"
"""Stem of the folders in which files are made that are to be added."""
_OLD_S = 600.0
"""A single file that has not got its name by then never will: writing one takes seconds."""


def remove_remnants(project: Path) -> None:
    """Remove folders whose makers died. What a living process holds stays, and what cannot be removed."""
    remove_failed_attempts(project)
    remove_dead(dead_scratch_folders(project, ADDING))
    for folder in (project / RUNS_FOLDER).glob(DISCARDED_GLOB):
        shutil.rmtree(folder, ignore_errors=True)


def old_temporaries(project: Path) -> list[Path]:
    """Temporary files that no journal names and that have not got their names for ten minutes.

    They are of a version without a journal, or of a file that is written alone. Where there are none in the project's
    own folder, the others are not looked through: they may hold many thousands of files.
    """
    at_top = [path for path in project.glob(TEMPORARY_GLOB) if _is_old(path)]
    if not at_top:
        return []
    return [*at_top, *(path for path in temporaries(project) if path.parent != project and _is_old(path))]


def _is_old(path: Path) -> bool:
    try:
        return abs(time.time() - path.stat().st_mtime) > _OLD_S  # clocks jump: one from the future counts too
    except OSError:
        return False
