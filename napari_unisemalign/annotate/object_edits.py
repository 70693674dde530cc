"""What is done to selected objects: accept, reject, delete and merge them; each is a step of undo."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_unisemalign.annotate.accept import CorrectionController
from napari_unisemalign.annotate.accept_plan import Deed
from napari_unisemalign.annotate.object_contracts import ObjectsSurface
from napari_unisemalign.annotate.object_map import ObjectMap, TileObject, area_in_words, counted
from napari_unisemalign.annotate.selection import ObjectSelection
from napari_unisemalign.annotate.undo import UndoController
from napari_unisemalign.app.background import run_while_painting
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.layer_values import U8, Mask
from napari_unisemalign.app.notify import guarded
from training_core.base.i18n import ntr, tr
from training_core.class_maps.object_edits import gap_between, nearest_object
from training_core.project import UNLABELED
from training_core.project.objects import Groups

MERGE = tr("a merge of objects")
"""What undo calls it."""


class ObjectEdits:
    """Only what is predicted of an object is accepted or rejected; only what is annotated of it is deleted."""

    def __init__(
        self,
        context: Context,
        view: ObjectsSurface,
        selection: ObjectSelection,
        correction: CorrectionController,
        labels: LabelsController,
        undo: UndoController,
    ) -> None:
        self._session, self._layers, self.reporter = context.session, context.layers, context.reporter
        self._selection, self._correction, self._labels, self._undo = selection, correction, labels, undo
        view.merge_clicked.connect(self.merge)
        view.delete_clicked.connect(self.delete)

    def accept(self) -> bool:
        """Make annotations of what is predicted of the selected objects; False where that was not possible."""
        return self._do(
            Deed.ACCEPT, tr("Accepted {objects}, {area}."), tr("Nothing to accept: it is annotated already.")
        )

    def reject(self) -> bool:
        """Put aside what is predicted of the selected objects; False where that was not possible."""
        return self._do(
            Deed.REJECT,
            tr("Rejected {objects}, {area}: the next training ignores what it guesses there."),
            tr("Nothing to reject: it is annotated. Delete it instead."),
        )

    @guarded
    def delete(self) -> None:
        """Leave unannotated what is annotated of the selected objects."""
        now, label = self._now(), self._session.label.ids()
        if now is None or label is None:
            return
        chosen = self._selection.chosen
        target = now.mask(chosen) & (label != UNLABELED)
        if not target.any():
            self._correction.say(tr("Nothing to delete: it is not annotated. Reject it instead."))
            return
        label[target] = UNLABELED
        self.write(label, tr("the deletion of objects"))
        words = tr("Deleted {objects}, {area}: unannotated now.").format(**self._amount(chosen, target))
        if self._selection.chosen:
            words = f"{words} {tr('The prediction shows it still: reject that too if it is wrong.')}"
        self._correction.say(words)

    @guarded
    def merge(self) -> None:
        """Make one object of the selected ones; of a single one and the nearest, once that is selected too."""
        now, label = self._now(), self._session.label.ids()
        if now is None or label is None:
            return
        chosen = self._selection.chosen
        if len(chosen) == 1:
            self._select_nearest(now, chosen[0])
            return
        reason = self._why_not_merge(chosen)
        gap = None if reason else gap_between(now.numbers, [each.number for each in chosen])
        if gap is None:
            self._correction.say(reason or tr("They cannot be merged: another object lies between them."))
            return
        merged = self._merge_numbered(now, chosen)
        class_id = chosen[0].class_id
        replaced = int(np.count_nonzero(gap & (label != UNLABELED) & (label != class_id)))
        label[gap] = class_id
        self.write(label, MERGE, merged)
        between = tr("Merged {objects}: {area} between them belong to it now.")
        words = (between if gap.any() else tr("Merged {objects}.")).format(**self._amount(chosen, gap))
        if replaced:
            words += " " + ntr(
                "{count} annotated pixel of another class was replaced.",
                "{count} annotated pixels of another class were replaced.",
                replaced,
            ).format(count=f"{replaced:,}")
        self._correction.say(words)

    def write(self, label: U8, what: str, merged: tuple[Groups, Groups] | None = None) -> None:
        """Make this, (H, W), of the annotations, as one step of undo; merged: groups of numbered objects, too."""
        with self._undo.named(what, merged):
            self._session.label.replace(label)
        self._labels.save_strokes()
        self._selection.refresh()

    def _do(self, deed: Deed, done: str, nothing: str) -> bool:
        now, label = self._now(), self._session.label.ids()
        if now is None or label is None:
            return False
        chosen = self._selection.chosen
        target = now.mask(chosen) & (label == UNLABELED)
        if not target.any():
            self._correction.say(nothing)
            return False
        if not self._correction.act(deed, target):
            return False
        self._selection.refresh()
        self._correction.say(done.format(**self._amount(chosen, target)))
        return True

    def _now(self) -> ObjectMap | None:
        """The objects as they are; None where none is selected, which is said."""
        now = self._selection.refresh()
        reason = self._selection.why_none()
        if reason:
            self._correction.say(reason)
        return None if reason else now

    def _amount(self, chosen: Sequence[TileObject], pixels: Mask) -> dict[str, str]:
        return {
            "objects": counted(chosen, self._session.classes()),
            "area": area_in_words(int(np.count_nonzero(pixels)), self._layers.mpp_um),
        }

    def _why_not_merge(self, chosen: Sequence[TileObject]) -> str:
        if len({each.class_id for each in chosen}) > 1:
            return tr("Objects of one class can be merged; these are of several.")
        return ""

    def _merge_numbered(self, now: ObjectMap, chosen: Sequence[TileObject]) -> tuple[Groups, Groups] | None:
        """Have those count as one that a mask has numbered: all groups of the tile before and after; None: none has."""
        project, name = self._session.project, self._session.tile
        known = None if name is None else self._selection.known_objects(name)
        numbers = set() if known is None else set(np.unique(known.numbers[now.mask(chosen)]).tolist())
        if project is None or name is None or not numbers - {0}:
            return None
        return run_while_painting(lambda: project.merge_objects(name, numbers))

    def _select_nearest(self, now: ObjectMap, one: TileObject) -> None:
        rivals = [each.number for each in now.objects.values() if each.class_id == one.class_id]
        number = nearest_object(now.numbers, one.number, rivals)
        if number is None:
            self._correction.say(tr("There is no other object of this class on this tile to merge with."))
            return
        self._selection.select([one.place, now.objects[number].place])
        self._correction.say(tr("The nearest object of its class is selected too. Merge once more to make them one."))
