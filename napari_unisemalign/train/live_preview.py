"""Live preview: a resident process that predicts the tile on screen again after every stroke, and becomes the trainer.

It starts when a project opens and gets ready while the user looks and paints. During a training there is none: the
training has its process. A tile with a network's prediction keeps that one, which is better.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer

from napari_unisemalign.app import availability, preferences
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.layer_values import PREDICTION, ROLE_KEY
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.process import Ending, TrainerProcess, live_command
from napari_unisemalign.app.training_state import Training
from napari_unisemalign.train.contracts import LiveSurface
from training_core.base.i18n import tr
from training_core.messages.events import Event, OverlayReady, Prepare, Prepared, RunFailed, Show, Status

LAST_WAIT_MS = 3000
MOST_CRASHES = 3
"""After so many in one project the process is not started again by itself."""
_NOTE = "live preview"


class LiveController:
    """Between the switch, the labels, the tile on screen and the process."""

    def __init__(self, context: Context, view: LiveSurface, labels: LabelsController, process: TrainerProcess) -> None:
        self._session, self._labels, self.reporter = context.session, labels, context.reporter
        self._layers, self._notes, self._view = context.layers, context.notes, view
        self._is_on = preferences.is_on(preferences.LIVE_PREVIEW)
        self._is_over = False
        """The window closes."""
        self._is_ending = False
        """The process was told to end."""
        self._failure = ""
        """What the process could not go on with: it is not started again before something has changed."""
        self._crashes = 0
        self._words, self._memory_bytes = "", 0
        self.process = process
        self.process.event_received.connect(self._on_event)
        self.process.turn_began.connect(self._session.merged.hold)
        self.process.turn_ended.connect(self._session.merged.release)
        self.process.ended.connect(self._on_ended)
        self._flush_soon = QTimer(context.owner)
        self._flush_soon.setSingleShot(True)
        self._flush_soon.timeout.connect(labels.save_soon)
        self._view.live_toggled.connect(self.switch)
        self._connect(context)
        self._refresh()

    def _connect(self, context: Context) -> None:
        session = self._session
        session.tile_changed.connect(self._on_tile)
        session.overlays_changed.connect(self._on_overlays)
        session.label_saved.connect(lambda _tile: self._ask())
        session.label.stroke_ended.connect(self._on_stroke)
        session.project_changed.connect(self._on_project)
        session.settings_changed.connect(self._on_settings)
        session.training_changed.connect(self._on_training)
        context.connections.listen(context.viewer.layers.events.inserted, self._on_layer)

    # --- on and off ---------------------------------------------------------------------------------------------------

    @guarded
    def switch(self, on: bool) -> None:
        """Start the process, or end it; the next window begins as this one is left."""
        self._is_on = on
        preferences.switch(preferences.LIVE_PREVIEW, on)
        self._forgive()
        if on:
            self._labels.flush()
            self._ask()
        else:
            self._end()
        self._refresh()

    def toggle(self) -> None:
        """The other of on and off."""
        self.switch(not self._is_on)

    def stop(self) -> None:
        """The window closes: end the process, which has nothing to lose, and start none any more."""
        self._is_over = True
        self._end()

    def _end(self) -> None:
        """Without a word: it was asked for. Its overlays go with it."""
        self._is_ending = self.process.running
        self.process.kill()
        self.process.wait(LAST_WAIT_MS)
        self._session.end_live()

    def _forgive(self) -> None:
        self._failure, self._crashes = "", 0

    def _ensure(self) -> bool:
        """Whether the process is there, started now where it may be."""
        if self.process.running:
            return True
        project = self._session.project
        is_wanted = self._is_on and not self._is_over and project is not None and not self._session.training.active
        if not is_wanted or self._failure or self._crashes > MOST_CRASHES:
            return False
        assert project is not None
        self._words = tr("Live preview: starting …")
        self.process.start(live_command(project.path))
        self._refresh()
        return True

    # --- what is asked of it ------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """For what the tile on screen needs: every annotation counts for every tile."""
        tile = self._session.tile
        if tile is None or not self._ensure():
            return
        names = (tile, *(self._session.neighbor(step) for step in (1, -1, 2)))
        self.process.send(Prepare(tiles=tuple(dict.fromkeys(name for name in names if name is not None))))
        if not self._why_not_here():
            self.process.send(Show(tile=tile))
        self._refresh()

    def _why_not_here(self) -> str:
        """Why the tile on screen gets no preview."""
        project, tile = self._session.project, self._session.tile
        if project is None or tile is None:
            return ""
        if self._session.overlays(tile) is not None and not self._session.is_painted(tile):
            return tr("Live preview: this tile shows the prediction of a training, which is better.")
        return tr("Live preview: this tile is completely annotated.") if project.is_fully_labeled(tile) else ""

    def _on_tile(self, _name: str | None) -> None:
        self._ask()
        self._mark()

    def _on_overlays(self, name: str) -> None:
        if name == self._session.tile:
            self._mark()
            self._refresh()
            if self._session.overlays(name) is None and self.process.running:
                self._ask()  # its prediction was rejected

    def _on_project(self, _project: object) -> None:
        self._end()
        self._forgive()
        self._ask()
        self._refresh()

    def _on_settings(self) -> None:
        """The process reads them itself; another encoder may be one that it can load."""
        self._failure = ""
        self._ask()

    def _on_training(self, training: Training) -> None:
        """A training has the process; when it has ended there is a new one, and the training's overlays are newer."""
        if not training.active and not self.process.running:
            self._session.end_live()
            self._ask()
        self._refresh()

    def _on_layer(self, event: Any) -> None:
        layer = event.value
        if layer.metadata.get(ROLE_KEY) == PREDICTION:
            layer.events.visible.connect(self._mark)

    def _on_stroke(self) -> None:
        """A stroke is done: save it now, not when the usual second is over, so that the process finds it."""
        if self.process.running:
            self._flush_soon.start(0)  # after an accept has saved itself as one

    # --- what it says -------------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        match event:
            case OverlayReady():
                self._take(event)
            case Status():
                self._words = event.message
            case Prepared():
                self._memory_bytes = event.memory_bytes
            case RunFailed():
                self._failure = event.message
            case _:
                pass  # the live process sends no others
        self._refresh()

    def _take(self, event: OverlayReady) -> None:
        """Show it, unless the tile has a better one by now."""
        is_better = self._session.overlays(event.tile) is not None and not self._session.is_painted(event.tile)
        if not is_better:
            self._session.apply(event)

    @guarded
    def _on_ended(self, ending: Ending) -> None:
        """Unless it was asked for it is said once; the next stroke or tile starts it again."""
        self._words, self._memory_bytes = "", 0
        was_asked_for, self._is_ending = self._is_ending, False
        if was_asked_for:
            self._ask()  # of the project that is open by now
        elif self._failure:
            self.reporter.warning(tr("The live preview is not available. {reason}").format(reason=self._failure))
        else:
            self._tell_of_crash(ending)
        self._refresh()

    def _tell_of_crash(self, ending: Ending) -> None:
        self._crashes += 1
        if self._crashes == 1:
            words = tr(
                "The live preview ended unexpectedly. Your annotations are safe. It starts again with the next stroke."
            )
            self.reporter.error(words, ending.details)
        elif self._crashes > MOST_CRASHES:
            words = tr("The live preview ended unexpectedly {n} times. It stays off until you switch it off and on.")
            self.reporter.error(words.format(n=self._crashes), ending.details)

    def _mark(self, _event: Any = None) -> None:
        """Write on the image that the overlay is a preview."""
        layer = self._layers.get(PREDICTION)
        is_seen = self._session.is_painted(self._session.tile) and (layer is None or layer.visible)
        self._notes.set(_NOTE, tr("Live preview") if is_seen else "")

    def _refresh(self) -> None:
        self._view.set_live(self._is_on, availability.why_not_live(self._session))
        self._view.set_live_status(self._status() if self._is_on else "")

    def _status(self) -> str:
        if self._session.training.active or self._session.project is None:
            return ""
        if not self.process.running:
            return tr("Live preview: {reason}").format(reason=self._failure) if self._failure else ""
        words = self._why_not_here() or self._words
        if not self._memory_bytes:
            return words
        memory = tr("{gigabytes} GB of memory").format(gigabytes=f"{self._memory_bytes / 1e9:.1f}")
        return f"{words} ({memory})"
