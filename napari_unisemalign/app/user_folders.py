"""Where this program keeps what belongs to the user rather than to a project, by the custom of each system.

Until 0.1.0 both were in `napari-unisemalign` in the home folder. What is there is still used: a sample project stays
where it is, because work may be in it, and the list of recent projects is read from there until it is next written.
"""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path, user_state_path

from training_core.project.index import INDEX_NAME

_NAME = "napari-unisemalign"
_RECENT = "recent.json"


def sample_folder() -> Path:
    """Where the sample project is kept, or will be when it is made."""
    former = _former_folder() / "sample"
    return former if _is_file(former / INDEX_NAME) else user_data_path(_NAME, appauthor=False) / "sample"


def recent_file() -> Path:
    """Where the list of recent projects is written."""
    return user_state_path(_NAME, appauthor=False) / _RECENT


def recent_file_to_read() -> Path:
    """Where the list was written last."""
    former = _former_folder() / _RECENT
    return former if _is_file(former) and not _is_file(recent_file()) else recent_file()


def views_file() -> Path:
    """Where it is kept how projects were left."""
    return user_state_path(_NAME, appauthor=False) / "views.json"


def preferences_file() -> Path:
    """Where is kept what the user has switched for all projects."""
    return user_state_path(_NAME, appauthor=False) / "preferences.json"


def _former_folder() -> Path:
    return Path.home() / _NAME


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be entered
        return False
