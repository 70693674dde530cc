"""A first overlay seconds after the start, and the word on when the network's overlays take its place.

The overlays of the first minute come from a small pixel classifier on frozen features, or from the run before where it
has predicted the tile: a trained network is better than that classifier. Whatever is on screen is replaced only by what
the validation tiles find at least as good; where there are none, by the network after `STEPS_WITHOUT_VALIDATION` steps.
"""

from __future__ import annotations

import copy
import json
from enum import Enum
from typing import TYPE_CHECKING

import torch

from training_core.base.errors import ImageError, ProjectError
from training_core.base.i18n import tr
from training_core.class_maps.pixel_scores import Scores
from training_core.compute.device import Compute, one_thread
from training_core.messages.events import OverlayReady, Status, Warned
from training_core.messages.messenger import Messenger
from training_core.pixel_classifier.encode import ready
from training_core.pixel_classifier.head_predictor import HeadPainter
from training_core.pixel_classifier.store import FeatureStore
from training_core.project import Project
from training_core.project.thumbnails import CACHE_FOLDER
from training_core.settings.schema import Config

if TYPE_CHECKING:
    from training_core.network.encoders import Encoder

STEPS_WITHOUT_VALIDATION = 100


class Painted(Enum):
    """Who made the overlay that is on screen before the network's own."""

    QUICK_START = "quick_start"
    RUN_BEFORE = "run_before"


def _called(painted: Painted) -> str:
    return tr("the pixel classifier") if painted is Painted.QUICK_START else tr("the previous run")


class QuickStart:
    """Paints for the network until that may show its own. Used by one run, which did not start from a checkpoint."""

    def __init__(self, project: Project, config: Config, compute: Compute, messenger: Messenger) -> None:
        self._project, self._config, self._compute, self._messenger = project, config, compute, messenger
        self._built: tuple[Encoder, torch.Tensor] | None = None
        self._pretrained: Encoder | None = None
        store = FeatureStore(project, config.encoder, compute, self._encoder)
        self._painter = HeadPainter(project, config, store)
        self._folder = project.path / CACHE_FOLDER / "quick_start"
        self._val = project.val_names()
        self._in_charge = True
        self._before = project.latest_run_id()
        self._shown_by: Painted | None = None
        """Whose overlay is on screen until the network's may be; None: nobody's yet."""
        self._has_fitted = False
        self._bar: float | None = None
        """mDice in percent, on the validation tiles, of what is on screen."""

    def show(self, tile: str, step: int) -> bool:
        """Announce an overlay of the tile; False when that is the network's business, or the labels do not do."""
        if not self._in_charge:
            return False
        if self._show_earlier(tile, step):
            return True
        try:
            if not self._has_fitted:
                self._painter.fit(tile)
            self._has_fitted = True
            paths = self._painter.paint(tile, self._folder, self._config.pseudo_label.threshold_start)
        except (ImageError, ProjectError) as error:
            self._messenger.send(
                Status, message=tr("No overlay from the pixel classifier: {error}").format(error=error)
            )
            return False
        self._shown_by = self._shown_by or Painted.QUICK_START
        values = {kind: str(path) for kind, path in paths.items()}
        self._messenger.send(OverlayReady, step=step, tile=tile, source="quick_start", **values)
        return True

    def _show_earlier(self, tile: str, step: int) -> bool:
        """Announce what the run before has predicted for the tile, unless there is nothing or the user rejected it."""
        if self._before is None or self._project.is_rejected(tile, self._before):
            return False
        earlier = self._project.prediction(tile, self._before)
        if earlier is None:
            return False
        if self._shown_by is None:
            self._shown_by, self._bar = Painted.RUN_BEFORE, _validation_dice(self._project, self._before)
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
        if not self._val:
            if self._in_charge and step >= STEPS_WITHOUT_VALIDATION:
                words = tr("after {step} steps; without validation tiles it cannot be compared with {shown_by}")
                self._give_way(words.format(step=step, shown_by=_called(self._shown_by)))
            return not self._in_charge
        if scores is None:
            return not self._in_charge
        if self._bar is None:
            own = self._painter.score(self._val) if self._has_fitted else None
            self._bar = own.mdice if own is not None else 0.0
        better = scores.mdice >= self._bar
        figures = {"own": scores.mdice, "bar": self._bar}
        if better:
            self._bar = scores.mdice
            if self._in_charge:
                words = tr("validation Dice {own:.1f} %, {bar:.1f} % for {shown_by}")
                self._give_way(words.format(shown_by=_called(self._shown_by), **figures))
        else:
            what = _called(self._shown_by) if self._in_charge else tr("an earlier step")
            words = tr(
                "The overlay still comes from {what}: the network has a validation Dice of {own:.1f} %, "
                "below {bar:.1f} %."
            )
            self._messenger.send(Status, message=words.format(what=what, **figures))
        return better

    def measured_again(self, scores: Scores) -> None:
        """What the weights of the run before, with which this one starts, score by this one's measure and labels."""
        if self._shown_by is Painted.RUN_BEFORE:
            self._bar = scores.mdice

    def conclude(self, best: Scores | None) -> None:
        """Say so where the predictions that the run ends with are worse than what was on screen."""
        if self._shown_by is None or self._bar is None or best is None:
            return
        if self._in_charge and best.mdice < self._bar:
            words = tr(
                "The network does not yet score as well as {shown_by}: validation Dice {own:.1f} % against "
                "{bar:.1f} %. The predictions come from the network; train longer to improve them."
            )
            said = words.format(shown_by=_called(self._shown_by), own=best.mdice, bar=self._bar)
            self._messenger.send(Warned, message=said)

    def hand_over(self) -> Encoder | None:
        """The encoder, if it was built already, for the network; chance goes on as if it was built at this moment."""
        if self._built is None:
            return None
        encoder, random_state = self._built
        torch.set_rng_state(random_state)
        return encoder

    def share(self, encoder: Encoder) -> None:
        """Use the network's own encoder where it stays as it was pretrained."""
        if self._pretrained is None and not _is_trained(encoder):
            self._pretrained = encoder

    def _give_way(self, why: str) -> None:
        self._in_charge = False
        self._messenger.send(Status, message=tr("The overlay now comes from the network: {why}.").format(why=why))

    def _encoder(self) -> Encoder:
        if self._pretrained is None:
            from training_core.network.encoders import build_encoder  # timm: not needed where the cache knows the tiles

            self._messenger.send(Status, message=tr("Loading the encoder"))
            with one_thread(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(self._config.seed)
                encoder = build_encoder(self._config.encoder)
                self._built = (encoder, torch.get_rng_state())
            own = copy.deepcopy(encoder) if _is_trained(encoder) else encoder
            self._pretrained = ready(own, self._compute)
        return self._pretrained


def _validation_dice(project: Project, run_id: str) -> float | None:
    """What a finished run's summary says, in percent; None: it had no validation tile."""
    summary = json.loads((project.runs_dir / run_id / "summary.json").read_text(encoding="utf-8"))
    measured = summary.get("val")
    return float(measured["mDice"]) if measured else None


def _is_trained(encoder: Encoder) -> bool:
    return any(parameter.requires_grad for parameter in encoder.trunk.parameters())
