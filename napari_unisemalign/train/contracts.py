"""What the controllers of this place need of their views, and all that they may touch: no widget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from napari_unisemalign.app.contracts import Told
from napari_unisemalign.widgets.chart import Series
from training_core.settings.form_fields import Setting


class Plot(StrEnum):
    """What the chart shows."""

    DICE = "dice"
    LOSSES = "losses"
    PSEUDO_LABELS = "pseudo-labels"


class ChartSurface(Protocol):
    """The curves of the trainings."""

    @property
    def plot_changed(self) -> Told:
        """Something else is to be shown."""

    @property
    def save_clicked(self) -> Told:
        """The curves are to be written."""

    @property
    def plot(self) -> Plot:
        """What is to be shown."""

    def set_shown(self, shown: bool) -> None:
        """Whether there is any curve."""

    def show_curves(self, series: Sequence[Series], *, note: str) -> None:
        """Draw these; note: what one has to know to read them."""


class RunSurface(Protocol):
    """What can be done with a training that runs, and with one that was cut off."""

    @property
    def pause_clicked(self) -> Told:
        """To pause, or to go on."""

    @property
    def discard_clicked(self) -> Told:
        """The training that runs is not wanted."""

    @property
    def resume_run_clicked(self) -> Told:
        """The training that was cut off is to go on."""

    @property
    def keep_run_clicked(self) -> Told:
        """What the training that was cut off has learned is enough."""

    @property
    def discard_run_clicked(self) -> Told:
        """The training that was cut off is not wanted."""

    @property
    def predict_clicked(self) -> Told:
        """The tiles without a prediction are to get one."""

    def set_running(self, pause_reason: str, discard_reason: str, *, active: bool, paused: bool) -> None:
        """Offer to pause and to discard, or say why not."""

    def set_offer(self, text: str) -> None:
        """The sentence about a training that was cut off; an empty one for none."""

    def set_missing(self, text: str) -> None:
        """The sentence about tiles that have no prediction; an empty one for none."""


class SettingsSurface(Protocol):
    """The project's own settings."""

    @property
    def opened(self) -> Told:
        """The form is in sight."""

    @property
    def edited(self) -> Told:
        """With a setting, and its new value or the text that was typed."""

    @property
    def reset_clicked(self) -> Told:
        """With a setting that is to have its default."""

    @property
    def reset_all_clicked(self) -> Told:
        """All settings are to have their defaults."""

    def set_available(self, reason: str) -> None:
        """Let the form be opened, or say why not."""

    def set_values(
        self, values: Mapping[str, Any], defaults: Mapping[str, Any], changed: Mapping[str, Any], problem: str = ""
    ) -> None:
        """Show all values by key, and which the project changes. problem: why nothing of it can be changed."""

    def set_problem(self, setting: Setting, text: str) -> None:
        """Say why what was typed is not taken."""

    def set_known(self, key: str, about: dict[str, str], short: dict[str, str]) -> None:
        """What is known of the encoders, by their names."""


class TrainSurface(Protocol):
    """How long to train, and the two buttons; what goes on is said in the foot, on every page."""

    @property
    def start_clicked(self) -> Told:
        """To train."""

    @property
    def stop_clicked(self) -> Told:
        """To end the training and keep what it learned."""

    @property
    def minutes_changed(self) -> Told:
        """Another time was chosen."""

    @property
    def minutes(self) -> float:
        """The time to train."""

    @property
    def labeled_only(self) -> bool:
        """Whether the tiles without annotations are ignored."""

    def set_available(self, start_reason: str, stop_reason: str) -> None:
        """Offer to start and to stop, or say why not."""

    def set_estimate(self, text: str) -> None:
        """How long a training would take in all; empty where none can start."""

    def set_plan(self, text: str) -> None:
        """What a training would learn from, or why none can start; empty while one runs."""

    def set_active(self, active: bool, *, memory: str) -> None:
        """Whether a training runs, and the most memory that it has used, in words."""


class LiveSurface(Protocol):
    """The switch of the live preview."""

    @property
    def live_toggled(self) -> Told:
        """With whether it is on."""

    def set_live(self, on: bool, reason: str) -> None:
        """Whether it is on, and why it cannot be switched."""

    def set_live_status(self, text: str) -> None:
        """What the live preview does, or what it lacks."""
