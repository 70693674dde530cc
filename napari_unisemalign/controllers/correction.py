"""Accept, correct, undo, reject."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from napari_unisemalign import availability
from napari_unisemalign.controllers.context import Context
from napari_unisemalign.controllers.labels import LabelsController, Region
from napari_unisemalign.controllers.tiles import TilesController
from napari_unisemalign.layers import AREA, LABELS, PREDICTION, PSEUDO_LABEL, ROLE_KEY, Fill, Mask
from napari_unisemalign.notify import guarded
from napari_unisemalign.session import OverlaySource
from training_core.project import UNLABELED, LabelSource, TileState

CLICK_TOLERANCE_PX = 4
LABEL_SOURCES = {
    OverlaySource.PREDICTION: LabelSource.ACCEPTED_PREDICTION,
    OverlaySource.PSEUDO_LABEL: LabelSource.ACCEPTED_PSEUDO_LABEL,
}


class CorrectionController:
    """What is accepted becomes a label; what is labelled is never overwritten unasked."""

    def __init__(self, context: Context, labels: LabelsController, tiles: TilesController) -> None:
        self._context, self._labels, self._tiles = context, labels, tiles
        self._session, self._layers, self.reporter = context.session, context.layers, context.reporter
        self._view = context.panel.correct
        self._clicking = False
        self._said = ""
        self._painted = False
        """Something was painted or accepted on this tile since it came on the screen."""
        view, session = self._view, self._session
        view.accept_tile_clicked.connect(self.accept_tile)
        view.draw_area_toggled.connect(self.draw_area)
        view.accept_area_clicked.connect(self.accept_area)
        view.click_mode_toggled.connect(self.click_mode)
        view.undo_clicked.connect(self.undo)
        view.reject_clicked.connect(self.reject)
        view.next_clicked.connect(self.show_next)
        session.tile_changed.connect(self._on_tile)
        for signal in (session.overlays_changed, session.training_changed, session.states_changed):
            signal.connect(self._refresh)
        context.viewer.layers.events.inserted.connect(self._on_layer)
        context.viewer.layers.events.removed.connect(self._refresh)
        self._refresh()

    @guarded
    def accept_tile(self) -> None:
        """Accept the whole tile."""
        ids = self._ids()
        if ids is not None:
            self._accept(np.ones(ids.shape, dtype=bool), "tile")

    @guarded
    def draw_area(self, on: bool) -> None:
        """Start drawing an outline, or give it up."""
        if on:
            self._stop_clicking()
            layer = self._layers.start_area()
            layer.events.data.connect(self._on_drawn)
            self._say("Click around the area, double-click to close it, then press Accept drawn area.")
        else:
            self._layers.end_area()
            self._say("")

    @guarded
    def accept_area(self) -> None:
        """Accept what lies inside the drawn outline."""
        mask = self._layers.area_mask()
        if mask is not None and self._accept(mask, "region"):
            self._layers.end_area()
            self._refresh()

    @guarded
    def click_mode(self, on: bool) -> None:
        """From now on a click on the image accepts the connected area there, or no longer."""
        if not on:
            self._stop_clicking()
            self._say("")
            return
        self._layers.end_area()
        self._layers.activate_labels("pan_zoom")
        self._clicking = True
        self._context.viewer.mouse_drag_callbacks.append(self._on_drag)
        words = availability.source_words(self._view.source)
        self._say(f"Click on the image: the connected area of the {words} there is accepted.")

    def accept_component(self, position: tuple[float, float]) -> None:
        """Accept the connected area at (row, column) of the tile."""
        ids = self._ids()
        if ids is None:
            return
        row, column = (round(value) for value in position)
        if 0 <= row < ids.shape[0] and 0 <= column < ids.shape[1]:
            mask = self._layers.component(self._role(), (row, column))
            if mask is None:
                self._say("The model is not sure enough here: there is no pseudo-label to accept.")
            else:
                self._accept(mask, "component")

    @guarded
    def undo(self) -> None:
        """Take back the last stroke or accept."""
        self._layers.undo()

    @guarded
    def reject(self) -> None:
        """Put the prediction of this tile aside."""
        project, name = self._session.project, self._session.tile
        overlays = self._session.overlays(name) if name is not None else None
        if project is None or name is None or overlays is None:
            return
        project.reject(name, overlays.run_id)
        self._session.states_changed.emit()
        self._session.overlays_changed.emit(name)
        self._say("Rejected. Paint what is right, or go on to the next tile.")

    @guarded
    def show_next(self) -> None:
        """Go to the next tile that waits for review."""
        name = self._session.next_to_review()
        if name is not None:
            self._tiles.show(name)

    def _accept(self, where: Mask, region: Region) -> bool:
        """Accept the source's pixels in `where`; False when the user thought better of it."""
        name, ids = self._session.tile, self._ids()
        overlays = self._session.overlays(name) if name is not None else None
        if ids is None or overlays is None:
            return False
        source, overwrite = self._view.source, self._view.overwrite
        if overwrite and not self._may_overwrite(self._layers.count_conflicts(ids, where), source):
            return False
        self._labels.flush()  # what was painted before is saved as painted
        fill = self._layers.accept(ids, where, overwrite=overwrite)
        if fill.filled:
            self._labels.save_accepted(LABEL_SOURCES[source], overlays.run_id, region)
        if not self._clicking:
            self._layers.activate_labels()
        self._say(_outcome(fill))
        return True

    def _may_overwrite(self, conflicts: int, source: OverlaySource) -> bool:
        words = availability.source_words(source)
        return not conflicts or self._context.dialogs.confirm(
            "Replace labels",
            f"The {words} is different from {conflicts:,} pixels that are labelled already. Replace those labels?\n\n"
            "Undo brings them back.",
            "Replace",
        )

    def _role(self) -> str:
        return PREDICTION if self._view.source is OverlaySource.PREDICTION else PSEUDO_LABEL

    def _ids(self) -> Any:
        if availability.why_not_accept(self._session):
            return None
        ids = self._layers.overlay_ids(self._role())
        if ids is not None:
            known = [each.id for each in self._session.classes()]
            ids[~np.isin(ids, known)] = UNLABELED  # a class that was removed since the run
        return ids

    def _on_drag(self, _viewer: Any, event: Any) -> Generator[None, None, None]:
        """A press and release in one place is a click; anything else moves the camera."""
        pressed, position = np.asarray(event.pos), event.position
        yield
        while event.type == "mouse_move":
            yield
        if np.abs(np.asarray(event.pos) - pressed).max() <= CLICK_TOLERANCE_PX:
            self.accept_component((float(position[-2]), float(position[-1])))

    def _stop_clicking(self) -> None:
        self._clicking = False
        callbacks = self._context.viewer.mouse_drag_callbacks
        if self._on_drag in callbacks:
            callbacks.remove(self._on_drag)

    def _on_drawn(self, _event: Any = None) -> None:
        self._refresh()

    def _on_paint(self, _event: Any = None) -> None:
        if not self._painted:
            self._painted = True
            self._refresh()

    def _on_undo(self, _event: Any = None) -> None:
        """The whole label is drawn anew, as after Ctrl+Z: what was said about the last accept may be untrue."""
        if self._said and not self._clicking and self._layers.get(AREA) is None:
            self._say("")

    def _on_mode(self, event: Any) -> None:
        """A brush was taken up: from now on clicks paint."""
        if self._clicking and event.mode != "pan_zoom":
            self._stop_clicking()
            self._say("")

    def _on_tile(self, _name: object = None) -> None:
        self._painted = False
        if self._layers.get(AREA) is not None:
            self._layers.end_area()
        self._say("")
        self._refresh()

    def _on_layer(self, event: Any) -> None:
        if event.value.metadata.get(ROLE_KEY) == LABELS:
            event.value.events.paint.connect(self._on_paint)
            event.value.events.set_data.connect(self._on_undo)
            event.value.events.mode.connect(self._on_mode)

    def _refresh(self, _change: object = None) -> None:
        session, drawing = self._session, self._layers.get(AREA) is not None
        accept = availability.why_not_accept(session)
        drawn = drawing and self._layers.has_area()
        self._view.set_available(
            accept,
            availability.why_not_accept_area(session, drawn),
            availability.why_not_reject(session),
            availability.why_no_next(session),
        )
        self._view.set_undo("" if self._painted else "There is nothing to take back on this tile.")
        self._view.set_modes(drawing=drawing, clicking=self._clicking)
        advice = ""
        if session.project is not None and session.tile is not None:
            advice = _advice(session.project.state(session.tile))
        self._view.set_hint(self._said or accept or advice)

    def _say(self, text: str) -> None:
        """Show a sentence until the tile changes or another one comes; an empty one gives way to advice."""
        self._said = text
        self._refresh()


def _outcome(fill: Fill) -> str:
    if not fill.filled:
        return "Nothing to accept: everything here is labelled already." if fill.kept else "Nothing new to accept here."
    kept = f" {fill.kept:,} labelled pixels were kept as they are." if fill.kept else ""
    return f"Accepted {fill.filled:,} pixels.{kept} Correct them with the brush: it is saved by itself."


def _advice(state: TileState) -> str:
    if state is TileState.ACCEPTED:
        return "Accepted. Correct it with the brush where it is wrong, or go on to the next tile."
    return "Is it right? Accept the whole tile or a part of it, or paint over what is wrong."
