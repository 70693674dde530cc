"""A tile with what is exported of it, which is all that a format needs to know."""

from __future__ import annotations

from dataclasses import dataclass

from training_core.base.arrays import ClassIds
from training_core.export.content import Content
from training_core.project import Project, Tile


@dataclass(frozen=True)
class TileMask:
    """A tile with what is exported of it.

    Attributes
    ----------
    ids
        Class ids (H, W), 255 where there is nothing.
    content
        What they are.
    """

    project: Project
    tile: Tile
    ids: ClassIds
    content: Content
