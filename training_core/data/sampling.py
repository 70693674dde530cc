"""Which tile a crop comes from, as a pure function of its number: nothing to remember, nothing to restore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")

_CLASS, _HOLDER = 3, 4
"""Streams of chance beside those of training_core/data/batches.py."""


def in_passes(items: Sequence[Item], position: int, seed: Sequence[int]) -> Item:
    """Item number `position` of an endless sequence of shuffled passes over `items`."""
    turn, index = divmod(position, len(items))
    order = np.random.default_rng([*seed, turn]).permutation(len(items))
    return items[int(order[index])]


class ClassBalance:
    """Crops over every labelled class equally often, and for each class over every tile that holds it.

    In any n crops in a row, n the number of labelled classes, beginning at a multiple of n, each class is meant once.

    Parameters
    ----------
    tiles
        The class indices that each labelled tile holds.
    """

    def __init__(self, tiles: Mapping[str, Sequence[int]], seed: int) -> None:
        self._holders: dict[int, list[str]] = {}
        for name, classes in tiles.items():
            for class_index in classes:
                self._holders.setdefault(class_index, []).append(name)
        self._classes = sorted(self._holders)
        self._seed = seed

    def crop(self, number: int) -> tuple[str, int]:
        """The tile and the class index that crop `number` of the run lies over."""
        class_index = in_passes(self._classes, number, [self._seed, _CLASS])
        turn = number // len(self._classes)
        return in_passes(self._holders[class_index], turn, [self._seed, _HOLDER, class_index]), class_index
