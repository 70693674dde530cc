"""The training loop: batches in, weights, events and checkpoints out. `run.train` starts it.

What learns is `learner`, what it predicts of the tiles asks `tile_predictor`; this module decides when: steps,
validations, checkpoints, overlays, the end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from training_core.base.errors import ImageError, ProjectError, writing
from training_core.base.i18n import tr
from training_core.class_maps.pixel_scores import Scores
from training_core.compute import processes as distributed
from training_core.compute.device import Compute, peak_gpu_bytes
from training_core.data.batches import BatchMaker, prefetched
from training_core.data.tile_pool import TilePool
from training_core.messages.events import OverlayReady, StepDone, Validated, Warned
from training_core.messages.messenger import Messenger
from training_core.method.batch import Batch
from training_core.method.step import StepResult
from training_core.network.model import UniSemAlign
from training_core.pixel_classifier.first_overlay import QuickStart
from training_core.prediction import out_of_memory
from training_core.prediction.calibration import candidate_scales, read_readout, usual_scale
from training_core.project import Project
from training_core.runs import checkpoint as checkpoints
from training_core.runs.run_folder import Split, peak_rss_bytes, record_change
from training_core.settings.schema import Config, InferenceConfig
from training_core.training import smaller_step as smaller
from training_core.training.learner import Learner
from training_core.training.pause import wait_while_paused
from training_core.training.schedule import Budget
from training_core.training.tile_predictor import Reader
from training_core.training.time_left import Forecast, share_done

_FIRST_OVERLAYS = (5, 15, 30)
"""Steps after which the first overlays are made, before the first validation."""
_MAX_TRAINING_TILES_SCORED = 8
"""Without validation tiles the curve shows the Dice of at most so many training tiles."""
_SMALLER_BATCH = "smaller data.labeled_batch, data.unlabeled_batch or data.crop_px; earlier checkpoints are kept"


@dataclass
class RunProgress:
    """Where a run stands."""

    step: int = 0
    elapsed_s: float = 0.0
    scores: Scores | None = None
    """Of the last validation."""
    best: Scores | None = None
    """Of the checkpoint that predicts."""


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
    ) -> None:
        self.compute, self.messenger = compute, messenger
        self.project, self.pool, self.split, self.run_dir = project, pool, split, run_dir
        self.learner = Learner(model, config, len(pool.class_ids), compute)
        self.progress = RunProgress()
        self._use(config)
        self.reader = Reader(self.learner, pool, config, self._warn, self._use_smaller_windows)
        self.shown: str | None = None
        self.quick = quick
        """Paints until the network's overlays are as good; None: the network paints from the start."""

    def _use(self, config: Config) -> None:
        """Go on with these settings, as a run that is resumed with them does."""
        self.config = config
        self.maker = BatchMaker(self.pool, self.split.labeled, self.split.unlabeled, config)
        self.budget = Budget(config.schedule, self.maker.steps_per_epoch)
        self.forecast = Forecast(self.project, self.split, self._scored(), config, self.budget)
        distributed.check_divides(config)
        self.batches: Generator[Batch] | None = None

    def fit(self) -> Literal["budget", "stopped"]:
        """Train until the budget is used or a stop is asked for; validates and saves at the end."""
        state, started = self.progress, time.monotonic() - self.progress.elapsed_s
        validated_at = state.step  # a resumed run's checkpoint of this step is there already
        reason: Literal["budget", "stopped"] = "budget"
        distributed.as_first((self.learner.model, self.learner.teacher))
        distributed.own_chance(self.config.seed, state.step)
        if self.learner.is_warm and not state.step and self.split.val:
            self._keep()  # what the round starts with is the mark that it has to better
            if self.quick is not None and state.scores is not None:
                self.quick.measured_again(state.scores)
        while self.budget.progress(state.step, state.elapsed_s) < 1:
            stop, show = self.messenger.pending()
            if distributed.largest(stop):  # whichever process was told
                reason = "stopped"
                break
            if show is not None:
                self.show(show)
            if self.messenger.paused:
                started += self.pause(save=validated_at != state.step)
                continue
            step_started = time.monotonic()
            result = self.take_step()
            state.step += 1
            now = time.monotonic()
            state.elapsed_s = distributed.largest(now - started)
            self.forecast.stepped(now - step_started)
            self._report(result)
            if state.step % self.config.schedule.validate_every_steps == 0:
                self._keep()
                validated_at = state.step
            if (state.step in _FIRST_OVERLAYS or validated_at == state.step) and self._may_show(validated_at):
                self.refresh_overlay()
        self.close()
        if validated_at != state.step:
            self._keep()
            if self._may_show(state.step):
                self.refresh_overlay()
        state.elapsed_s = time.monotonic() - started
        return reason

    def show(self, tile: str) -> None:
        """From now on the overlays are this tile's; the first one comes at once."""
        self.shown = tile
        answered = self.quick is not None and self.quick.show(tile, self.progress.step)
        if self.progress.step and not answered:
            self.refresh_overlay()

    def pause(self, *, save: bool) -> float:
        """Wait as long as the user wants; returns the seconds. save: the checkpoints do not hold this moment yet."""

        def keep() -> None:
            if save:
                self.save(is_best=False)

        return wait_while_paused(self.messenger, self.progress.step, keep, self.show)

    def close(self) -> None:
        """End the thread that prepares batches."""
        if self.batches is not None:
            self.batches.close()

    def _keep(self) -> None:
        """Validate and save, which one process does for all."""
        if distributed.is_first():
            self.save(is_best=self.validate())

    def take_step(self) -> StepResult:
        """One step, with smaller batches or crops from now on where memory does not hold it."""
        if distributed.n_processes() > 1:  # the others are in the middle of the step and wait for this process
            if self.batches is None:
                self.batches = self._batches()
            with out_of_memory.explained("take a training step", _SMALLER_BATCH):
                return self._learn(next(self.batches))
        started_with = self.config
        while isinstance(result := self._try_step(), str):
            config = smaller.smaller_step(self.config, self.learner.model.encoder.multiple_px)
            if config is None:
                raise smaller.no_smaller_step(self.config, result)
            self._warn(smaller.step_changed(self.config, config))
            self._use(config)
        if self.config is not started_with:  # only what has worked is written down
            change = smaller.step_changed(started_with, self.config)
            record_change(self.run_dir, self.config, self.progress.step, change)
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

    def _may_show(self, validated_at: int) -> bool:
        state = self.progress
        return self.quick is None or self.quick.may_show(
            state.step, state.scores if validated_at == state.step else None
        )

    def _learn(self, batch: Batch) -> StepResult:
        state = self.progress
        # as the released code does, the rate is set after a step from that step's number, so the first two share it
        before = max(0, state.step - 1) if self.budget.total_steps else state.step
        return self.learner.learn(batch, self.config, state.step, self.budget.progress(before, state.elapsed_s))

    def _report(self, result: StepResult) -> None:
        state = self.progress
        left_s = self.forecast.left_s(state.step, state.elapsed_s)
        self.messenger.send(
            StepDone,
            step=state.step,
            progress=self.budget.progress(state.step, state.elapsed_s),
            eta_s=left_s,
            done=share_done(state.elapsed_s, left_s),
            losses={"total": float(result.total.detach())} | {k: float(v.detach()) for k, v in result.losses.items()},
            threshold=self.learner.threshold.value if result.confident_share is not None else None,
            confident_share=result.confident_share,
            memory_bytes=peak_rss_bytes(),
            gpu_memory_bytes=peak_gpu_bytes(),
        )

    def validate(self) -> bool:
        """Score the validation tiles (training tiles where there are none) and tell; True: the best so far."""
        # the curve is drawn often, and has to be cheap
        state, scores = self.progress, self._measure((self.reader.readout.scale,), views=1)
        if self.forecast.wants_views:
            self._time_views()
        state.scores = scores
        value = scores.mdice if scores is not None else None
        # training Dice only ever says that the network has learned by heart: without validation tiles the last is kept
        is_best = state.best is None or not self.split.val or (value is not None and value > state.best.mdice)
        if is_best:
            state.best = scores
        values = {
            "step": state.step,
            "mdice": value,
            "mjaccard": scores.mjaccard if scores is not None else None,
            "dice_by_class": scores.dice if scores is not None else {},
            "measured_on": "validation" if self.split.val else "training",
            "is_best": is_best,
        }
        self.messenger.send(Validated, **values)
        with writing(self.run_dir), (self.run_dir / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({**values, "elapsed_s": state.elapsed_s}) + "\n")
        return is_best

    def _measure(self, scales: Sequence[float], views: int | None = None) -> Scores | None:
        """Scores at the best of `scales`, where the network is read from now on."""
        started = time.monotonic()
        readout, scores = self.reader.measure(self._scored(), scales, views)
        views = views or self.config.inference.n_views
        self.forecast.validated(scales, views, time.monotonic() - started)
        if self.split.val and scores is not None:  # on training tiles it is surer than it has reason to be
            self.reader.readout = readout
        return scores

    def _time_views(self) -> None:
        """Predict a small tile as all are predicted in the end: only then is it known how long that takes."""
        name = min(self._scored(), key=lambda each: self.forecast.pixels([each]))
        started = time.monotonic()
        self.reader.predict(name)
        self.forecast.predicted(name, self.reader.readout.scale, time.monotonic() - started)

    def _scored(self) -> Sequence[str]:
        """The tiles that the curve is measured on."""
        return self.split.val or self.split.labeled[:_MAX_TRAINING_TILES_SCORED]

    def save(self, *, is_best: bool) -> None:
        """Write a checkpoint of this moment."""
        state = self.progress
        scalars = {
            "spec_version": 1,
            "step": state.step,
            "elapsed_s": state.elapsed_s,
            **self.learner.scalars(),
            "readout": asdict(self.reader.readout),
            "best": asdict(state.best) if state.best else None,
            "mdice": state.scores.mdice if state.scores else None,
            "mjaccard": state.scores.mjaccard if state.scores else None,
        }
        model = checkpoints.saved_tensors(self.learner.predictor)
        checkpoints.save(self.run_dir, model, self.learner.tensors(), scalars, is_best=is_best)

    def restore(self) -> None:
        """Go on from the run's last checkpoint: weights, optimiser, threshold, random states, step."""
        checkpoint = checkpoints.open_checkpoint(self.run_dir, "last")
        self.learner.restore(checkpoint)
        state = checkpoint.state
        # a finished run may have found another scale; the curve goes on at the one it was drawn at
        self.reader.readout = replace(read_readout(state), scale=usual_scale(self.config))
        best = Scores.from_json(state["best"]) if state["best"] else None
        self.progress = RunProgress(step=state["step"], elapsed_s=state["elapsed_s"], best=best)

    def load_best(self, *, measure: bool) -> None:
        """Put the best checkpoint's weights into the predictor.

        measure: find and record how they are best read, which takes as long as a few validations.
        """
        checkpoint = checkpoints.open_checkpoint(self.run_dir, "best")
        self.learner.load_predictor(checkpoint)
        state = checkpoint.state
        self.reader.readout = read_readout(state)
        if measure and self.split.val:
            self.progress.best = self._measure(candidate_scales(self.config))
            if self.reader.readout != read_readout(state):
                checkpoints.write_state(checkpoint, {**state, "readout": asdict(self.reader.readout)})

    def refresh_overlay(self) -> None:
        """Predict the tile on screen and tell where its overlays lie; a tile without a picture costs a warning."""
        if self.shown is None or not distributed.is_first():
            return
        try:
            paths = self.write_prediction(self.shown, self.run_dir / "overlays")
        except (ImageError, ProjectError) as error:
            self._warn(tr("Tile {name} cannot be shown: {error}").format(name=self.shown, error=error))
            self.shown = None
            return
        self.messenger.send(
            OverlayReady, step=self.progress.step, tile=self.shown, **{k: str(p) for k, p in paths.items()}
        )

    def write_prediction(self, name: str, folder: Path) -> dict[str, Path]:
        """Prediction, pseudo-label and confidence of one tile as PNGs in `folder`."""
        started = time.monotonic()
        paths = self.reader.write(name, folder)
        self.forecast.predicted(name, self.reader.readout.scale, time.monotonic() - started)
        return paths

    def _warn(self, message: str) -> None:
        self.messenger.send(Warned, message=message)

    def _use_smaller_windows(self, inference: InferenceConfig) -> None:
        self.config = self.config.model_copy(update={"inference": inference})
        change = f"Not enough memory to predict in windows larger than {inference.window_px} px."
        record_change(self.run_dir, self.config, self.progress.step, change)
