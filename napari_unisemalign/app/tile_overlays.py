"""Which overlays of a tile are shown: those of the live preview, of the training that runs, or of a finished run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from training_core.base.i18n import tr
from training_core.messages.events import OverlayReady
from training_core.project import Project


class OverlaySource(StrEnum):
    """Which of the trainer's two maps is accepted."""

    PREDICTION = "prediction"
    PSEUDO_LABEL = "pseudo_label"


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

    def in_words(self, latest_run_id: str | None) -> str:
        """What made them, where it is not the latest training; empty where it is."""
        if self.made_by == "run":
            return "" if self.run_id == latest_run_id else tr("Prediction of an earlier round")
        words = {
            "live": "",  # the live preview says so itself
            "pixel_classifier": tr("First overlay: pixel classifier"),
            "network": tr("Network, in training"),
        }
        return words[self.made_by]


class TileOverlays:
    """What the processes have made for each tile since the project was opened."""

    def __init__(self) -> None:
        self._live: dict[str, Overlays] = {}
        self._quick: dict[str, Overlays] = {}
        """Those of the pixel classifier, which the network's replace."""
        self._painted: dict[str, Overlays] = {}
        """Those of the live process, as long as they are newer than the training's."""
        self.prefers_quick = False
        """Where a tile has both, the pixel classifier's are shown."""

    def add(self, event: OverlayReady) -> None:
        """A process has made some."""
        paths = (Path(event.prediction), Path(event.pseudo_label), Path(event.confidence))
        made_by: dict[str, Any] = {"live": "live", "quick_start": "pixel_classifier"}
        by = made_by.get(event.source, "network")
        overlays = Overlays(event.run_id or event.source, *paths, live=True, made_by=by)
        if event.source == "live":
            self._painted[event.tile] = overlays
            return
        if event.source == "quick_start":
            self._quick[event.tile] = overlays
        self._live[event.tile] = overlays
        self._painted.pop(event.tile, None)

    def begin_training(self) -> None:
        """Those of the training before are gone; the live preview's stay until there are newer ones."""
        self._live, self._quick, self.prefers_quick = {}, {}, False

    def forget_training(self) -> None:
        """The training ended without a result."""
        self._live = {}

    def end_live_preview(self) -> tuple[str, ...]:
        """Those of the live preview are gone; returns the tiles that had some."""
        names, self._painted = tuple(self._painted), {}
        return names

    def is_live_preview(self, name: str | None) -> bool:
        """Whether the tile's are the live preview's."""
        return name in self._painted

    def has_others(self, name: str | None) -> bool:
        """Whether the tile has some by the pixel classifier and some by the network."""
        quick, live = self._quick.get(name or ""), self._live.get(name or "")
        return quick is not None and live is not None and live is not quick

    def of(
        self, project: Project | None, name: str, is_rejected: Callable[[str, str], bool], *, is_training: bool
    ) -> Overlays | None:
        """The newest of a tile; None where there are none or where the user rejected them.

        Parameters
        ----------
        is_rejected
            Whether the prediction of a tile, by name, by this run is rejected.
        """
        if project is None or not project.has_tile(name):
            return None
        if name in self._painted:
            return self._painted[name]
        live = self._live.get(name)
        if is_training and self.prefers_quick and self.has_others(name):
            live = self._quick[name]
        if live is not None and is_training:
            return live
        stored = project.prediction(name)
        if stored is not None:
            if is_rejected(name, stored.run_id):
                return None
            return Overlays(stored.run_id, stored.prediction, stored.pseudo_label, stored.confidence, live=False)
        if live is not None and not is_rejected(name, live.run_id):
            return replace(live, live=False)  # a completely labelled tile has no stored prediction
        return None
