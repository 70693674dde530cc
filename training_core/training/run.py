"""One run from start to end: check, build, train, predict every tile, sum up.

What imports timm is imported inside `train`, after the first overlay: that takes seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from training_core.base.errors import CheckpointError, ConfigError
from training_core.base.i18n import ntr, tr
from training_core.compute import processes as distributed
from training_core.compute.device import Compute, choose_compute, peak_gpu_bytes
from training_core.data.tile_pool import TilePool
from training_core.io import atomic_write, read_mask
from training_core.messages.events import RunFinished, RunStarted, Status, Warned
from training_core.messages.messenger import Messenger
from training_core.pixel_classifier.first_overlay import QuickStart
from training_core.prediction.out_of_memory import explained
from training_core.project import Project, TissueClass
from training_core.project.interrupted_runs import held
from training_core.project.summaries import add_summary, summarize
from training_core.runs.run_folder import Split, create_run_folder, peak_rss_bytes, read_run, record_origin
from training_core.settings.form_fields import value_text
from training_core.settings.schema import Config
from training_core.training.preflight import cautions, check_ready, settle
from training_core.training.time_left import share_done

if TYPE_CHECKING:
    from training_core.training.trainer import Trainer


@dataclass(frozen=True)
class Request:
    """What to train: a project, a configuration, and for a resumed run its folder."""

    project: Project
    config: Config
    resume: Path | None = None
    show: str | None = None
    command: Sequence[str] = ()
    keep: bool = False
    """Of a resumed run: train no further, predict with the best so far and finish it."""
    project_settings: Mapping[str, Any] = field(default_factory=dict)
    """What of the configuration comes from the project's own settings, by key."""


@explained("train")
def train(request: Request, messenger: Messenger) -> dict[str, Any]:
    """Train, predict every tile, and return the summary that is also written to RUN/summary.json.

    Nothing is written before the data, the device and the weights have been found good. Started by torchrun, this is
    one of several processes (`distributed`), of which the first writes, validates, predicts and has the summary.

    Raises
    ------
    UserError: whatever the user can mend; see the error's own message.
    """
    with distributed.joined(choose_compute(request.config.runtime)) as compute, ExitStack() as stack:
        messenger.muted = not distributed.is_first()
        summary = _train(request, compute, messenger, stack)
        distributed.largest(0)  # nobody leaves before all are done
        return summary


def _train(request: Request, compute: Compute, messenger: Messenger, stack: ExitStack) -> dict[str, Any]:
    project, config = request.project, request.config
    if request.show is not None:
        project.tile(request.show)
    classes = project.classes  # of this moment: the window may change them while the run goes on
    if request.resume:
        _check_same_classes(request.resume, classes)
    split = read_run(request.resume)[2] if request.resume else check_ready(project, config)
    if not request.resume:  # a resumed run goes on as it was settled
        config = settle(project, split, config)
    distributed.check_divides(config)
    quick = None
    if config.schedule.quick_start and not request.resume and distributed.is_first():
        quick = QuickStart(project, config, compute, messenger)
        if request.show is not None:
            quick.show(request.show, step=0)
    from training_core.network.encoders import completed
    from training_core.network.model import build_model
    from training_core.training.trainer import Trainer

    config = config if request.resume else completed(config)
    torch.manual_seed(config.seed)
    messenger.send(Status, message=tr("Loading the encoder"))
    model = build_model(config, classes, encoder=quick.hand_over() if quick else None)
    messenger.send(Status, message=tr("Reading labels"))
    class_ids = [c.id for c in classes]
    rejected = tuple(name for name in split.unlabeled if project.rejected_pixels(name))
    known = (*split.labeled, *split.val, *_partly_labeled(project, split))
    pool = TilePool(project, known, class_ids, rejected=rejected)
    run_dir = request.resume
    if run_dir is None and distributed.is_first():
        run_dir = create_run_folder(project, config, classes, split, pool.label_hash(), request.command)
    run_dir = distributed.told_by_first(run_dir)
    assert run_dir is not None
    if distributed.is_first():
        stack.enter_context(held(run_dir))
    trainer = Trainer(model, config, pool, split, project, run_dir, compute, messenger, quick)
    trainer.shown = request.show
    if quick:
        quick.share(model.encoder)
    if config.schedule.warm_start and not request.resume:
        _go_on_from_the_run_before(trainer, classes)
    if request.resume:
        trainer.restore()
        if not request.keep:
            _check_budget_left(trainer, run_dir)
        if distributed.is_first():
            atomic_write(run_dir / "config.json", config.model_dump_json(indent=1).encode())
        _warn_of_changed_labels(run_dir, pool, messenger)
    messenger.open_run(run_dir)  # a run that cannot be resumed gets no line in its folder
    messenger.send(
        RunStarted,
        run_dir=str(run_dir),
        device=str(compute.device),
        precision=compute.precision,
        encoder=config.encoder.name,
        class_ids=tuple(class_ids),
        n_labeled=len(split.labeled),
        n_unlabeled=len(split.unlabeled),
        n_val=len(split.val),
        total_steps=trainer.budget.total_steps,
        project_settings=tuple(f"{key} = {value_text(value)}" for key, value in request.project_settings.items()),
    )
    _warn(project, split, messenger)
    for caution in cautions(project, split, config):
        messenger.send(Warned, message=caution)
    reason = "stopped" if request.keep else trainer.fit()
    if not distributed.is_first():
        return {}
    if trainer.progress.step:
        messenger.send(Status, message=tr("Choosing prediction settings"))
        trainer.load_best(measure=reason == "budget")  # who stops a run does not want to wait
        if quick:
            quick.conclude(trainer.progress.best)
        _predict_all(trainer, messenger)
    return _finish(trainer, reason, messenger)


def _go_on_from_the_run_before(trainer: Trainer, classes: Sequence[TissueClass]) -> None:
    """Start as the project's latest finished run ended, where that had this network."""
    from training_core.training.warm_start import start_from

    before, learner = trainer.project.latest_run_id(), trainer.learner
    earlier = start_from(learner.model, trainer.project, before, trainer.config, classes) if before else None
    if earlier is not None:
        learner.warm_up_from(earlier)
        if distributed.is_first():
            record_origin(trainer.run_dir, str(before))
        trainer.messenger.send(Status, message=tr("Starting from the weights of run {run}").format(run=before))


def _partly_labeled(project: Project, split: Split) -> tuple[str, ...]:
    """Unlabelled tiles that carry some labels: those pixels are known when the tile's pseudo-label is made."""
    return tuple(name for name in split.unlabeled if project.has_label(name) and name not in split.labeled)


def _warn(project: Project, split: Split, messenger: Messenger) -> None:
    missing = project.missing_images()
    if missing:
        words = ntr(
            "{count} image is missing and left out: {first}.",
            "{count} images are missing and left out, the first is {first}.",
            len(missing),
        )
        messenger.send(Warned, message=words.format(count=len(missing), first=missing[0]))
    if not split.val:
        messenger.send(
            Warned,
            message=tr(
                "No validation tile: the curve shows the Dice of training tiles, which is optimistic. Use some "
                "annotated tiles for validation to see how well new tiles are predicted."
            ),
        )


def _warn_of_changed_labels(run_dir: Path, pool: TilePool, messenger: Messenger) -> None:
    provenance = json.loads((run_dir / "provenance.json").read_text(encoding="utf-8"))
    if provenance["labels_sha256"] != pool.label_hash():
        words = tr("The labels have changed since this run started; training continues with the new ones.")
        messenger.send(Warned, message=words)


def _check_same_classes(run_dir: Path, classes: Sequence[TissueClass]) -> None:
    trained = read_run(run_dir)[1]
    if [c.id for c in trained] != [c.id for c in classes]:
        raise CheckpointError(
            f"run {run_dir.name} was trained for the classes {', '.join(c.name for c in trained)}, but the "
            f"project now has {', '.join(c.name for c in classes)}",
            "the classes with which the run started",
            "start a new run",
        )


def _check_budget_left(trainer: Trainer, run_dir: Path) -> None:
    state = trainer.progress
    if trainer.budget.progress(state.step, state.elapsed_s) >= 1:
        raise ConfigError(
            f"run {run_dir.name} has used up its training budget ({state.step} steps)",
            "a larger budget to continue with",
            f"--resume {run_dir.name} --set schedule.steps={2 * state.step}, or --minutes with more minutes in total",
        )


def _predict_all(trainer: Trainer, messenger: Messenger) -> None:
    """Every tile, the unlabelled ones first; a tile that the user turns to meanwhile is shown, a stop cuts it short."""
    split, project = trainer.split, trainer.project
    missing = set(project.missing_images())
    before = project.latest_run_id()  # this run counts once its summary.json is there
    before = before if before != trainer.run_dir.name else None  # a finished run that was resumed
    order = dict.fromkeys([*split.unlabeled, *(tile.name for tile in project.tiles)])
    names, started = [name for name in order if name not in missing], time.monotonic()
    for done, name in enumerate(names):
        left_s = trainer.forecast.left_to_predict_s(names[done:], trainer.reader.readout.scale)
        spent_s = trainer.progress.elapsed_s + time.monotonic() - started
        share = share_done(spent_s, left_s)
        words = tr("Predicting tile {number} of {count}").format(number=done + 1, count=len(names))
        messenger.send(Status, message=words, done=share, eta_s=left_s)
        paths = trainer.write_prediction(name, trainer.run_dir / "predictions")
        earlier = project.prediction(name, before) if before is not None else None
        add_summary(
            trainer.run_dir,
            summarize(
                name,
                read_mask(paths["prediction"]),
                read_mask(paths["confidence"]),
                read_mask(earlier.prediction) if earlier is not None else None,
            ),
        )
        stop, show = messenger.pending()
        if show is not None:
            trainer.show(show)
        trainer.pause(save=False)
        if stop:
            words = tr("Stopped after predicting {number} of {count} tiles.")
            messenger.send(Warned, message=words.format(number=done + 1, count=len(names)))
            return


def _finish(trainer: Trainer, reason: str, messenger: Messenger) -> dict[str, Any]:
    state, scores = trainer.progress, trainer.progress.best
    measured = scores is not None and bool(trainer.split.val)
    summary = {
        "spec_version": 1,
        "run": str(trainer.run_dir),
        "reason": reason,
        "steps": state.step,
        "seconds": round(state.elapsed_s, 2),
        "val": {"mDice": scores.mdice, "mJaccard": scores.mjaccard} if scores is not None and measured else None,
        "absent_classes": [c.name for c in trainer.project.classes if scores and measured and c.id in scores.absent],
        "peak_rss_bytes": peak_rss_bytes(),
        "peak_gpu_bytes": peak_gpu_bytes(),
        "device": str(trainer.compute.device),
        "precision": trainer.compute.precision,
    }
    if state.step:  # a run stopped before its first step predicts nothing and must not stand for the latest
        atomic_write(trainer.run_dir / "summary.json", json.dumps(summary, indent=1).encode())
    messenger.send(
        RunFinished,
        run_dir=str(trainer.run_dir),
        reason=reason,
        steps=state.step,
        seconds=state.elapsed_s,
        mdice=scores.mdice if scores else None,
        mjaccard=scores.mjaccard if scores else None,
    )
    messenger.close()
    return summary
