"""How many objects are left to review on the tiles that are not on the screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from psygnal import Signal

from napari_unisemalign.annotate.object_map import numbered
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.latest import Latest
from napari_unisemalign.app.layer_values import U8
from napari_unisemalign.app.tile_overlays import Overlays
from training_core.base.errors import UserError
from training_core.export.object_numbers import known_objects
from training_core.io import read_mask
from training_core.project import UNLABELED, Project
from training_core.project.classes import object_class_ids
from training_core.project.rejections import Rejection

_AT_ONCE = 8
"""Tiles that are counted before the window hears of it."""


@dataclass(frozen=True)
class _Tile:
    """What is known of a tile in the window's thread; the rest is read in another."""

    name: str
    overlays: Overlays
    label: U8 | None
    rejection: Rejection | None


class ObjectsElsewhere:
    """Counts in a thread, a few tiles at a time, as long as a review goes on."""

    changed = Signal()
    """More is known."""

    def __init__(self, context: Context, labels: LabelsController) -> None:
        self._session, self._labels = context.session, labels
        self._latest = Latest(context.owner, context.reporter.error)
        self._counts: dict[str, int] = {}
        self._is_counting = False

    def begin(self, names: Iterable[str]) -> None:
        """Count on those of these tiles that are predicted and not counted yet."""
        project, session = self._session.project, self._session
        if project is None or self._is_counting:
            return
        tiles: list[_Tile] = []
        for name in names:
            overlays = None if name in self._counts else session.overlays(name)
            if overlays is not None:
                tiles.append(_Tile(name, overlays, self._labels.waiting(name), session.waiting_rejection(name)))
        self._is_counting = True
        self._go_on(project, tiles)

    def end(self) -> None:
        """Forget all counts: the review is over."""
        self._latest.drop()
        self._is_counting = False
        self._counts.clear()

    def reviewed(self, name: str) -> None:
        """On this tile nothing is left but what was skipped."""
        self._counts[name] = 0

    def is_none_left(self, name: str) -> bool:
        """Whether it is known that nothing is left on a tile."""
        return self._counts.get(name) == 0

    def total(self, names: Sequence[str]) -> tuple[int, int] | None:
        """How many objects are left on these tiles, and on how many of them; None where that is not known yet."""
        if self._is_counting:
            return None
        counts = [self._counts.get(name, 0) for name in names]
        return sum(counts), sum(count > 0 for count in counts)

    def _go_on(self, project: Project, tiles: list[_Tile]) -> None:
        if not tiles:
            self._is_counting = False
            self.changed.emit()
            return
        classes, rest = object_class_ids(self._session.classes()), tiles[_AT_ONCE:]

        def done(found: dict[str, int]) -> None:
            self._counts.update({name: count for name, count in found.items() if name not in self._counts})
            self._go_on(project, rest)

        self._latest.ask(lambda: {each.name: _left_on(project, each, classes) for each in tiles[:_AT_ONCE]}, done)


def _left_on(project: Project, tile: _Tile, classes: Sequence[int]) -> int:
    """The predicted objects that are not wholly annotated; none on a tile with a damaged file, which says so itself."""
    try:
        label = project.label(tile.name) if tile.label is None else tile.label
        rejection = project.rejection(tile.name) if tile.rejection is None else tile.rejection
        predicted = read_mask(tile.overlays.prediction)
        _ids, numbers = numbered(predicted, rejection.where, label, classes, known_objects(project, tile.name))
    except UserError:
        return 0
    return int(np.count_nonzero(np.unique(numbers[label == UNLABELED])))
