"""Which classes of a run are made of objects, and which class lies between those."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training_core.base.arrays import UNLABELED
from training_core.data.tile_pool import TilePool
from training_core.project import TissueClass
from training_core.project.classes import background_ids


def object_classes(
    classes: Sequence[TissueClass], pool: TilePool, annotated: Sequence[str]
) -> tuple[tuple[int, ...], int]:
    """The indices of the classes made of objects, and of the class that lies between them.

    The latter is the one named so (background, rest ...), else the one with the most annotated pixels. Where nobody has
    said whether a class is made of objects, every class but that and those named so counts as one.

    Parameters
    ----------
    classes
        As they are now; one that was removed meanwhile is no object.
    annotated
        The names of the annotated tiles.
    """
    known, background = {each.id: each for each in classes}, background_ids(classes)
    said = {index: known[c].made_of_objects for index, c in enumerate(pool.class_ids) if c in known}
    named = [index for index, c in enumerate(pool.class_ids) if c in background and said.get(index) is not True]
    ground = named[0] if named else _largest(pool, annotated, [index for index in said if not said[index]])
    guessed = (index for index, objects in said.items() if objects is None and index not in (*named, ground))
    return tuple(sorted({*guessed, *(index for index, objects in said.items() if objects)} - {ground})), ground


def _largest(pool: TilePool, annotated: Sequence[str], candidates: Sequence[int]) -> int:
    counts = np.zeros(256, np.int64)
    for name in annotated:
        counts += np.bincount(pool.label(name).ravel(), minlength=256)
    counts[UNLABELED] = 0
    return max(candidates or range(len(pool.class_ids)), key=lambda index: counts[index])
