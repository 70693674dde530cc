"""The overlays of the tile that the user looks at while the network trains: whose they are, and when they change."""

from __future__ import annotations

from pathlib import Path

from training_core.base.errors import ImageError, ProjectError
from training_core.base.i18n import tr
from training_core.class_maps.pixel_scores import Scores
from training_core.compute import processes as distributed
from training_core.messages.events import OverlayReady, Warned
from training_core.messages.messenger import Messenger
from training_core.pixel_classifier.first_overlay import QuickStart
from training_core.project.prediction_source import Maker
from training_core.training.final_predictions import FinalPredictions
from training_core.training.schedule import RunProgress
from training_core.training.tile_predictor import TilePredictor

_SOURCES = {
    Maker.NETWORK: "network",
    Maker.PREVIOUS_RUN: "earlier_run",
    Maker.PIXEL_CLASSIFIER: "quick_start",
}
"""What `OverlayReady` calls them."""


class Overlays:
    """Of one tile at a time; None `shown`: the user looks at none.

    Parameters
    ----------
    quick
        Makes the overlays until the network's are as good; None: the network makes them from the start.
    """

    def __init__(
        self,
        predictor: TilePredictor,
        run_dir: Path,
        progress: RunProgress,
        messenger: Messenger,
        quick: QuickStart | None,
    ) -> None:
        self._write, self._folder, self._progress = predictor.write, run_dir / "overlays", progress
        self._messenger, self._quick = messenger, quick
        self.shown: str | None = None

    def show(self, tile: str) -> None:
        """From now on the overlays are this tile's; the first one comes at once."""
        self.shown = tile
        answered = self._quick is not None and self._quick.show(tile, self._progress.step)
        if self._progress.step and not answered:
            self._refresh()

    def begin_with(self, scores: Scores | None) -> None:
        """The run starts with the weights of the one before, which score this: what comes later has to better it."""
        if self._quick is not None and scores is not None:
            self._quick.measured_again(scores)

    def update(self, *, is_validated: bool) -> None:
        """Make the network's overlay, unless what is on screen is better.

        Parameters
        ----------
        is_validated
            This step has been scored.
        """
        state = self._progress
        if self._quick is None or self._quick.may_show(state.step, state.scores if is_validated else None):
            self._refresh()

    def conclude(self, final: FinalPredictions) -> None:
        """From now on the overlays are what the run ends with."""
        self._quick, self._write = None, final.write

    def _refresh(self) -> None:
        """Predict the tile on screen and tell where its overlays lie; a tile without a picture costs a warning."""
        if self.shown is None or not distributed.is_first():
            return
        try:
            written = self._write(self.shown, self._folder)
        except (ImageError, ProjectError) as error:
            words = tr("Tile {name} cannot be shown: {error}")
            self._messenger.send(Warned, message=words.format(name=self.shown, error=error))
            self.shown = None
            return
        files = {kind: str(path) for kind, path in written.paths.items()}
        source = _SOURCES[written.made_by]
        self._messenger.send(OverlayReady, step=self._progress.step, tile=self.shown, source=source, **files)
