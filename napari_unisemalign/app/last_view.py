"""Where the user left each project: tile, page and zoom. Kept in the user's own folder. Without Qt."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from napari_unisemalign.app.user_folders import views_file
from training_core.base.bounded import read_json
from training_core.base.errors import UserError
from training_core.io import passing_write

MOST = 30


@dataclass(frozen=True)
class LastView:
    """What was on screen."""

    tile: str = ""
    place: str = ""
    """The page of the panel."""
    zoom: float = 0.0
    """Pixels of the canvas for one of the tile; 0 where it is not known."""
    center: tuple[float, float] = (0.0, 0.0)
    """(row, column) of the tile in the middle of the canvas."""


def last_view(project: Path) -> LastView:
    """How a project was left; empty where it was never open, or the file cannot be read."""
    stored: Any = _read().get(str(project.absolute()))
    try:
        tile, place = str(stored["tile"]), str(stored["place"])
        row, column = (float(each) for each in stored["center"])
        return LastView(tile, place, float(stored["zoom"]), (row, column))
    except (KeyError, TypeError, ValueError):
        return LastView()  # the first time, or somebody has edited it


def keep_view(project: Path, view: LastView) -> None:
    """Keep how a project is left. Where that is not written, it opens at its first tile: nothing is lost.

    So nothing waits for the disk: this is called in the window's thread while the user pans.
    """
    key, views = str(project.absolute()), _read()
    views.pop(key, None)
    latest = dict(list(views.items())[-(MOST - 1) :])
    try:
        views_file().parent.mkdir(parents=True, exist_ok=True)
        passing_write(views_file(), json.dumps({**latest, key: asdict(view)}, indent=1).encode())
    except (OSError, UserError):
        pass


def _read() -> dict[str, Any]:
    try:
        stored = read_json(views_file())
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}
