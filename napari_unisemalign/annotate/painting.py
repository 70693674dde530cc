"""Help with the last stroke: fill, grow, snap."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_unisemalign.annotate.contracts import PaintingSurface
from napari_unisemalign.annotate.overlays import OverlaysController
from napari_unisemalign.annotate.painting_view import FILL, GROW, SNAP
from napari_unisemalign.annotate.stroke_tools import filled, grown, snapped
from napari_unisemalign.annotate.undo import UndoController
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.latest import Latest
from napari_unisemalign.app.layer_values import U8, Mask
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.undo_stack import LabelStep
from training_core.base.i18n import ntr, tr


class PaintingController:
    """Changes the label around the last stroke, as one step of undo."""

    def __init__(
        self,
        context: Context,
        view: PaintingSurface,
        labels: LabelsController,
        undo: UndoController,
        overlays: OverlaysController,
        show: Callable[[Mask | None, str], None],
    ) -> None:
        """show: draws pixels that would change over the tile, and says how many; None: as it was."""
        self._session, self._layers, self.reporter = context.session, context.layers, context.reporter
        self._labels, self._undo, self._overlays, self._view = labels, undo, overlays, view
        self._show, self._latest = show, Latest(context.owner, context.reporter.error)
        self._view.pointed.connect(self._on_pointed)
        self._view.fill_clicked.connect(self.fill)
        self._view.grow_clicked.connect(self.grow)
        self._view.snap_clicked.connect(self.snap)
        session = self._session
        session.undo.changed.connect(self._refresh)
        for signal in (session.tile_changed, session.overlays_changed):
            signal.connect(self._refresh)
        self._refresh()

    @guarded
    def fill(self) -> None:
        """Give what the last stroke closes around its class."""
        self._change(FILL, tr("a fill"), tr("The last stroke closes around nothing that is unannotated."))

    @guarded
    def grow(self) -> None:
        """Give the regions of its class that the last stroke touches its class, as far as they are unannotated."""
        nothing = tr("No region of this class is predicted at the last stroke, or it is annotated already.")
        self._change(GROW, tr("an expansion"), nothing)

    @guarded
    def snap(self) -> None:
        """Move the last stroke's edge to the predicted boundary nearby."""
        self._change(SNAP, tr("a snap"), tr("The model predicts no boundary of this class near the last stroke."))

    def _on_pointed(self, tool: str) -> None:
        """Show what a button would change; an empty name: nothing is pointed at."""
        change = self._tool(tool, self._overlays.prediction_so_far)
        step, label = self._session.undo.next_undo, self._session.label.ids()
        if change is None or label is None or self.why_no_stroke() or not isinstance(step, LabelStep):
            self._latest.drop()
            self._show(None, "")
            return
        stroke = step.where()

        def done(where: Mask) -> None:
            count = int(np.count_nonzero(where))
            words = ntr("Would change {count} pixel.", "Would change {count} pixels.", count)
            self._show(where, words.format(count=f"{count:,}"))

        self._latest.ask(lambda: change(label, stroke) != label, done)

    def _tool(self, tool: str, prediction: U8 | None) -> Callable[[U8, Mask], U8] | None:
        """What a tool makes of a label and its last stroke; None where it has nothing to go by."""
        layer = self._layers.labels
        if tool == FILL:
            return filled
        if prediction is None or layer is None:
            return None
        if tool == GROW:
            return lambda label, stroke: grown(label, stroke, prediction)
        reach = max(3, round(layer.brush_size / 2))
        return (lambda label, stroke: snapped(label, stroke, prediction, reach)) if tool == SNAP else None

    def why_no_stroke(self) -> str:
        """Why there is no last stroke to help with; empty when there is one."""
        step = self._session.undo.next_undo
        if self._session.tile is None or not isinstance(step, LabelStep) or step.tile != self._session.tile:
            return tr("Paint something on this tile first: this helps with the last stroke.")
        return ""

    def why_no_prediction(self) -> str:
        """Why grow and snap have nothing to go by; empty when they have."""
        name = self._session.tile
        if name is None or self._session.overlays(name) is None:
            return tr("There is no prediction for this tile yet: train first, or turn on the live preview.")
        return ""

    def _change(self, tool: str, what: str, nothing: str) -> None:
        tile = self._session.tile
        change = self._tool(tool, None if tile is None else self._overlays.shown_prediction(tile))
        self._undo.catch_up()
        step, label = self._session.undo.next_undo, self._session.label.ids()
        if change is None or self.why_no_stroke() or label is None or not isinstance(step, LabelStep):
            return
        self._show(None, "")
        changed = change(label, step.where())
        if (changed == label).all():
            self.reporter.info(nothing)
            return
        with self._undo.named(what):
            self._session.label.replace(changed)
        self._labels.flush()

    def _refresh(self, _change: object = None) -> None:
        self._view.set_help(self.why_no_stroke(), self.why_no_prediction())
