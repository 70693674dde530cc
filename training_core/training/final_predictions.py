"""The predictions that a run leaves of its tiles: the network's, unless something simpler predicts better.

After a short training the pixel classifier of the first overlays, or what the previous run predicted, can be better
than the network. All are compared on the same annotations, as each predicts in the end; the network wins a tie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from training_core.base.errors import UserError
from training_core.base.i18n import ntr, tr
from training_core.class_maps.overlay_files import write_overlays
from training_core.class_maps.pixel_scores import Scores
from training_core.data.scored_labels import ScoredLabels
from training_core.messages.events import Status, Warned
from training_core.messages.messenger import Messenger
from training_core.pixel_classifier.first_overlay import QuickStart
from training_core.prediction import out_of_memory
from training_core.project.prediction_source import NOT_COMPARED, Maker, PredictionSource
from training_core.training.tile_predictor import TilePredictor, WrittenPrediction

Result = TypeVar("Result")

_OTHERS = (Maker.PREVIOUS_RUN, Maker.PIXEL_CLASSIFIER)


class FinalPredictions:
    """Predicts tiles by the best of those that can be compared.

    Parameters
    ----------
    quick
        The pixel classifier and the previous run; None: only the network is asked.
    """

    def __init__(
        self, predictor: TilePredictor, truth: ScoredLabels, quick: QuickStart | None, messenger: Messenger
    ) -> None:
        self._predictor, self._truth, self._quick, self._messenger = predictor, truth, quick, messenger
        self._order: tuple[Maker, ...] = (Maker.NETWORK,)
        """The best first."""
        self._by_others = 0
        """Tiles that were not predicted by the best."""
        self.source = NOT_COMPARED

    def choose(self, network: Callable[[], Scores | None]) -> Scores | None:
        """Compare, say what came of it, and predict by the best from now on; gives its scores, None: nothing compares.

        Parameters
        ----------
        network
            Scores of the network as it predicts.
        """
        quick, measured_on = self._quick, self._truth.measured_on
        if quick is None or measured_on == "training":
            return None
        self._messenger.send(Status, message=tr("Comparing the network with the pixel classifier"))
        others = {maker: self._tried(partial(quick.score, maker)) for maker in _OTHERS}
        known = {maker: each for maker, each in others.items() if each is not None}
        own = network() if known else None
        if own is None:
            return None
        scores = {Maker.NETWORK: own, **known}
        self._order = tuple(sorted(scores, key=lambda maker: -scores[maker].mdice))  # stable: the network wins a tie
        before = quick.before.run_id if quick.before and Maker.PREVIOUS_RUN in scores else None
        figures = {maker: each.mdice for maker, each in scores.items()}
        self.source = PredictionSource(
            made_by=self._order[0], previous_run=before, measured_on=measured_on, mdice=figures
        )
        self._tell(figures)
        return scores[self._order[0]]

    def write(self, name: str, folder: Path) -> WrittenPrediction:
        """Prediction, pseudo-label and confidence of one tile, also as PNGs in `folder`."""
        quick, class_ids = self._quick, self._truth.pool.class_ids
        for maker in self._order:
            if maker is Maker.NETWORK or quick is None:
                break
            arrays = self._tried(partial(quick.predict, maker, name, class_ids))
            if arrays is not None:
                return WrittenPrediction(arrays, write_overlays(folder, name, arrays), maker)
        return self._predictor.write(name, folder)

    def keep(self, name: str, run_dir: Path) -> WrittenPrediction:
        """`write` as the run's prediction of the tile."""
        written = self.write(name, run_dir / "predictions")
        self.count(written.made_by)
        return written

    def count(self, made_by: Maker) -> None:
        """A tile is predicted by this maker."""
        self._by_others += made_by is not self._order[0]

    def conclude(self) -> None:
        """Say so where some tiles were not predicted by the best."""
        if self._by_others:
            words = ntr(
                "{count} tile has no prediction by {best} that can be used, and comes from the next best.",
                "{count} tiles have no prediction by {best} that can be used, and come from the next best.",
                self._by_others,
            )
            self._messenger.send(Warned, message=words.format(count=self._by_others, best=self._order[0].words))

    def _tell(self, mdice: Mapping[Maker, float]) -> None:
        """Whose predictions they are, and why; with figures only where validation tiles gave them."""
        best, rest = self._order[0], self._order[1:]
        if self._truth.measured_on == "validation":
            others = ", ".join(f"{mdice[maker]:.1f} % ({maker.words})" for maker in rest)
            why = tr("validation Dice {figure:.1f} %, against {others}").format(figure=mdice[best], others=others)
        else:
            why = tr("they agree better with the held-out annotations than those of {others}")
            why = why.format(others=tr(" and ").join(maker.words for maker in rest))
        if best is Maker.NETWORK:
            words = tr("The predictions come from the network: {why}.")
            self._messenger.send(Status, message=words.format(why=why))
            return
        words = tr("The predictions of the tiles come from {best}: {why}. Train longer to improve the network.")
        self._messenger.send(Warned, message=words.format(best=best.words, why=why))

    def _tried(self, ask: Callable[[], Result | None]) -> Result | None:
        """What `ask` gives; None, and said why, where it cannot be had: the network is there in any case."""
        try:
            return ask()
        except UserError as error:
            reason = str(error)
        except Exception as error:
            if not out_of_memory.is_out_of_memory(error):
                raise
            reason = tr("memory ran out")
        words = tr("The pixel classifier or the previous run is left out: {reason}")
        self._messenger.send(Warned, message=words.format(reason=reason))
        return None
