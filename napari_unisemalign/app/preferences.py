"""What the user has switched for all projects, kept in the user's own folder. Without Qt."""

from __future__ import annotations

import json
from typing import Any

from napari_unisemalign.app.user_folders import preferences_file
from training_core.base.bounded import read_json
from training_core.base.errors import UserError
from training_core.io import atomic_write

LIVE_PREVIEW = "live_preview"
SLIDE = "slide"
"""The slide around the tile."""
SECONDS_PER_MPX = "seconds_per_mpx"
"""What a million pixels took after the last step of the latest training on this machine."""


def is_on(name: str) -> bool:
    """Whether this is switched on, as everything is at first."""
    return _read().get(name) is not False


def switch(name: str, on: bool) -> None:
    """Remember it for the next window. Where that cannot be written, it holds for this window."""
    _keep(name, on)


def number(name: str) -> float | None:
    """A positive number that was kept; None where none was."""
    kept = _read().get(name)
    if not isinstance(kept, int | float) or isinstance(kept, bool):
        return None
    return float(kept) if 0 < kept < float("inf") else None


def keep_number(name: str, value: float) -> None:
    """Keep a number for the next window."""
    _keep(name, value)


def _keep(name: str, value: float) -> None:
    try:
        preferences_file().parent.mkdir(parents=True, exist_ok=True)
        atomic_write(preferences_file(), json.dumps({**_read(), name: value}, indent=1).encode())
    except (OSError, UserError):
        pass


def _read() -> dict[str, Any]:
    try:
        kept = read_json(preferences_file())
    except (OSError, ValueError):
        return {}  # the first time, or somebody has edited it
    return kept if isinstance(kept, dict) else {}
