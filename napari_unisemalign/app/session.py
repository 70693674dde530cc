"""What the window knows, as evented state without Qt.

Controllers write here, views are refreshed from here. The trainer's events are folded into it by `Session.apply`,
so that the whole training display can be tested without a process and without a widget.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from psygnal import Signal

from napari_unisemalign.app.training_curves import Curves, measure_in_words
from napari_unisemalign.app.undo_stack import UndoStack
from training_core.base.i18n import ntr, tr
from training_core.messages.events import (
    Event,
    OverlayReady,
    Paused,
    Resumed,
    RunFailed,
    RunFinished,
    RunStarted,
    Status,
    StepDone,
    Validated,
)
from training_core.project import Project, TissueClass


def tiles_in_words(labeled: int, unlabeled: int, partly: int, val: int) -> str:
    """What a training has, in counts that add up.

    Parameters
    ----------
    partly
        How many of the annotated tiles are among the `unlabeled`, for the rest of their pixels.
    """
    words = ntr(
        "{labeled} annotated tile, {rest} without annotations and {val} for validation",
        "{labeled} annotated tiles, {rest} without annotations and {val} for validation",
        labeled,
    )
    said = words.format(labeled=labeled, rest=unlabeled - partly, val=val)
    if not partly:
        return said
    more = ntr(
        "{tiles}; the unpainted part of {partly} annotated one helps too",
        "{tiles}; the unpainted parts of {partly} annotated ones help too",
        partly,
    )
    return more.format(tiles=said, partly=partly)


class Phase(StrEnum):
    """Where the training process is in its life."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"


class OverlaySource(StrEnum):
    """Which of the trainer's two maps is accepted."""

    PREDICTION = "prediction"
    PSEUDO_LABEL = "pseudo_label"


@dataclass(frozen=True)
class Training:
    """The state of the training process, in words that a status line can show."""

    phase: Phase = Phase.IDLE
    run_id: str | None = None
    message: str = ""
    progress: float = 0.0
    """Share of the whole time, the final predictions included, 0 to 1."""
    eta_s: float | None = None
    memory_bytes: int | None = None
    gpu_memory_bytes: int | None = None
    """The most memory that the process has used."""
    device: str = ""
    """What it computes on, in words such as "CPU"; empty before the run has said so."""
    finished: bool = False
    """The run said that it finished; its predictions are on the disk."""
    failure: str = ""
    """The message of `run_failed`, empty while nothing failed."""

    @property
    def active(self) -> bool:
        """A process is there."""
        return self.phase is not Phase.IDLE


@dataclass(frozen=True)
class Overlays:
    """The files of one tile's overlays and the run they came from."""

    run_id: str
    prediction: Path
    pseudo_label: Path
    confidence: Path
    live: bool
    """Made while training; a later one of the same tile may follow."""
    made_by: Literal["run", "network", "pixel_classifier", "live"] = "run"
    """A run that has finished, or what paints while one trains."""


class Session:
    """The state of one window. Every change is announced by one signal."""

    project_changed = Signal(object)
    """Project or None."""
    tile_changed = Signal(object)
    """Name of the tile on screen, or None."""
    states_changed = Signal()
    """Tiles may have another state: a stroke was saved, a prediction came or was rejected."""
    listed_changed = Signal()
    """The list shows other tiles, or in another order."""
    classes_changed = Signal()
    class_changed = Signal(object)
    """Id of the class to paint with, or None."""
    training_changed = Signal(object)
    """Training."""
    curves_changed = Signal(object)
    """Curves."""
    pace_changed = Signal()
    """It is known, or known otherwise, how long a tile takes to be predicted."""
    settings_changed = Signal()
    """The project trains with other settings of its own."""
    label_saved = Signal(str)
    """Name of the tile whose label was just written to the project."""
    overlays_changed = Signal(str)
    """Name of the tile with other overlays."""

    def __init__(self) -> None:
        self.project: Project | None = None
        self.tile: str | None = None
        self.listed: tuple[str, ...] = ()
        self.class_id: int | None = None
        self.settings: dict[str, Any] = {}
        """What the project's trainings do otherwise than by default, by key."""
        self.training = Training()
        self.curves = Curves()
        self.undo = UndoStack(
            lambda name: self.project is not None and self.project.is_accepted(name),
            lambda name: self.project is not None and self.project.is_partly_accepted(name),
        )
        """Label changes of this project; whoever changes a label records it here."""
        self._live: dict[str, Overlays] = {}
        self._quick: dict[str, Overlays] = {}
        """Those of the pixel classifier, which the network's replace."""
        self.seconds_per_tile: float | None = None
        """What each tile took after the last step of the last training; None: not known."""
        self.prefers_quick = False
        """Where a tile has both, the pixel classifier's are shown."""
        self._painted: dict[str, Overlays] = {}
        """Those of the live process, as long as they are newer than the training's."""

    def set_project(self, project: Project | None) -> None:
        """Show another project; nothing of the former one remains."""
        self.project, self.tile, self.class_id = project, None, None
        self.listed = self.tile_names()
        self.training, self.curves, self._live, self._painted = Training(), Curves(), {}, {}
        self._quick, self.prefers_quick = {}, False
        self.undo.clear()
        self.project_changed.emit(project)
        self.training_changed.emit(self.training)
        self.curves_changed.emit(self.curves)

    def project_tiles_changed(self) -> None:
        """Tiles came to the project, or left it: all of them are listed."""
        self.set_listed(self.tile_names())

    def set_settings(self, values: dict[str, Any]) -> None:
        """The project's own settings are these."""
        if values != self.settings:
            self.settings = values
            self.settings_changed.emit()

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

    # --- training -------------------------------------------------------------------------------------------------

    def begin_training(self, before: Curves | None = None) -> None:
        """A process was started; it has said nothing yet. before: the curves of what it goes on with."""
        self.curves, self._live, self._quick, self.prefers_quick = before or Curves(), {}, {}, False
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
        ended, self._live = self.training, {name: each for name, each in self._live.items() if self.training.finished}
        self._set_training(replace(ended, phase=Phase.IDLE, eta_s=None, message=message))

    def apply(self, event: Event) -> None:
        """Fold one event of the running process into the state."""
        training = self.training
        if self.curves.add(event):
            self.curves_changed.emit(self.curves)
        match event:
            case RunStarted():
                words = tr("Training on {tiles} ({device}).")
                device = event.device.upper()
                counts = {"tiles": tiles_in_words(event.n_labeled, event.n_unlabeled, event.n_partly, event.n_val)}
                self._set_training(
                    replace(
                        training,
                        phase=training.phase if training.phase in (Phase.STOPPING, Phase.PAUSED) else Phase.RUNNING,
                        run_id=event.run_id,
                        device=device,
                        message=words.format(**counts, device=device),
                    )
                )
            case Status(done=float() as done):
                progress = max(training.progress, done)
                self._set_training(replace(training, message=event.message, progress=progress, eta_s=event.eta_s))
            case Status():
                self._set_training(replace(training, message=event.message))
            case StepDone():
                eta_s = None if training.phase is Phase.STOPPING else event.eta_s
                progress = event.progress if event.done is None else event.done
                training = replace(training, progress=progress, eta_s=eta_s)
                memory = event.memory_bytes or training.memory_bytes
                gpu_memory = event.gpu_memory_bytes or training.gpu_memory_bytes
                self._set_training(replace(training, memory_bytes=memory, gpu_memory_bytes=gpu_memory))
            case Paused() if training.phase is Phase.PAUSED:
                words = tr("Paused after {step} steps. All is saved: the computer may be switched off meanwhile.")
                self._set_training(replace(training, message=words.format(step=event.step)))
            case Resumed():
                self._set_training(replace(training, message=tr("Training goes on.")))
            case Validated(measured_on="training"):
                words = tr("{step} steps done. Without validation tiles nothing measures how good it is.")
                self._set_training(replace(training, message=words.format(step=event.step)))
            case Validated(mdice=float() as mdice):
                words = tr("{measure} {dice:.1f} % after {step} steps{best}.")
                best = tr(", the best so far") if event.is_best and event.measured_on == "validation" else ""
                measure = measure_in_words(event.measured_on, event.n_tiles)
                message = words.format(measure=measure, dice=mdice, step=event.step, best=best)
                self._set_training(replace(training, message=f"{message[:1].upper()}{message[1:]}"))
            case OverlayReady(source="earlier_run"):
                pass  # it is on screen already: where training has nothing newer, a run's own overlays are
            case OverlayReady():
                paths = (Path(event.prediction), Path(event.pseudo_label), Path(event.confidence))
                made_by: dict[str, Any] = {"live": "live", "quick_start": "pixel_classifier"}
                by = made_by.get(event.source, "network")
                overlays = Overlays(event.run_id or event.source, *paths, live=True, made_by=by)
                if event.source == "live":
                    self._painted[event.tile] = overlays
                else:
                    if event.source == "quick_start":
                        self._quick[event.tile] = overlays
                    self._live[event.tile] = overlays
                    self._painted.pop(event.tile, None)
                self.overlays_changed.emit(event.tile)
            case RunFinished():
                self._set_training(replace(training, run_id=event.run_id, finished=True, progress=1.0, eta_s=None))
            case RunFailed():
                self._set_training(replace(training, failure=event.message))
            case _:
                pass  # Warned carries no state; a validation without a Dice draws no point

    def overlays(self, name: str) -> Overlays | None:
        """The newest overlays of a tile: those of the live or training process, else those of the latest finished run.

        None where there are none or where the user rejected them.
        """
        if self.project is None:
            return None
        if name in self._painted:
            return self._painted[name]
        live = self._live.get(name)
        if self.prefers_quick and self.has_other_overlays(name):
            live = self._quick[name]
        if live is not None and self.training.active:
            return live
        stored = self.project.prediction(name)
        if stored is not None:
            if self.project.is_rejected(name, stored.run_id):
                return None
            return Overlays(stored.run_id, stored.prediction, stored.pseudo_label, stored.confidence, live=False)
        if live is not None and not self.project.is_rejected(name, live.run_id):
            return replace(live, live=False)  # a completely labelled tile has no stored prediction
        return None

    def has_other_overlays(self, name: str | None) -> bool:
        """Whether the training has overlays of the tile by the pixel classifier and by the network."""
        quick, live = self._quick.get(name or ""), self._live.get(name or "")
        return self.training.active and quick is not None and live is not None and live is not quick

    def show_other_overlays(self) -> None:
        """Show the pixel classifier's overlays in the place of the network's, or these again."""
        self.prefers_quick = not self.prefers_quick
        if self.tile is not None:
            self.overlays_changed.emit(self.tile)

    def overlays_in_words(self, name: str | None) -> str:
        """What made the overlays of the tile, where it is not the latest training; empty where it is, or for none."""
        overlays = self.overlays(name) if name is not None else None
        if overlays is None or self.project is None:
            return ""
        if overlays.made_by == "run":
            return "" if overlays.run_id == self.project.latest_run_id() else tr("Prediction of an earlier round")
        words = {
            "live": "",  # the live preview says so itself
            "pixel_classifier": tr("First overlay: pixel classifier"),
            "network": tr("Network, in training"),
        }
        return words[overlays.made_by]

    def is_painted(self, name: str | None) -> bool:
        """Whether the tile's overlays are the live preview's."""
        return name in self._painted

    def end_live(self) -> None:
        """There is no live preview any more, and no overlays of it."""
        names, self._painted = tuple(self._painted), {}
        for name in names:
            self.overlays_changed.emit(name)

    def _set_training(self, training: Training) -> None:
        self.training = training
        self.training_changed.emit(training)
