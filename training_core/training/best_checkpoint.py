"""The best checkpoint at the end of a training, and the settings with which its network is read best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from training_core.base.i18n import tr
from training_core.class_maps.object_readout import KnownTile
from training_core.messages.events import Status
from training_core.messages.messenger import Messenger
from training_core.prediction.calibration import read_readout
from training_core.runs import checkpoint as checkpoints
from training_core.runs.run_folder import Split
from training_core.training.learner import Learner
from training_core.training.run_settings import RunSettings
from training_core.training.schedule import RunProgress
from training_core.training.tile_predictor import TilePredictor
from training_core.training.validation import Validation


class BestCheckpoint:
    """Puts the best weights into the predictor, and says how the validation tiles want them read."""

    def __init__(
        self,
        learner: Learner,
        predictor: TilePredictor,
        validation: Validation,
        run_dir: Path,
        split: Split,
        settings: RunSettings,
        progress: RunProgress,
        class_names: Sequence[str],
        messenger: Messenger,
    ) -> None:
        self._learner, self._predictor, self._validation = learner, predictor, validation
        self._run_dir, self._split, self._settings, self._progress = run_dir, split, settings, progress
        self._class_names, self._messenger = class_names, messenger

    def load(self, *, measure: bool) -> None:
        """Read with the best checkpoint's weights from now on.

        Parameters
        ----------
        measure
            Whether to find and record how they are best read, which takes as long as a few validations.
        """
        checkpoint = checkpoints.open_checkpoint(self._run_dir, "best")
        self._learner.load_predictor(checkpoint)
        state = checkpoint.state
        self._predictor.readout = read_readout(state)
        if measure:
            self._validation.choose_readout()
            self._tell_weight()
        if measure or self._predictor.readout.objects is None:
            self._separate_objects(self._validation.known_tiles if measure else None)
            if measure and self._predictor.readout.objects and self._split.val:
                self._progress.best = self._validation.as_predicted()
        if self._predictor.readout != read_readout(state):
            checkpoints.write_state(checkpoint, {**state, "readout": asdict(self._predictor.readout)})

    def _tell_weight(self) -> None:
        readout = self._predictor.readout
        is_chosen = self._settings.config.inference.foreground_weight is None
        if is_chosen and readout.foreground_weight != 1:
            words = tr(
                "{name} is predicted where it is {times:.2g} times as likely as any other class, which is best on the "
                "validation tiles."
            )
            name = self._class_names[readout.ground]
            self._messenger.send(Status, message=words.format(name=name, times=readout.foreground_weight))

    def _separate_objects(self, known: Sequence[KnownTile] | None) -> None:
        self._predictor.separate_objects(known, self._split.labeled)
        for each in self._predictor.readout.objects or ():
            words = tr("Objects of the class {name}: {done}")
            name = self._class_names[each.class_index]
            done = each.words(self._predictor.run_mpp)
            self._messenger.send(Status, message=words.format(name=name, done=done))
