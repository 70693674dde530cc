"""What the window knows, as evented state without Qt.

Controllers write here, views are refreshed from here. The trainer's events are folded into it by `Session.apply`,
so that the whole training display can be tested without a process and without a widget.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from psygnal import Signal, SignalInstance

from napari_unisemalign.app.label_model import LabelModel
from napari_unisemalign.app.merged import Merged
from napari_unisemalign.app.project_model import ProjectModel
from napari_unisemalign.app.tile_overlays import Overlays, TileOverlays
from napari_unisemalign.app.training_curves import Curves, Past
from napari_unisemalign.app.training_state import Phase, Training
from napari_unisemalign.app.undo_stack import UndoStack
from training_core.base.i18n import tr
from training_core.messages.events import Event, OverlayReady
from training_core.project import Project, TissueClass
from training_core.project.rejections import Rejection


class Session:
    """The state of one window. Every change is announced by one signal."""

    project_changed = Signal(object)
    """Project or None."""
    tile_changed = Signal(object)
    """Name of the tile on screen, or None."""
    listed_changed = Signal()
    """The list shows other tiles, or in another order."""
    outlined_changed = Signal()
    """Other classes are drawn as outlines."""
    class_changed = Signal(object)
    """Id of the class to paint with, or None."""
    training_changed = Signal(object)
    """Training."""
    curves_changed = Signal(object)
    """Curves."""
    past_changed = Signal()
    """Other rounds are known than before."""
    pace_changed = Signal()
    """It is known, or known otherwise, how long a tile takes to be predicted."""
    settings_changed = Signal()
    """The project trains with other settings of its own."""

    def __init__(self) -> None:
        self.model = ProjectModel()
        """The open project: every change of it is made and told there."""
        self.tile: str | None = None
        self.label = LabelModel()
        """The annotations of the tile on screen."""
        self.listed: tuple[str, ...] = ()
        self.class_id: int | None = None
        self.outlined: frozenset[int] = frozenset()
        """Ids of the classes that predictions draw as outlines; the others are filled."""
        self.settings: dict[str, Any] = {}
        """What the project's trainings do otherwise than by default, by key."""
        self.training = Training()
        self.curves = Curves()
        self.merged = Merged()
        """What the events of a process change."""
        self.waiting_acceptance: Callable[[str], tuple[bool, bool] | None] = lambda _name: None
        """Whether a tile will count as accepted, and as partly so, once all is written; None: as the project says."""
        self.waiting_rejection: Callable[[str], Rejection | None] = lambda _name: None
        """What is rejected of a tile once all is written; None: what the project says."""
        self.undo = UndoStack(lambda name: self._acceptance(name)[0], lambda name: self._acceptance(name)[1])
        """Label changes of this project; whoever changes a label records it here."""
        self.past: tuple[Past, ...] = ()
        """The finished rounds with their curves, oldest first."""
        self._overlays = TileOverlays()
        self.seconds_per_tile: float | None = None
        """What each tile took after the last step of the last training; None: not known."""

    def set_project(self, project: Project | None) -> None:
        """Show another project; nothing of the former one remains."""
        self.model.project, self.tile, self.class_id = project, None, None
        self.outlined = frozenset()
        self.listed = self.tile_names()
        self.training, self.curves, self._overlays = Training(), Curves(), TileOverlays()
        self.past = ()
        self.merged.forget()
        self.undo.clear()
        self.project_changed.emit(project)
        self.training_changed.emit(self.training)
        self.curves_changed.emit(self.curves)

    @property
    def project(self) -> Project | None:
        """The open project."""
        return self.model.project

    @property
    def states_changed(self) -> SignalInstance:
        """Of the model, as the next three are."""
        return self.model.states_changed

    @property
    def classes_changed(self) -> SignalInstance:
        """There are other classes."""
        return self.model.classes_changed

    @property
    def label_saved(self) -> SignalInstance:
        """With the name of the tile."""
        return self.model.label_saved

    @property
    def overlays_changed(self) -> SignalInstance:
        """With the name of the tile."""
        return self.model.overlays_changed

    def project_tiles_changed(self) -> None:
        """Tiles came to the project, or left it: all of them are listed."""
        self.set_listed(self.tile_names())

    def set_settings(self, values: dict[str, Any]) -> None:
        """The project's own settings are these."""
        if values != self.settings:
            self.settings = values
            self.settings_changed.emit()

    def set_past(self, past: tuple[Past, ...]) -> None:
        """These are the finished rounds."""
        self.past = past
        self.past_changed.emit()

    def set_pace(self, seconds_per_tile: float | None) -> None:
        """Predicting a tile takes so long; None: that is not known."""
        if seconds_per_tile != self.seconds_per_tile:
            self.seconds_per_tile = seconds_per_tile
            self.pace_changed.emit()

    def set_tile(self, name: str | None) -> None:
        """Put another tile on the screen."""
        if name != self.tile:
            self.tile = name
            self.tile_changed.emit(name)

    def set_class(self, class_id: int | None) -> None:
        """Choose the class to paint with."""
        if class_id != self.class_id:
            self.class_id = class_id
            self.class_changed.emit(class_id)

    def set_outlined(self, class_ids: frozenset[int]) -> None:
        """Draw these classes as outlines in predictions, and fill the others."""
        if class_ids != self.outlined:
            self.outlined = class_ids
            self.outlined_changed.emit()

    def classes(self) -> tuple[TissueClass, ...]:
        """The project's classes, none without a project."""
        return self.project.classes if self.project else ()

    def tile_names(self) -> tuple[str, ...]:
        """The names of all tiles, in the project's order."""
        return tuple(tile.name for tile in self.project.tiles) if self.project else ()

    def set_listed(self, names: tuple[str, ...]) -> None:
        """The tiles that the list shows, in its order: what next and previous go by."""
        if names != self.listed:
            self.listed = names
            self.listed_changed.emit()

    def neighbor(self, step: int) -> str | None:
        """The tile `step` places further in the list, or None at its end."""
        names = self.listed
        if not names:
            return None
        index = names.index(self.tile) + step if self.tile in names else 0
        return names[index] if 0 <= index < len(names) else None

    @property
    def has_other_tile(self) -> bool:
        """The list shows another tile than the one on screen, so that `next_to_review` finds one. Asked very often."""
        return any(name != self.tile for name in self.listed)

    def next_to_review(self) -> str | None:
        """The next tile with a prediction that waits for review, else the next in the list; round and round."""
        names = self.listed
        if self.project is None or not names:
            return None
        start = names.index(self.tile) + 1 if self.tile in names else 0
        ahead, waiting = names[start:] + names[:start], set(self.project.to_review())
        for name in ahead:
            if name != self.tile and name in waiting:
                return name
        return ahead[0] if ahead[0] != self.tile else None

    def _acceptance(self, name: str) -> tuple[bool, bool]:
        waiting = self.waiting_acceptance(name)
        if waiting is not None or self.project is None:
            return waiting or (False, False)
        return self.project.is_accepted(name), self.project.is_partly_accepted(name)

    def is_rejected(self, name: str, run_id: str) -> bool:
        """Whether this run's prediction of the tile is rejected as a whole, written or not."""
        waiting = self.waiting_rejection(name)
        if waiting is not None:
            return run_id in waiting.hidden
        return self.project is not None and self.project.is_rejected(name, run_id)

    def rejected_pixels(self, name: str) -> int:
        """How many pixels of the tile are rejected, written or not, whatever is annotated there since."""
        waiting = self.waiting_rejection(name)
        if waiting is not None:
            return int(np.count_nonzero(waiting.values))
        return self.project.rejected_pixels(name) if self.project is not None else 0

    # --- training -------------------------------------------------------------------------------------------------

    def begin_training(self, before: Curves | None = None) -> None:
        """A process was started; it has said nothing yet. before: the curves of what it goes on with."""
        self.curves = before or Curves()
        self._overlays.begin_training()
        self.curves_changed.emit(self.curves)
        self._set_training(Training(Phase.STARTING, message=tr("Starting the training process …")))

    def begin_stopping(self) -> None:
        """Stop was asked for; the process saves what it learned."""
        self._set_training(
            replace(self.training, phase=Phase.STOPPING, eta_s=None, message=tr("Saving what was learned…"))
        )

    def begin_pausing(self) -> None:
        """Pause was asked for; the process finishes its step."""
        self._set_training(replace(self.training, phase=Phase.PAUSED, message=tr("Pausing after this step …")))

    def begin_resuming(self) -> None:
        """The pause is to end."""
        self._set_training(replace(self.training, phase=Phase.RUNNING, message=tr("Going on …")))

    def end_training(self, message: str) -> None:
        """The process is gone; `message` says how it went."""
        if not self.training.finished:
            self._overlays.forget_training()
        self._set_training(replace(self.training, phase=Phase.IDLE, eta_s=None, message=message))

    def apply(self, event: Event) -> None:
        """Fold one event of the running process into the state."""
        if self.curves.add(event):
            self.merged.tell("curves", lambda: self.curves_changed.emit(self.curves))
        if isinstance(event, OverlayReady):
            if event.source != "earlier_run":  # it is on screen already: where training has nothing newer
                self._overlays.add(event)
                tell = partial(self.model.overlays_changed_outside, event.tile)
                self.merged.tell(("overlays", event.tile), tell)
            return
        training = self.training.after(event)
        if training is not self.training:
            self.training = training
            self.merged.tell("training", lambda: self.training_changed.emit(self.training))

    def overlays(self, name: str) -> Overlays | None:
        """The newest overlays of a tile: those of the live or training process, else those of the latest finished run.

        None where there are none or where the user rejected them.
        """
        return self._overlays.of(self.project, name, self.is_rejected, is_training=self.training.active)

    def has_other_overlays(self, name: str | None) -> bool:
        """Whether the training has overlays of the tile by the pixel classifier and by the network."""
        return self.training.active and self._overlays.has_others(name)

    def show_other_overlays(self) -> None:
        """Show the pixel classifier's overlays in the place of the network's, or these again."""
        self._overlays.prefers_quick = not self._overlays.prefers_quick
        if self.tile is not None:
            self.model.overlays_changed_outside(self.tile)

    @property
    def prefers_quick(self) -> bool:
        """Whether, where a tile has both, the pixel classifier's overlays are shown."""
        return self._overlays.prefers_quick

    def overlays_in_words(self, name: str | None) -> str:
        """What made the overlays of the tile, where it is not the latest training; empty where it is, or for none."""
        overlays = self.overlays(name) if name is not None else None
        return "" if overlays is None or self.project is None else overlays.in_words(self.project.latest_run_id())

    def is_painted(self, name: str | None) -> bool:
        """Whether the tile's overlays are the live preview's."""
        return self._overlays.is_live_preview(name)

    def end_live(self) -> None:
        """There is no live preview any more, and no overlays of it."""
        for name in self._overlays.end_live_preview():
            self.model.overlays_changed_outside(name)

    def _set_training(self, training: Training) -> None:
        self.training = training
        self.training_changed.emit(training)
