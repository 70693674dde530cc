"""backups/project.TIME.json: the index as it was before later changes, the last ten, at most one in ten minutes."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from training_core.base.safe_paths import within
from training_core.project.migration import BACKUPS_FOLDER

KEPT = 10
EVERY = timedelta(minutes=10)
_FORM = "%Y%m%d-%H%M%S"
_NAME = re.compile(r"project\.\d{8}-\d{6,}\.json")


def index_backups(project: Path) -> tuple[Path, ...]:
    """The backups, oldest first; copies that a cloud drive made of them are none."""
    found = (project / BACKUPS_FOLDER).glob("project.*.json")
    return tuple(sorted(path for path in found if _NAME.fullmatch(path.name)))


def due_backup(project: Path) -> Path | None:
    """Where the index as it is now should be kept before it changes; None: one was kept a short while ago."""
    now, known = datetime.now(UTC), index_backups(project)
    if known:
        if abs(now.timestamp() - _written_at(known[-1])) < EVERY.total_seconds():
            return None
        now = max(now, _moment(known[-1]) + timedelta(seconds=1))  # where a clock was set back, the order counts
    path = within(project, BACKUPS_FOLDER, f"project.{now.strftime(_FORM)}.json")
    return None if path.exists() else path


def forget_old_backups(project: Path) -> None:
    """Keep the newest; one that cannot be removed stays."""
    for path in index_backups(project)[:-KEPT]:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return


def _written_at(path: Path) -> float:
    """By the clock as it was then; its name says more where the clock has been set back."""
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()


def _moment(path: Path) -> datetime:
    try:
        return datetime.strptime(path.name.split(".")[1], _FORM).replace(tzinfo=UTC)
    except ValueError:
        return datetime(1, 1, 1, tzinfo=UTC)
