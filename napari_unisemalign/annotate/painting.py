"""Help with the last stroke: fill, grow, snap."""

from __future__ import annotations

from collections.abc import Callable

from napari_unisemalign.annotate.painting_view import PaintingView
from napari_unisemalign.annotate.stroke_tools import filled, grown, snapped
from napari_unisemalign.annotate.undo import UndoController
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.layers import PREDICTION, U8, Mask
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.undo_stack import LabelStep
from training_core.base.i18n import tr


class PaintingController:
    """Changes the label around the last stroke, as one step of undo."""

    def __init__(self, context: Context, view: PaintingView, labels: LabelsController, undo: UndoController) -> None:
        self._session, self._layers, self.reporter = context.session, context.layers, context.reporter
        self._labels, self._undo, self._view = labels, undo, view
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
        self._change(filled, tr("a fill"), tr("The last stroke closes around nothing that is unannotated."))

    @guarded
    def grow(self) -> None:
        """Give the predicted areas that the last stroke touches its class."""
        prediction = self._prediction()
        if prediction is not None:
            self._change(
                lambda label, stroke: grown(label, stroke, prediction),
                tr("a growth"),
                tr("What the model predicts at the last stroke is annotated already."),
            )

    @guarded
    def snap(self) -> None:
        """Move the last stroke's edge to the predicted boundary nearby."""
        prediction, layer = self._prediction(), self._layers.labels
        if prediction is not None and layer is not None:
            reach = max(3, round(layer.brush_size / 2))
            self._change(
                lambda label, stroke: snapped(label, stroke, prediction, reach),
                tr("a snap"),
                tr("The model predicts no boundary of this class near the last stroke."),
            )

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

    def _prediction(self) -> U8 | None:
        return None if self.why_no_prediction() else self._layers.overlay_ids(PREDICTION)

    def _change(self, change: Callable[[U8, Mask], U8], what: str, nothing: str) -> None:
        self._undo.catch_up()
        step, label = self._session.undo.next_undo, self._layers.label()
        if self.why_no_stroke() or label is None or not isinstance(step, LabelStep):
            return
        changed = change(label, step.where())
        if (changed == label).all():
            self.reporter.info(nothing)
            return
        with self._undo.named(what):
            self._layers.set_label(changed)
        self._labels.flush()

    def _refresh(self, _change: object = None) -> None:
        self._view.set_help(self.why_no_stroke(), self.why_no_prediction())
