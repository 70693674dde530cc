"""Accept, correct, reject."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_unisemalign.annotate.accept_options import AcceptOptions
from napari_unisemalign.annotate.accept_plan import (
    Deed,
    Plan,
    Scene,
    Where,
    done_in_words,
    in_words,
    plan,
)
from napari_unisemalign.annotate.accept_preview import PreviewController
from napari_unisemalign.annotate.areas import AreaTools
from napari_unisemalign.annotate.overlays import OverlaysController
from napari_unisemalign.annotate.review_contracts import CleanUpSurface, CorrectSurface
from napari_unisemalign.annotate.undo import UndoController
from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.label_saving import Region
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.layer_values import AREA, LABELS, ROLE_KEY, U8, Mask
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.tile_overlays import OverlaySource
from napari_unisemalign.tiles.tiles import TilesController
from training_core.base.i18n import tr
from training_core.project import UNLABELED, LabelSource
from training_core.project.rejections import Rejection

LABEL_SOURCES = {
    OverlaySource.PREDICTION: LabelSource.ACCEPTED_PREDICTION,
    OverlaySource.PSEUDO_LABEL: LabelSource.ACCEPTED_PSEUDO_LABEL,
}


class CorrectionController:
    """What is accepted becomes a label; what is labelled is never overwritten unasked."""

    def __init__(
        self,
        context: Context,
        view: CorrectSurface,
        cleanup: CleanUpSurface,
        labels: LabelsController,
        tiles: TilesController,
        overlays: OverlaysController,
        undo: UndoController,
    ) -> None:
        self._context, self._labels, self._tiles, self._undo = context, labels, tiles, undo
        self._overlays = overlays
        self._session, self._layers, self._drawn = context.session, context.layers, context.drawn
        self.reporter = context.reporter
        self._view = view
        self._preview = PreviewController(context, view, cleanup, overlays, self._ids)
        self._options = AcceptOptions(view, cleanup, overlays)
        self.areas = AreaTools(context, view, self._do, self._preview.show_area, self.say)
        self._said = ""
        self.is_going_on = False
        """The review goes on to the next tile at this moment."""
        session = self._session
        view.accept_next_clicked.connect(self.accept_next)
        view.accept_tile_clicked.connect(self.accept_tile)
        view.accept_sure_clicked.connect(self.accept_sure)
        view.accept_area_clicked.connect(self.accept_area)
        view.reject_area_clicked.connect(self.reject_area)
        view.take_back_clicked.connect(self.take_back)
        view.pointed.connect(self._preview.show_pointed)
        undo.undone.connect(self._on_undone)
        view.reject_clicked.connect(self.reject)
        view.next_clicked.connect(self.show_next)
        session.tile_changed.connect(self._on_tile)
        for signal in (session.overlays_changed, session.training_changed, session.states_changed):
            signal.connect(self._refresh)
        context.connections.listen(context.viewer.layers.events.inserted, self._on_layer)
        context.connections.listen(context.viewer.layers.events.removed, self._refresh)
        self._refresh()

    @guarded
    def accept_next(self) -> None:
        """Accept the whole tile and go on to the next one that waits for review, if there is any."""
        if self.accept_whole():
            self.show_next()

    @guarded
    def accept_tile(self) -> None:
        """Accept the whole tile."""
        self.accept_whole()

    def accept_whole(self) -> bool:
        """Accept the whole tile; False when that was not possible, or the user thought better of it."""
        return self._do(Deed.ACCEPT, None, "tile")

    @guarded
    def accept_sure(self) -> None:
        """Accept all that the model is sure enough of."""
        self._do(Deed.ACCEPT, self._view.confidence, "sure")

    @guarded
    def accept_area(self) -> None:
        """Accept what lies inside the drawn outline."""
        self._do_area(Deed.ACCEPT)

    @guarded
    def reject_area(self) -> None:
        """Reject what lies inside the drawn outline."""
        self._do_area(Deed.REJECT)

    @guarded
    def reject(self) -> None:
        """Put the prediction of this tile aside."""
        project, name = self._session.project, self._session.tile
        overlays = self._session.overlays(name) if name is not None else None
        if project is None or name is None or overlays is None:
            return
        self._undo.change_rejection(name, rejected_as_a_whole(overlays.run_id), tr("a rejection"))
        self._after_rejection(tr("Rejected. Paint what is right, or go on to the next tile."))

    def show_change(self, where: Mask | None, words: str) -> None:
        """Draw what a tool for the last stroke would change, as an accept is drawn; None: nothing."""
        self._preview.show_change(where, words)

    @guarded
    def take_back(self) -> None:
        """Nothing of this tile is rejected any longer."""
        project, name = self._session.project, self._session.tile
        if project is None or name is None or availability.why_not_take_back(self._session):
            return
        self._undo.change_rejection(name, Rejection.taken_back, tr("what cleared rejections"))
        self._after_rejection(tr("Nothing of this tile is rejected any longer."))

    @guarded
    def show_next(self) -> None:
        """Go to the next tile that waits for review."""
        name = self._session.next_to_review()
        if name is not None:
            self.is_going_on = True
            try:
                self._tiles.show(name)
            finally:
                self.is_going_on = False

    def scene(self) -> Scene | None:
        """The tile on screen as an accept finds it; without a prediction its annotations alone; None: there is none.

        Raises
        ------
        MaskError: a file of the project or of the run is damaged.
        """
        project, name, label = self._session.project, self._session.tile, self._session.label.ids()
        if project is None or name is None or label is None:
            return None
        return self._preview.scene(project, name, self.shown_ids(), label, self._session.overlays(name))

    def shown_ids(self) -> U8 | None:
        """The class ids (H, W) that can be accepted, after post-processing, 255 where left open; None: none are."""
        ids = self._ids()
        return None if ids is None else self._preview.cleaned(ids)

    def act(self, deed: Deed, where: Mask) -> bool:
        """Accept or reject what is predicted there, as if clicked; False when the user thought better of it."""
        return self._do(deed, where, "component")

    # --- the one way to labels and rejections ------------------------------------------------------------------------

    def _do_area(self, deed: Deed) -> None:
        mask = self._drawn.area_mask()
        if mask is not None and self._do(deed, mask, "region"):
            self._drawn.end_area()
            self._refresh()

    def _do(self, deed: Deed, where: Where, region: Region) -> bool:
        """Accept or reject that part of what is shown; False when the user thought better of it, or nothing is."""
        name, ids, label = self._session.tile, self._ids(), self._session.label.ids()
        overlays = self._session.overlays(name) if name is not None else None
        project = self._session.project
        if project is None or name is None or ids is None or label is None or overlays is None:
            return False
        reason = availability.why_not_reject(self._session) if deed is Deed.REJECT else ""
        if reason:
            self.say(reason)  # a training has started since the button was pressed
            return False
        self._labels.save_strokes()
        ids = self._preview.cleaned(ids)
        now = self._preview.scene(project, name, ids, label, overlays)
        what = plan(deed, where, now, replace=self._view.overwrite)
        if what is None:
            self.say(tr("The model is not sure enough here: it says nothing about this place."))
            return False
        if deed is Deed.ACCEPT:
            return self._accept(what, ids, overlays.run_id, region)
        self._reject(what, name, overlays.run_id)
        return True

    def _accept(self, what: Plan, ids: U8, run_id: str, region: Region) -> bool:
        source = self._view.source
        if not self._may_overwrite(what.overpainted, source):
            return False
        self._preview.show(None)
        if what.target.any():
            with self._undo.named(tr("an accept")):
                self._session.label.accept(ids, what.target)
            self._labels.save_accepted(LABEL_SOURCES[source], run_id, region)
        if self.areas.pointing is None:
            self._layers.activate_labels()
        self.say(done_in_words(what))
        return True

    def _reject(self, what: Plan, name: str, run_id: str) -> None:
        self._preview.show(None)
        if not what.target.any():
            self.say(in_words(what, self._session.classes()))
            return
        if what.takes_back:
            self._undo.change_rejection(name, lambda before: before.without(what.target), tr("a rejection"))
            words = tr("No longer rejected: {count} pixels.")
        else:
            self._undo.change_rejection(name, lambda before: before.with_area(what.target, run_id), tr("a rejection"))
            words = tr("Rejected {count} pixels: the next training ignores what it guesses there. Paint what is right.")
        self._after_rejection(words.format(count=f"{what.amount.total:,}"))

    def _after_rejection(self, words: str) -> None:
        self._preview.show(None)
        self.say(words)

    def _may_overwrite(self, conflicts: int, source: OverlaySource) -> bool:
        question = tr(
            "The {source} is different from {count} pixels that you painted or that were annotated already. Replace "
            "those annotations?\n\nUndo brings them back."
        )
        words = question.format(source=availability.source_words(source), count=f"{conflicts:,}")
        return not conflicts or self._context.dialogs.confirm(tr("Replace annotations"), words, tr("Replace"))

    def _ids(self) -> U8 | None:
        """What is shown of the source, (H, W) class ids, 255 where it is left open."""
        tile = self._session.tile
        if tile is None or availability.why_not_accept(self._session):
            return None
        is_prediction = self._view.source is OverlaySource.PREDICTION
        ids = (self._overlays.shown_prediction if is_prediction else self._overlays.shown_pseudo_label)(tile)
        if ids is not None:
            kept = np.full(256, UNLABELED, np.uint8)  # a class that was removed since the run is none
            known = [each.id for each in self._session.classes()]
            kept[known] = known
            ids = kept[ids]
        return ids

    def _on_undo(self, _event: Any = None) -> None:
        """The whole label is drawn anew, as after Ctrl+Z: what was said about the last accept may be untrue."""
        if self._said and self.areas.pointing is None and self._layers.get(AREA) is None:
            self.say("")

    def _on_undone(self) -> None:
        """What was said last may be untrue now, whatever act it was of."""
        if self.areas.pointing is None and not self.areas.drawing:
            self.say("")

    def _on_tile(self, _name: object = None) -> None:
        if self._layers.get(AREA) is not None:
            self._drawn.end_area()
        self.say("")
        self._refresh()

    def _on_layer(self, event: Any) -> None:
        if event.value.metadata.get(ROLE_KEY) == LABELS:
            event.value.events.set_data.connect(self._on_undo)

    def _refresh(self, _change: object = None) -> None:
        session, drawing = self._session, self._layers.get(AREA) is not None
        accept = availability.why_not_accept(session)
        drawn = drawing and self._drawn.has_area()
        self._view.set_available(
            accept,
            availability.why_not_accept_area(session, drawn),
            availability.why_not_reject(session),
            availability.why_no_next(session),
        )
        self._view.set_take_back(availability.why_not_take_back(session))
        self._view.set_modes(
            drawing=drawing,
            accepting=self.areas.pointing is Deed.ACCEPT,
            rejecting=self.areas.pointing is Deed.REJECT,
        )
        self._view.set_hint(self._said or accept)

    def say(self, text: str) -> None:
        """Show a sentence until the tile changes or another one comes; an empty one takes it away."""
        self._said = text
        self._refresh()


def rejected_as_a_whole(run_id: str) -> Callable[[Rejection], Rejection]:
    """What makes of what is rejected of a tile the rejection of all that this run predicts there."""
    return lambda before: before.with_tile(run_id)
