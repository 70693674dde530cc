"""Strokes are saved by themselves, and none is lost when the disk is full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QTimer

from napari_unisemalign.controllers.context import Context
from napari_unisemalign.i18n import tr
from napari_unisemalign.layers import U8, to_label, to_layer
from training_core.errors import UserError
from training_core.project import LabelSource, TileState

Region = Literal["tile", "region", "component", "sure"]
SAVE_DELAY_MS = 1000
RETRY_MS = 3000


@dataclass(frozen=True)
class _Edit:
    """What the project keeps about a change that is not plain painting."""

    source: LabelSource
    run_id: str | None = None
    region: Region | None = None
    accepted: bool | None = None


class LabelsController:
    """Watches the labels layer and writes what changed to the project."""

    def __init__(self, context: Context) -> None:
        self._session, self._layers, self.reporter = context.session, context.layers, context.reporter
        self._view = context.panel.correct
        self._layer: Labels | None = None
        self._tile: str | None = None
        self._saved: U8 | None = None
        """The layer's values as they are in the project."""
        self._unsaved: dict[str, U8] = {}
        """Labels of other tiles that could not be saved yet."""
        self._told = False
        """The user knows that saving fails."""
        self._timer = QTimer(context.panel)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.flush)

    def load(self, name: str) -> U8:
        """The tile's label, (H, W); strokes that could not be saved yet included.

        Raises
        ------
        UserError: the label cannot be read.
        """
        assert self._session.project is not None
        if name in self._unsaved:
            return to_label(self._unsaved[name])
        return self._session.project.label(name)

    def watch(self, name: str, layer: Labels) -> None:
        """From now on `layer` shows the tile `name`, just read from the project."""
        self._tile = name
        self._saved = np.array(layer.data, copy=True)
        if name in self._unsaved:
            assert self._session.project is not None
            self._saved = to_layer(self._session.project.label(name))
            del self._unsaved[name]
            self._timer.start(SAVE_DELAY_MS)
        if self._layer is None or layer.unique_id != self._layer.unique_id:
            for event in (layer.events.paint, layer.events.labels_update, layer.events.set_data):
                event.connect(self._on_change)
        self._layer = layer
        self._refresh_words()

    def read_again(self) -> None:
        """The project's labels were changed behind the layer: show the tile's as it is now. Call `flush` first."""
        if self._tile is not None and self._layer is not None:
            assert self._session.project is not None
            self._layers.set_label(self._session.project.label(self._tile))
            self._saved = np.array(self._layer.data, copy=True)
            self._timer.stop()
            self._session.label_saved.emit(self._tile)
            self._refresh_words()
        self._session.states_changed.emit()

    def release(self) -> None:
        """Another project comes: forget this one. Call `flush` first."""
        self._tile, self._saved, self._unsaved, self._told = None, None, {}, False
        self._timer.stop()

    def flush(self) -> bool:
        """Save now what is not saved. False when something could not be saved; it is kept and tried again."""
        self._timer.stop()
        tries = [self._try(name, values, None) for name, values in tuple(self._unsaved.items())]
        if self._is_changed() and self._tile is not None and self._layer is not None:
            tries.append(self._try(self._tile, np.array(self._layer.data, copy=True), None))
        saved = all(tries)
        if saved:
            self._told = False
        else:
            self._timer.start(RETRY_MS)
        self._refresh_words()
        return saved

    def leave(self) -> None:
        """The tile goes off the screen: save it, or keep its label in memory until that is possible."""
        if not self.flush() and self._is_changed() and self._tile is not None and self._layer is not None:
            self._unsaved[self._tile] = np.array(self._layer.data, copy=True)

    def save_accepted(self, source: LabelSource, run_id: str, region: Region) -> None:
        """Save the label on screen as accepted from a run."""
        if self._tile is not None and self._layer is not None:
            values = np.array(self._layer.data, copy=True)
            if not self._try(self._tile, values, _Edit(source, run_id, region)):
                self._timer.start(RETRY_MS)
            self._refresh_words()

    def save_undone(self, accepted: bool) -> None:
        """Save the label on screen as brought back by undo or redo; `accepted`: whether it counted as that."""
        if self._tile is not None and self._layer is not None:
            self._timer.stop()
            values = np.array(self._layer.data, copy=True)
            if not self._try(self._tile, values, _Edit(LabelSource.UNDONE, accepted=accepted)):
                self._timer.start(RETRY_MS)
            self._refresh_words()

    def unsaved_names(self) -> tuple[str, ...]:
        """The tiles with strokes that are only in memory."""
        changed = (self._tile,) if self._tile is not None and self._is_changed() else ()
        return (*self._unsaved, *changed)

    def _on_change(self, _event: Any = None) -> None:
        if not self._timer.isActive() and self._tile is not None:
            self._timer.start(RETRY_MS if self._told else SAVE_DELAY_MS)
            self._refresh_words()

    def _is_changed(self) -> bool:
        return (
            self._layer is not None
            and self._saved is not None
            and self._layer.data.shape == self._saved.shape
            and not np.array_equal(self._layer.data, self._saved)
        )

    def _try(self, name: str, values: U8, edit: _Edit | None) -> bool:
        try:
            self._write(name, values, edit)
        except (UserError, OSError) as error:
            if not self._told:
                self._told = True
                words = (
                    str(error)
                    if isinstance(error, UserError)
                    else tr("The strokes could not be saved ({error}).").format(error=error)
                )
                promise = tr("Nothing is lost: the strokes stay here and saving is tried again.")
                self.reporter.error(f"{words}\n{promise}")
            return False
        self._unsaved.pop(name, None)
        if name == self._tile:
            self._saved = values
        self._session.states_changed.emit()
        self._session.label_saved.emit(name)
        return True

    def _write(self, name: str, values: U8, edit: _Edit | None) -> None:
        project = self._session.project
        assert project is not None
        if edit is None:
            corrects = project.state(name) is TileState.ACCEPTED
            edit = _Edit(LabelSource.CORRECTED if corrects else LabelSource.PAINTED)
        label = to_label(values)
        project.write_label(name, label, edit.source, run_id=edit.run_id, region=edit.region, accepted=edit.accepted)

    def _refresh_words(self) -> None:
        if self._tile is None:
            self._view.set_saved("")
        elif self._told:
            self._view.set_saved(tr("Not saved yet: it is tried again every few seconds."))
        else:
            self._view.set_saved(tr("Saving …") if self._timer.isActive() else tr("All strokes are saved."))
