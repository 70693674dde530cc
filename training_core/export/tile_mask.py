"""A tile with what is exported of it, which is all that a format needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import ClassIds
from training_core.export.content import Content
from training_core.project import Project, Tile

CLASS_IDS = np.arange(256, dtype=np.uint8)
"""Masks hold the class ids themselves."""


@dataclass(frozen=True)
class TileMask:
    """A tile with what is exported of it.

    Attributes
    ----------
    ids
        Class ids (H, W), 255 where there is nothing.
    content
        What they are.
    value_of
        What masks hold for each class id, and at 255 for nothing.
    """

    project: Project
    tile: Tile
    ids: ClassIds
    content: Content
    value_of: NDArray[np.uint8] = field(default_factory=lambda: CLASS_IDS)

    @property
    def values(self) -> NDArray[np.uint8]:
        """What a mask holds (H, W)."""
        values: NDArray[np.uint8] = self.value_of[self.ids]
        return values

    def colours(self) -> NDArray[np.uint8]:
        """The colour (256, 3) of each value, black for no class."""
        colours = np.zeros((256, 3), np.uint8)
        for each in self.project.classes:
            colours[self.value_of[each.id]] = [*bytes.fromhex(each.color[1:])]
        return colours
