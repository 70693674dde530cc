"""The end of a run: its best weights predict every tile, and a summary says how good they are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from training_core.base.arrays import ClassIds
from training_core.base.i18n import tr
from training_core.class_maps.confusion_file import run_confusion, write_confusion
from training_core.class_maps.pixel_scores import Confusion
from training_core.compute import processes as distributed
from training_core.compute.device import peak_gpu_bytes
from training_core.data.pixel_size import left_out
from training_core.io import atomic_write, read_mask
from training_core.messages.events import RunFinished, Status, Warned
from training_core.project.prediction_source import Maker, read_prediction_source
from training_core.project.runs import predicted_names, prediction_before
from training_core.project.splits import usable_tiles
from training_core.project.summaries import TileSummary, add_summary, summarize
from training_core.runs.checkpoint import open_checkpoint
from training_core.runs.run_folder import peak_rss_bytes, read_run
from training_core.runs.run_records import RunSummary, ValidationScores
from training_core.training.predicted_so_far import PredictedSoFar
from training_core.training.time_left import Pace

if TYPE_CHECKING:
    from training_core.training.tile_predictor import WrittenPrediction
    from training_core.training.trainer import Trainer

Reason = Literal["budget", "stopped"]
"""Why a training ended: its time or steps are used up, or the user stopped it."""


def finish(trainer: Trainer, reason: Reason, *, missing_only: bool = False) -> dict[str, Any]:
    """Predict every tile, and return the summary that is also written to RUN/summary.json.

    Parameters
    ----------
    reason
        Why the training ended, "budget" or "stopped". Only the first of several processes has anything to do here;
        the summary of the others is empty.
    missing_only
        The run had finished before with these weights: predict what it has not predicted yet.
    """
    if not distributed.is_first():
        return {}
    messenger, state, trained_at = trainer.messenger, trainer.progress, time.monotonic()
    if state.step:
        messenger.send(Status, message=tr("Choosing prediction settings"))
        trainer.best.load(measure=reason == "budget")  # who stops a run does not want to wait
        source = read_prediction_source(trainer.run_dir)
        if missing_only and source.made_by is Maker.NETWORK:
            trainer.final.source = source  # compared before; the network predicts the others too
        else:
            trainer.choose_predictions()
        so_far = PredictedSoFar(trainer.run_dir, _made_by(trainer))
        _keep_confusion(trainer, _predict_all(trainer, _done_before(trainer, so_far, missing_only), so_far, trained_at))
    summary = _summary(trainer, reason)
    if state.step:  # a run stopped before its first step predicts nothing and must not stand for the latest
        atomic_write(trainer.run_dir / "summary.json", summary.encode())
        so_far.end()
    messenger.send(
        RunFinished,
        run_dir=str(trainer.run_dir),
        reason=reason,
        steps=state.step,
        seconds=state.elapsed_s,
        mdice=state.best.mdice if state.best else None,
        mjaccard=state.best.mjaccard if state.best else None,
        predictions_by=trainer.final.source.made_by.value,
    )
    messenger.close()
    return summary.model_dump(mode="json")


def _made_by(trainer: Trainer) -> dict[str, Any]:
    """All that the predictions of the tiles depend on."""
    return {
        "checkpoint": open_checkpoint(trainer.run_dir, "best").path.name,
        "readout": asdict(trainer.predictor.readout),
        "threshold": trainer.learner.threshold.value,
        "source": trainer.final.source.model_dump(mode="json"),
        "inference": trainer.settings.config.inference.model_dump(mode="json"),
        "labels": trainer.pool.label_hash(),
    }


def _done_before(trainer: Trainer, so_far: PredictedSoFar, missing_only: bool) -> frozenset[str]:
    """The tiles that a start before this one predicted, in just this way, or with just these weights."""
    there = predicted_names(trainer.project.path, trainer.run_dir.name)
    if missing_only:
        return there
    done = there & so_far.makers.keys()
    for name in done:
        trainer.final.count(Maker(so_far.makers[name]))
    return done


def _predict_all(
    trainer: Trainer, already: frozenset[str], so_far: PredictedSoFar, trained_at: float
) -> dict[str, Confusion]:
    """Every tile but those that are predicted `already`; a stop cuts it short.

    One that the user turns to meanwhile is shown. Returns what the predictions of the validation tiles mistake for
    what, by tile. trained_at: when the training itself had ended, as `time.monotonic` has it.
    """
    messenger = trainer.messenger
    names = [name for name in _names_in_order(trainer) if name not in already]
    confusions: dict[str, Confusion] = {}
    for name in (each for each in trainer.split.val if each in already):
        stored = trainer.project.prediction(name, trainer.run_dir.name)
        assert stored is not None
        confusions[name] = _confusion(trainer, name, read_mask(stored.prediction))
    pace = Pace()
    for done, name in enumerate(names):
        left_s = _left_s(trainer, names[done:], pace)
        words = tr("Predicting tile {number} of {count}").format(number=done + 1, count=len(names))
        spent_s = trainer.progress.elapsed_s + time.monotonic() - trained_at
        messenger.send(Status, message=words, done=trainer.bar.at(spent_s, left_s), eta_s=left_s)
        began = time.monotonic()
        written = trainer.final.keep(name, trainer.run_dir)
        pace.add(trainer.forecast.pixels([name]), time.monotonic() - began)
        add_summary(trainer.run_dir, _tile_summary(trainer, name, written))
        so_far.add(name, written.made_by.value)
        if name in trainer.split.val:
            confusions[name] = _confusion(trainer, name, written.arrays.prediction)
        stop, show = messenger.pending()
        if show is not None:
            trainer.overlays.show(show)
        trained_at += trainer.pause(save=False)
        if stop:
            words = tr("Stopped after predicting {number} of {count} tiles.")
            messenger.send(Warned, message=words.format(number=done + 1, count=len(names)))
            break
    trainer.final.conclude()
    return confusions


def _left_s(trainer: Trainer, names: Sequence[str], pace: Pace) -> float | None:
    """Seconds until these tiles are predicted: by what the first ones took, before by what the network took."""
    measured = pace.left_s(trainer.forecast.pixels(names))
    if measured is not None:
        return measured
    return trainer.forecast.left_to_predict_s(names, trainer.predictor.readout.scale)


def _confusion(trainer: Trainer, name: str, prediction: ClassIds) -> Confusion:
    """Of a validation tile's annotation, as it was when the run started, with its prediction (H, W)."""
    ids = trainer.pool.class_ids
    to_index = np.zeros(256, np.uint8)
    to_index[list(ids)] = np.arange(len(ids))
    confusion = Confusion(ids)
    confusion.add(trainer.pool.label(name), to_index[prediction])
    return confusion


def _keep_confusion(trainer: Trainer, tiles: dict[str, Confusion]) -> None:
    """Write RUN/confusion.json; where it covers every validation tile, the run's score is that of the same pixels."""
    split = trainer.split
    if not split.val:
        return
    missing = [name for name in split.val if name not in tiles]
    _config, classes, _split = read_run(trainer.run_dir)  # the classes as they were when the run started
    write_confusion(trainer.run_dir, run_confusion(classes, tiles, missing))
    if not missing:  # a run that was stopped did not measure the best weights as it predicts with them
        whole = Confusion(trainer.pool.class_ids)
        for each in tiles.values():
            whole.counts += each.counts
        trainer.progress.best = whole.scores()


def _names_in_order(trainer: Trainer) -> Sequence[str]:
    """The tiles whose images are there and whose pixel size fits the run's, the unlabelled ones first."""
    tiles = usable_tiles(trainer.project)
    unfit = left_out(tiles, trainer.predictor.run_mpp)
    fit = {tile.name for tile in tiles if tile.name not in unfit}
    order = dict.fromkeys([*trainer.split.unlabeled, *(tile.name for tile in trainer.project.tiles)])
    return [name for name in order if name in fit]


def _tile_summary(trainer: Trainer, name: str, written: WrittenPrediction) -> TileSummary:
    """What tiles.jsonl says of a tile, compared with its newest prediction by a run before."""
    earlier = prediction_before(trainer.project.path, trainer.run_dir.name, name)
    return summarize(
        name,
        written.arrays.prediction,
        written.arrays.confidence,
        read_mask(earlier.prediction) if earlier is not None else None,
    )


def _summary(trainer: Trainer, reason: Reason) -> RunSummary:
    state, scores = trainer.progress, trainer.progress.best
    measured = scores is not None and bool(trainer.split.val)
    val = ValidationScores(mDice=scores.mdice, mJaccard=scores.mjaccard) if scores is not None and measured else None
    absent = (c.name for c in trainer.project.classes if scores and measured and c.id in scores.absent)
    return RunSummary(
        spec_version=1,
        run=str(trainer.run_dir),
        reason=reason,
        steps=state.step,
        seconds=round(state.elapsed_s, 2),
        val=val,
        absent_classes=tuple(absent),
        peak_rss_bytes=peak_rss_bytes(),
        peak_gpu_bytes=peak_gpu_bytes(),
        device=str(trainer.compute.device),
        precision=trainer.compute.precision,
        predictions=trainer.final.source,
    )
