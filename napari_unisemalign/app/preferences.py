"""What the user has switched for all projects, kept in the user's own folder. Without Qt."""

from __future__ import annotations

import json
from typing import Any

from napari_unisemalign.app.user_folders import preferences_file
from training_core.base.bounded import read_json
from training_core.base.errors import UserError
from training_core.io import atomic_write

LIVE_PREVIEW = "live_preview"


def is_on(name: str) -> bool:
    """Whether this is switched on, as everything is at first."""
    return _read().get(name) is not False


def switch(name: str, on: bool) -> None:
    """Remember it for the next window. Where that cannot be written, it holds for this window."""
    try:
        preferences_file().parent.mkdir(parents=True, exist_ok=True)
        atomic_write(preferences_file(), json.dumps({**_read(), name: on}, indent=1).encode())
    except (OSError, UserError):
        pass


def _read() -> dict[str, Any]:
    try:
        kept = read_json(preferences_file())
    except (OSError, ValueError):
        return {}  # the first time, or somebody has edited it
    return kept if isinstance(kept, dict) else {}
