"""backups/project.TIME.json: the index as it was before later changes, the last ten, at most one in ten minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from training_core.base.safe_paths import within
from training_core.project.migration import BACKUPS_FOLDER

KEPT = 10
EVERY = timedelta(minutes=10)
_FORM = "%Y%m%d-%H%M%S"
_GLOB = "project.[0-9]*.json"


def index_backups(project: Path) -> tuple[Path, ...]:
    """The backups, oldest first."""
    return tuple(sorted((project / BACKUPS_FOLDER).glob(_GLOB)))


def due_backup(project: Path) -> Path | None:
    """Where the index as it is now should be kept before it changes; None: one was kept a short while ago."""
    now, known = datetime.now(UTC), index_backups(project)
    if known and abs(now - _moment(known[-1])) < EVERY:  # clocks jump: one from the future does not count for ever
        return None
    path = within(project, BACKUPS_FOLDER, f"project.{now.strftime(_FORM)}.json")
    return None if path.exists() else path


def forget_old_backups(project: Path) -> None:
    """Keep the newest; one that cannot be removed stays."""
    for path in index_backups(project)[:-KEPT]:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return


def _moment(path: Path) -> datetime:
    try:
        return datetime.strptime(path.name.split(".")[1], _FORM).replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
