"""Accept or reject the predictions of several tiles at once."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unisemalign.annotate.accept import CorrectionController, rejected_as_a_whole
from napari_unisemalign.annotate.undo import UndoController
from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.tiles.tiles import TilesController
from training_core.base.i18n import ntr, tr


class SeveralTilesController:
    """One tile after the other, as if each were on the screen; each is a step of undo."""

    def __init__(
        self, context: Context, correction: CorrectionController, tiles: TilesController, undo: UndoController
    ) -> None:
        self._session, self.reporter = context.session, context.reporter
        self._correction, self._tiles, self._undo = correction, tiles, undo

    @guarded
    def accept(self, names: Sequence[str]) -> None:
        """Accept the predictions of several tiles, one after the other; each is a step of undo."""
        before, accepted = self._session.tile, 0
        for name in names:
            self._tiles.show(name)
            if not availability.why_not_accept(self._session):
                accepted += self._correction.accept_whole()
        if before is not None:
            self._tiles.show(before)
        words = ntr(
            "Accepted the prediction of {done} of {count} tile.",
            "Accepted the predictions of {done} of {count} tiles.",
            len(names),
        )
        self._correction.say(words.format(done=accepted, count=len(names)))

    @guarded
    def reject(self, names: Sequence[str]) -> None:
        """Put the predictions of several tiles aside; each is a step of undo."""
        project = self._session.project
        if project is None:
            return
        shown = ((name, self._session.overlays(name)) for name in names)
        changes = (
            (name, rejected_as_a_whole(overlays.run_id))
            for name, overlays in shown
            if overlays is not None and not overlays.live
        )
        rejected = self._undo.change_rejections(changes, tr("a rejection"))
        words = ntr(
            "Rejected the prediction of {done} of {count} tile.",
            "Rejected the predictions of {done} of {count} tiles.",
            len(names),
        )
        self._correction.say(words.format(done=rejected, count=len(names)))
