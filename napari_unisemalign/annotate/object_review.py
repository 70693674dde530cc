"""Review object by object: the least certain one first, over the tile and then the next tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from napari_unisemalign.annotate.object_contracts import ObjectsSurface
from napari_unisemalign.annotate.object_edits import ObjectEdits
from napari_unisemalign.annotate.object_map import TileObject
from napari_unisemalign.annotate.object_split import ObjectSplit
from napari_unisemalign.annotate.objects_elsewhere import ObjectsElsewhere
from napari_unisemalign.annotate.selection import ObjectSelection
from napari_unisemalign.app import availability
from napari_unisemalign.app.background import run_while_painting
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.tiles.tiles import TilesController
from training_core.base.i18n import ntr, tr
from training_core.io import read_mask
from training_core.project import UNLABELED
from training_core.project.classes import object_class_ids

Place = tuple[str, tuple[int, int]]
"""A tile and a pixel of it."""


class ObjectReview:
    """What was neither accepted nor rejected nor deleted when the next object comes is skipped, until all are seen."""

    def __init__(
        self,
        context: Context,
        view: ObjectsSurface,
        selection: ObjectSelection,
        edits: ObjectEdits,
        split: ObjectSplit,
        labels: LabelsController,
        tiles: TilesController,
    ) -> None:
        self._session, self._layers, self._notes = context.session, context.layers, context.notes
        self.reporter, self._view, self._labels, self._tiles = context.reporter, view, labels, tiles
        self._selection, self._edits, self._split = selection, edits, split
        self._skipped: set[Place] = set()
        self._shown: Place | None = None
        """The object that the review shows."""
        self._left_here = 0
        self._elsewhere = ObjectsElsewhere(context, labels)
        self._elsewhere.changed.connect(self._say_how_many)
        view.next_clicked.connect(self.show_next)
        view.accept_clicked.connect(self.accept)
        view.reject_clicked.connect(self.reject)
        context.session.project_changed.connect(lambda _project: self._end())
        selection.changed.connect(self._refresh)
        split.changed.connect(self._refresh)
        for signal in (context.session.overlays_changed, context.session.tile_changed):
            signal.connect(self._refresh)
        self._refresh()

    @guarded
    def accept(self) -> None:
        """Accept the selected objects, and go on with the review, if one is under way."""
        self._decide(self._edits.accept)

    @guarded
    def reject(self) -> None:
        """Reject the selected objects, and go on with the review, if one is under way."""
        self._decide(self._edits.reject)

    @guarded
    def show_next(self) -> None:
        """Begin the review, or skip the object that it shows."""
        if self._shown is not None and self._shown in self._places(self._left()):
            self._skipped.add(self._shown)
        self._selection.point(True)
        self._show_next()

    def why_not(self) -> str:
        """Why there is nothing to review; empty when there may be."""
        session = self._session
        reason = availability.why_not_select_object(session) or availability.why_not_change(session)
        if reason or (session.project is not None and session.project.latest_run_id() is not None):
            return reason
        return availability.why_no_overlays(session)

    def _decide(self, act: Callable[[], bool]) -> None:
        decided = self._places(self._selection.chosen)
        if act():
            self._skipped.difference_update(decided)
            if self._shown is not None:
                self._show_next()

    def _places(self, objects: Sequence[TileObject]) -> set[Place]:
        tile = self._session.tile
        return set() if tile is None else {(tile, each.place) for each in objects}

    def _show_next(self) -> None:
        left = self._left()
        others = self._others()
        while not left:
            if self._session.tile is not None:
                self._elsewhere.reviewed(self._session.tile)
            name = next(others, None)
            if name is None:
                self._say_done()
                return
            self._shown = None  # the review leaves the tile, and not the user
            self._tiles.show(name)
            if self._session.tile != name:
                return  # it cannot be read, which is said
            left = self._left()
        self._show(left[0], len(left))

    def _show(self, one: TileObject, count: int) -> None:
        assert self._session.tile is not None
        self._shown = self._session.tile, one.place
        self._selection.select([one.place])
        self._layers.look_at(one.box)
        self._left_here = count
        self._say_how_many()
        self._elsewhere.begin(self._other_names())

    def _say_how_many(self) -> None:
        if self._shown is None:
            return
        here = ntr("{count} object left on this tile", "{count} objects left on this tile", self._left_here)
        words, total = here.format(count=f"{self._left_here:,}"), self._elsewhere.total(self._other_names())
        if total is not None:
            on_others = ntr("{count} on {tiles} other tile", "{count} on {tiles} other tiles", total[1])
            others = on_others if total[0] else tr("none on other tiles")
            words = f"{words}, {others.format(count=f'{total[0]:,}', tiles=f'{total[1]:,}')}"
        self._say_left(words)

    def _left(self) -> list[TileObject]:
        """What of the tile on screen is to be reviewed, in this order."""
        now, name = self._selection.refresh(), self._session.tile
        if now is None or name is None:
            return []
        return [each for each in now.to_review() if (name, each.place) not in self._skipped]

    def _others(self) -> Iterator[str]:
        """The tiles after the one on screen, round and round, that have an object to review."""
        for name in self._other_names():
            if not self._elsewhere.is_none_left(name) and self._has_open_object(name):
                yield name

    def _other_names(self) -> list[str]:
        """All listed tiles but the one on screen, from that one on."""
        names, tile = self._session.listed, self._session.tile
        start = names.index(tile) + 1 if tile in names else 0
        return [name for name in (*names[start:], *names[:start]) if name != tile]

    def _has_open_object(self, name: str) -> bool:
        """Whether something is predicted as an object where nothing is annotated."""
        overlays = self._session.overlays(name)
        if overlays is None:
            return False
        predicted = run_while_painting(lambda: read_mask(overlays.prediction))
        label = self._labels.load(name)
        is_open = predicted[label == UNLABELED]
        return bool(np.isin(is_open, object_class_ids(self._session.classes())).any())

    def _say_done(self) -> None:
        skipped = len(self._skipped)
        self._selection.select(())
        self._skipped.clear()
        self._shown = None
        self._elsewhere.end()
        if skipped:
            words = ntr(
                "All objects are reviewed but {count} skipped one, which the next review begins with.",
                "All objects are reviewed but {count} skipped ones, which the next review begins with.",
                skipped,
            ).format(count=f"{skipped:,}")
        else:
            words = tr("No object is left to review.")
        self._say_left(words)

    def _say_left(self, words: str) -> None:
        self._view.set_left(words)
        self._notes.set("object-review", words)

    def _end(self) -> None:
        self._skipped.clear()
        self._shown = None
        self._elsewhere.end()
        self._say_left("")

    def _refresh(self, _change: object = None) -> None:
        selection = self._selection
        is_elsewhere = self._shown is not None and self._shown[0] != self._session.tile
        if not selection.pointing or is_elsewhere:
            self._shown = None
            self._elsewhere.end()
            self._say_left("")
        self._view.set_modes(selecting=selection.pointing, splitting=self._split.drawing)
        self._view.set_available(
            availability.why_not_select_object(self._session),
            self.why_not(),
            selection.why_none(),
            self._split.why_not(),
        )
