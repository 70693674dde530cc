"""The training loop: batches in, weights, events and checkpoints out. `run.train` starts it.

This module decides when: steps, validations, checkpoints, overlays, the end. What learns is `learner`; what it predicts
is asked by `validation`, for the curve, and by `overlays`, for the screen, both through `tile_predictor`.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import Literal

from training_core.compute import processes as distributed
from training_core.compute.device import Compute, peak_gpu_bytes
from training_core.data.batches import BatchMaker, prefetched
from training_core.data.held_out import NOTHING, HeldOut
from training_core.data.object_classes import object_classes
from training_core.data.tile_pool import TilePool
from training_core.messages.events import StepDone, Warned
from training_core.messages.messenger import Leaving, Messenger
from training_core.method.batch import Batch
from training_core.method.step import StepResult
from training_core.network.model import UniSemAlign
from training_core.pixel_classifier.first_overlay import QuickStart
from training_core.prediction import out_of_memory
from training_core.project import Project
from training_core.runs.run_folder import Split, peak_rss_bytes
from training_core.settings.schema import Config
from training_core.training import smaller_step as smaller
from training_core.training.best_checkpoint import BestCheckpoint
from training_core.training.final_predictions import FinalPredictions
from training_core.training.learner import Learner
from training_core.training.overlays import Overlays
from training_core.training.pause import wait_while_paused
from training_core.training.reliability import in_words, unreliable
from training_core.training.run_checkpoints import RunCheckpoints
from training_core.training.run_settings import RunSettings
from training_core.training.schedule import Budget, RunProgress
from training_core.training.slide_context import lost_slides
from training_core.training.tile_predictor import TilePredictor
from training_core.training.time_left import Bar, Forecast
from training_core.training.validation import Validation, scored_labels

_FIRST_OVERLAYS = (5, 15, 30)
"""Steps after which the first overlays are made, before the first validation."""
_LEAST_CLASSES = 3
"""Of two classes, leaving one out would teach only the other."""
_SMALLER_BATCH = "smaller data.labeled_batch, data.unlabeled_batch or data.crop_px; earlier checkpoints are kept"


class Trainer:
    """One run of training on a project's tiles."""

    def __init__(
        self,
        model: UniSemAlign,
        config: Config,
        pool: TilePool,
        split: Split,
        project: Project,
        run_dir: Path,
        compute: Compute,
        messenger: Messenger,
        quick: QuickStart | None = None,
        held_out: HeldOut = NOTHING,
    ) -> None:
        self.compute, self.messenger = compute, messenger
        self.project, self.pool, self.split, self.run_dir = project, pool, split, run_dir
        self.progress = RunProgress()
        self.settings = RunSettings(config, run_dir, self.progress)
        self.learner = Learner(model, self.settings, len(pool.class_ids), compute)
        # as they are now: the user may remove or rename a class meanwhile
        names = {c.id: c.name for c in project.classes}
        self._class_names = [names.get(c, str(c)) for c in pool.class_ids]
        self._make_batches()
        truth = scored_labels(pool, split, held_out)
        if quick is not None:
            quick.compare_on(truth if truth.measured_on != "training" else None, split.labeled, pool.label_ids)
        compared_by = (
            2 if quick is not None and truth.measured_on != "training" else 0
        )  # the network and the classifier
        self.forecast = Forecast(project, split, truth.names, config, self.budget, compared_by=compared_by)
        self.bar = Bar()
        objects = object_classes(project.classes, pool, split.labeled)
        self.predictor = TilePredictor(
            self.learner, pool, self.settings, self.forecast, self._warn, objects, messenger.check
        )
        self.checkpoints = RunCheckpoints(self.learner, self.predictor, self.progress, run_dir, messenger)
        self.validation = Validation(
            self.predictor, truth, run_dir, self.settings, self.progress, self.forecast, messenger
        )
        self.overlays = Overlays(self.predictor, run_dir, self.progress, messenger, quick)
        self.best = BestCheckpoint(
            self.learner, self.predictor, self.validation, run_dir, split, self.settings, self.progress,
            self._class_names, messenger,
        )  # fmt: skip
        self.final = FinalPredictions(self.predictor, truth, quick, messenger)

    def _make_batches(self) -> None:
        """Of the sizes that the settings have now."""
        config = self.settings.config
        self.maker = BatchMaker(self.pool, self.split.labeled, self.split.unlabeled, config)
        self.budget = Budget(config.schedule, self.maker.steps_per_epoch)
        distributed.check_divides(config)
        self.batches: Generator[Batch] | None = None

    def fit(self) -> Literal["budget", "stopped"]:
        """Train until the budget is used or a stop is asked for; validates and saves at the end.

        Raises
        ------
        Leaving
            The process is to end; there is a checkpoint of the last step.
        """
        try:
            return self._fit()
        except Leaving:
            self.close()
            if not self.checkpoints.is_saved and distributed.is_first():
                self.checkpoints.save(is_best=False)
            raise

    def _fit(self) -> Literal["budget", "stopped"]:
        state, started = self.progress, time.monotonic() - self.progress.elapsed_s
        reason: Literal["budget", "stopped"] = "budget"
        distributed.as_first((self.learner.model, self.learner.teacher))
        distributed.own_chance(self.settings.config.seed, state.step)
        if self.learner.is_warm and not state.step and self.split.val:
            self._keep()  # what the round starts with is the mark that it has to better
            self.overlays.begin_with(state.scores)
        if state.step and self._is_time_to_validate and not self.checkpoints.is_validated:
            self._keep()  # the run was left before it had validated this step
        while not self.is_used_up:
            if distributed.largest(self.messenger.leaving):
                raise Leaving
            stop, show = self.messenger.pending()
            if distributed.largest(stop):  # whichever process was told
                reason = "stopped"
                break
            if show is not None:
                self.overlays.show(show)
            if self.messenger.paused:
                started += self.pause(save=not self.checkpoints.is_saved)
                continue
            step_started = time.monotonic()
            result = self.take_step()
            state.step += 1
            now = time.monotonic()
            state.elapsed_s = distributed.largest(now - started)
            self.forecast.stepped(now - step_started)
            self._report(result)
            if self._is_time_to_validate:
                self._keep()
            elif self.checkpoints.is_due and distributed.is_first():
                self.checkpoints.save(is_best=False)
            is_validated = self.checkpoints.is_validated
            if state.step in _FIRST_OVERLAYS or is_validated:
                self.overlays.update(is_validated=is_validated)
        self.close()
        if state.step and not self.checkpoints.is_validated:
            self._keep()
            self.overlays.update(is_validated=True)
        state.elapsed_s = time.monotonic() - started
        return reason

    @property
    def _is_time_to_validate(self) -> bool:
        return self.progress.step % self.settings.config.schedule.validate_every_steps == 0

    def pause(self, *, save: bool) -> float:
        """Wait as long as the user wants; returns the seconds.

        Parameters
        ----------
        save
            Whether to save first, because the checkpoints do not hold this moment yet.
        """

        def keep() -> None:
            if save:
                self.checkpoints.save(is_best=False)

        return wait_while_paused(self.messenger, self.progress.step, keep, self.overlays.show)

    def close(self) -> None:
        """End the thread that prepares batches."""
        if self.batches is not None:
            self.batches.close()

    def _keep(self) -> None:
        """Validate and save, which one process does for all."""
        is_best = distributed.is_first() and self.validation.score()
        self._leave_out_unreliable()
        if words := lost_slides(self.pool.newly_lost()):
            self._warn(words)
        self.checkpoints.validated_step = self.progress.step
        if distributed.is_first():
            self.checkpoints.save(is_best=is_best)

    def _leave_out_unreliable(self) -> None:
        """Learn no further from pseudo-labels of classes that are more often wrong than right, and say so."""
        labels, threshold = self.settings.config.pseudo_label, self.learner.threshold
        if not (labels.enabled and labels.leave_out_unreliable) or len(self._class_names) < _LEAST_CLASSES:
            return
        precision = self.validation.confident_precision(threshold) if distributed.is_first() else {}
        before, threshold.left_out = threshold.left_out, unreliable(precision, threshold.left_out)
        threshold.left_out = distributed.told_by_first(threshold.left_out)
        if words := in_words(precision, before, threshold.left_out, self._class_names):
            self._warn(words)

    def take_step(self) -> StepResult:
        """One step, with smaller batches or crops from now on where memory does not hold it."""
        if distributed.n_processes() > 1:  # the others are in the middle of the step and wait for this process
            if self.batches is None:
                self.batches = self._batches()
            with out_of_memory.explained("take a training step", _SMALLER_BATCH):
                return self._learn(next(self.batches))
        while isinstance(result := self._try_step(), str):
            self._warn(self.settings.shrink_step(self.learner.model.encoder.multiple_px, result))
            self._make_batches()
            self.forecast.restart(self.settings.config, self.budget)
        self.settings.step_fits()
        return result

    def _batches(self) -> Generator[Batch]:
        return prefetched(self.maker, self.progress.step, for_gpu=self.compute.device.type != "cpu")

    def _try_step(self) -> StepResult | str:
        """One step; the words of an error: memory ran out and everything is as it was."""
        moment = smaller.Moment.of(self.learner.model, self.learner.threshold, self.compute.device)
        if self.batches is None:
            self.batches = self._batches()
        try:
            return self._learn(next(self.batches))
        except Exception as error:
            if not out_of_memory.is_out_of_memory(error):
                raise
            words = str(error) or type(error).__name__
        # after the except clause: the error held on to the tensors of the step
        self.batches.close()
        moment.restore()
        return words

    def _learn(self, batch: Batch) -> StepResult:
        state = self.progress
        # as the released code does, the rate is set after a step from that step's number, so the first two share it
        before = max(0, state.step - 1) if self.budget.total_steps else state.step
        return self.learner.learn(batch, state.step, self.budget.progress(before, state.elapsed_s))

    def _report(self, result: StepResult) -> None:
        state = self.progress
        left_s = self.forecast.left_s(state.step, state.elapsed_s)
        self.messenger.send(
            StepDone,
            step=state.step,
            progress=self.budget.progress(state.step, state.elapsed_s),
            eta_s=left_s,
            done=self.bar.at(state.elapsed_s, left_s),
            losses={"total": float(result.total.detach())} | {k: float(v.detach()) for k, v in result.losses.items()},
            threshold=self.learner.threshold.value if result.confident_share is not None else None,
            confident_share=result.confident_share,
            memory_bytes=peak_rss_bytes(),
            gpu_memory_bytes=peak_gpu_bytes(),
        )

    @property
    def is_used_up(self) -> bool:
        """Whether the training has had its steps, passes or minutes."""
        return self.budget.progress(self.progress.step, self.progress.elapsed_s) >= 1

    def choose_predictions(self) -> None:
        """Find out whose predictions of the tiles the run keeps, once the best checkpoint is loaded."""
        scores = self.final.choose(self.validation.as_predicted)
        self.progress.best = scores or self.progress.best
        self.overlays.conclude(self.final)

    def _warn(self, message: str) -> None:
        self.messenger.send(Warned, message=message)
