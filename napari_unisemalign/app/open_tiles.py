"""What is left to do with the tiles of a project: counted and said in one place, wherever it is shown."""

from __future__ import annotations

from training_core.base.i18n import ntr
from training_core.project import Project


def unpredicted_in_words(project: Project | None) -> str:
    """Such as "1 of 43 tiles has no prediction."; empty for none, and before the first training."""
    count = len(project.unpredicted_names()) if project is not None and project.latest_run_id() is not None else 0
    if project is None or not count:
        return ""
    words = ntr("{count} of {total} tiles has no prediction.", "{count} of {total} tiles have no prediction.", count)
    return words.format(count=count, total=len(project.tiles))


def open_tiles_in_words(project: Project | None) -> str:
    """How many tiles wait for review, and how many have no prediction; empty for nothing."""
    count = len(project.to_review()) if project is not None else 0
    words = ntr("{count} tile waits for review.", "{count} tiles wait for review.", count)
    return " ".join(filter(None, (words.format(count=count) if count else "", unpredicted_in_words(project))))
