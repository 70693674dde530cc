"""Tiles with files that cannot be read: they are left out of what is done with all tiles, and named."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from training_core.base.errors import MaskError

if TYPE_CHECKING:
    from training_core.project.project import Project


def damaged_tiles(project: Project, names: Iterable[str]) -> dict[str, str]:
    """Those of these tiles of which a label, a rejection or a record of what was accepted cannot be read, and why."""
    found = {}
    for name in names:
        try:
            if project.has_label(name):
                project.label(name)
            if project.is_accepted(name):
                project.accepted(name)
            if project.rejected_pixels(name):
                project.rejection(name)
        except MaskError as error:
            found[name] = error.given
    return found
