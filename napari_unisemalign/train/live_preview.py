"""Live painting: a resident process that answers every stroke with a new overlay."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer

from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.layers import LABELS, ROLE_KEY
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.process import Ending, TrainerProcess, live_command
from napari_unisemalign.train.train_view import TrainView
from training_core.base.i18n import tr
from training_core.messages.events import Event, OverlayReady, RunFailed, Show, Status

LAST_WAIT_MS = 3000


class LiveController:
    """Between the Live button, the labels and the process. Works beside a training, which is another process."""

    def __init__(self, context: Context, view: TrainView, labels: LabelsController) -> None:
        self._session, self._labels, self.reporter = context.session, labels, context.reporter
        self._view = view
        self._failure = ""
        self._stopping = False
        self.process = TrainerProcess(context.owner, "live")
        self.process.event_received.connect(self._on_event)
        self.process.ended.connect(self._on_ended)
        self._flush_soon = QTimer(context.owner)
        self._flush_soon.setSingleShot(True)
        self._flush_soon.timeout.connect(labels.save_soon)
        self._view.live_toggled.connect(self.switch)
        session = self._session
        session.tile_changed.connect(self._on_tile)
        session.label_saved.connect(self._ask)
        session.project_changed.connect(self._on_project)
        context.viewer.layers.events.inserted.connect(self._on_layer)
        self._refresh()

    @guarded
    def switch(self, on: bool) -> None:
        """Start the process, or end it."""
        project = self._session.project
        if not on or project is None:
            self.stop()
            return
        self._failure, self._stopping = "", False
        self.process.start(live_command(project.path))
        self._view.set_live_status(tr("Live preview: starting …"))
        self._labels.flush()
        self._ask()
        self._refresh()

    def stop(self) -> None:
        """End the process, which has nothing to lose; its overlays go with it."""
        self._stopping = True
        self.process.kill()
        self.process.wait(LAST_WAIT_MS)

    def _ask(self, _change: object = None) -> None:
        """For the tile on screen, whatever was saved: every label counts for every tile."""
        if self._session.tile is not None:
            self.process.send(Show(tile=self._session.tile))

    def _on_tile(self, name: str | None) -> None:
        """A tile with a network's prediction keeps it until it is painted on: that is the better one to review."""
        if name is not None and (self._session.overlays(name) is None or self._session.is_painted(name)):
            self._ask()

    def _on_event(self, event: Event) -> None:
        match event:
            case OverlayReady():
                self._session.apply(event)
            case Status():
                self._view.set_live_status(event.message)
            case RunFailed():
                self._failure = event.message
            case _:
                pass  # the live process sends no others

    @guarded
    def _on_ended(self, ending: Ending) -> None:
        self._session.end_live()
        self._refresh()
        failure = self._failure or ending.in_words()
        if failure and not self._stopping:
            self.reporter.error(failure, "" if self._failure else ending.details)

    def _on_project(self, _project: object) -> None:
        self.stop()
        self._refresh()

    def _on_layer(self, event: Any) -> None:
        if event.value.metadata.get(ROLE_KEY) == LABELS:
            event.value.events.paint.connect(self._on_stroke)

    def _on_stroke(self, _event: Any = None) -> None:
        """A stroke is done: save it now, not when the usual second is over, so that the process finds it."""
        if self.process.running:
            self._flush_soon.start(0)  # after an accept has saved itself as one

    def _refresh(self) -> None:
        self._view.set_live(self.process.running, availability.why_not_live(self._session))
