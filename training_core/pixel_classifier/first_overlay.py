"""A first overlay seconds after the start, and the word on when the network's overlays take its place.

The overlays of the first minute come from a small pixel classifier on frozen features, or from the run before where it
has predicted the tile: a trained network is better than that classifier. Whatever is on screen is replaced only by what
the validation tiles find at least as good, or without any the held-out annotations; where there are none of these
either, by the network after `STEPS_WITHOUT_COMPARISON` steps. `training/final_predictions.py` asks the same at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from training_core.base.arrays import BoolMask, ClassIds
from training_core.base.errors import ImageError, ProjectError
from training_core.base.i18n import tr
from training_core.class_maps.overlay_files import OverlayArrays
from training_core.class_maps.pixel_scores import Scores
from training_core.compute.device import Compute
from training_core.data.previous_run import PreviousRun
from training_core.data.scored_labels import ScoredLabels
from training_core.messages.events import OverlayReady, Status
from training_core.messages.messenger import Messenger
from training_core.pixel_classifier.head_predictor import HeadPainter
from training_core.pixel_classifier.pretrained import Warm
from training_core.project import Project
from training_core.project.prediction_source import Maker
from training_core.project.thumbnails import CACHE_FOLDER
from training_core.settings.schema import Config

if TYPE_CHECKING:
    from training_core.network.encoders import Encoder

STEPS_WITHOUT_COMPARISON = 100


class QuickStart:
    """Predicts for the network until that may show its own, and is compared with it. Used by one run.

    Parameters
    ----------
    held_out
        Where the labels (H, W) of tiles are not to be learned from.
    before
        The run whose predictions may be on screen.
    shows
        Whether to show anything; a resumed run only compares.
    warm
        What the process had ready before the run; used where it is what the run would make.
    """

    def __init__(
        self,
        project: Project,
        config: Config,
        compute: Compute,
        messenger: Messenger,
        held_out: Mapping[str, BoolMask] | None = None,
        before: PreviousRun | None = None,
        *,
        shows: bool = True,
        warm: Warm | None = None,
    ) -> None:
        self._project, self._config, self._compute, self._messenger = project, config, compute, messenger
        if warm is None or not warm.serves(project, config, compute):
            warm = Warm.up(project, config, compute, self._say_loading)
        self._encoder = warm.encoder
        self._classifier = HeadPainter(project, config, warm.store, held_out)
        self._folder = project.path / CACHE_FOLDER / "quick_start"
        self.before = before
        self._truth: ScoredLabels | None = None
        self._in_charge = shows
        self._shown_by: Maker | None = None
        """Whose overlay is on screen until the network's may be; None: nobody's yet."""
        self._has_fitted = False
        self._bar: float | None = None
        """mDice in percent, on `_truth`, of what is on screen."""

    def compare_on(
        self, truth: ScoredLabels | None, labeled: tuple[str, ...], label: Callable[[str], ClassIds]
    ) -> None:
        """The run has read its labels.

        Parameters
        ----------
        truth
            What predictions are scored on; None: nothing can compare them.
        labeled, label
            The tiles that the run learns from, and what of each, in class ids (H, W).
        """
        self._truth = truth
        if not self._has_fitted:
            self._classifier.learn_from(labeled, label)

    def show(self, tile: str, step: int) -> bool:
        """Announce an overlay of the tile; False when that is the network's business, or the labels do not do."""
        if not self._in_charge:
            return False
        if self._show_earlier(tile, step):
            return True
        try:
            self._fit(tile)
            paths = self._classifier.paint(tile, self._folder, self._config.pseudo_label.threshold_start)
        except (ImageError, ProjectError) as error:
            self._messenger.send(
                Status, message=tr("No overlay from the pixel classifier: {error}").format(error=error)
            )
            return False
        self._shown_by = self._shown_by or Maker.PIXEL_CLASSIFIER
        values = {kind: str(path) for kind, path in paths.items()}
        self._messenger.send(OverlayReady, step=step, tile=tile, source="quick_start", **values)
        return True

    def _show_earlier(self, tile: str, step: int) -> bool:
        """Announce what the run before has predicted for the tile, unless there is nothing or the user rejected it."""
        earlier = self.before.to_show(tile) if self.before is not None else None
        if earlier is None:
            return False
        self._shown_by = self._shown_by or Maker.PREVIOUS_RUN
        files = {kind: str(getattr(earlier, kind)) for kind in ("prediction", "pseudo_label", "confidence")}
        self._messenger.send(OverlayReady, step=step, tile=tile, source="earlier_run", **files)
        return True

    def may_show(self, step: int, scores: Scores | None) -> bool:
        """Whether the network's overlay may be shown after `step`.

        Parameters
        ----------
        scores
            Scores of the validation just made, else None.
        """
        if self._shown_by is None:
            self._in_charge = self._in_charge and scores is None
            return True  # nothing else is on screen
        if scores is not None and self._bar is None:
            own = self.score(self._shown_by)
            self._bar = own.mdice if own is not None else None
        if self._truth is None or (scores is not None and self._bar is None):
            return self._is_trained_enough(step)
        if scores is None or self._bar is None:
            return not self._in_charge
        return self._is_better(scores.mdice, self._bar, self._truth)

    def _is_trained_enough(self, step: int) -> bool:
        """Where nothing can compare the network with what is on screen."""
        if self._in_charge and step >= STEPS_WITHOUT_COMPARISON:
            words = tr("after {step} steps; nothing can compare it with {shown_by}")
            self._give_way(words.format(step=step, shown_by=self._shown_by.words if self._shown_by else ""))
        return not self._in_charge

    def _is_better(self, own: float, bar: float, truth: ScoredLabels) -> bool:
        assert self._shown_by is not None
        figures = {"own": own, "bar": bar}
        measured = truth.measured_on == "validation"
        if own >= bar:
            if measured:  # a few strokes are no reason to stay with an earlier step
                self._bar = own
            if self._in_charge:
                words = tr("it agrees with the held-out annotations as well as {shown_by}")
                if measured:
                    words = tr("validation Dice {own:.1f} %, {bar:.1f} % for {shown_by}")
                self._give_way(words.format(shown_by=self._shown_by.words, **figures))
            return True
        what = self._shown_by.words if self._in_charge else tr("an earlier step")
        words = tr("The overlay still comes from {what}: the network agrees less with the held-out annotations.")
        if measured:
            words = tr(
                "The overlay still comes from {what}: the network has a validation Dice of {own:.1f} %, below "
                "{bar:.1f} %."
            )
        self._messenger.send(Status, message=words.format(what=what, **figures))
        return False

    def measured_again(self, scores: Scores) -> None:
        """What the weights of the run before, with which this one starts, score by this one's measure and labels."""
        if self._shown_by is Maker.PREVIOUS_RUN and self.before is not None and self.before.network_predicted:
            self._bar = scores.mdice

    def score(self, maker: Maker) -> Scores | None:
        """How well the previous run or the pixel classifier predicts what is scored; None: that cannot be measured.

        Raises
        ------
        ProjectError, ImageError
            The annotations do not do for a classifier, or an image is missing.
        """
        truth = self._truth
        if truth is None:
            return None
        if maker is Maker.PREVIOUS_RUN:
            return truth.scores(self.before.class_ids) if self.before and truth.is_new_to_previous else None
        self._fit(truth.names[0])
        return self._classifier.score(truth)

    def predict(self, maker: Maker, tile: str, class_ids: tuple[int, ...]) -> OverlayArrays | None:
        """The overlays of a tile by one of them; None: the previous run has none that may be kept.

        Raises
        ------
        ProjectError, ImageError
            As `score`.
        """
        if maker is Maker.PREVIOUS_RUN:
            return self.before.to_keep(tile, class_ids) if self.before is not None else None
        self._fit(tile)
        return self._classifier.predict(tile, self._config.pseudo_label.threshold_start)

    def _fit(self, tile: str) -> None:
        if not self._has_fitted:
            self._classifier.fit(tile)
        self._has_fitted = True

    def hand_over(self) -> Encoder | None:
        """The encoder, if it was built already, for the network; chance goes on as if it was built at this moment."""
        return self._encoder.hand_over()

    def share(self, encoder: Encoder) -> None:
        """Use the network's own encoder where it stays as it was pretrained."""
        self._encoder.share(encoder)

    def _give_way(self, why: str) -> None:
        self._in_charge = False
        self._messenger.send(Status, message=tr("The overlay now comes from the network: {why}.").format(why=why))

    def _say_loading(self) -> None:
        self._messenger.send(Status, message=tr("Loading the encoder"))
