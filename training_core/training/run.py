"""One run from start to end, in stages: plan, first overlay, build, start, fit, finish.

What imports timm is imported by the stages after the first overlay: that takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from training_core.base.bounded import read_json
from training_core.base.errors import CheckpointError, ConfigError
from training_core.base.i18n import tr
from training_core.compute import processes as distributed
from training_core.compute.device import Compute, choose_compute, settings_kept
from training_core.data.held_out import HeldOut
from training_core.data.previous_run import PreviousRun
from training_core.data.tile_pool import TilePool
from training_core.io import atomic_write
from training_core.messages.events import RunStarted, Status, Warned
from training_core.messages.messenger import Messenger
from training_core.network.fingerprint import weights_sha256
from training_core.pixel_classifier.first_overlay import QuickStart
from training_core.pixel_classifier.pretrained import Warm
from training_core.prediction.out_of_memory import explained
from training_core.project import Project, TissueClass
from training_core.project.creation import file_sha256
from training_core.project.interrupted_runs import held
from training_core.project.runs import natural_key
from training_core.runs.held_out_files import read_held_out
from training_core.runs.run_folder import Split, create_run_folder, read_run, record_origin, record_shared_origin
from training_core.runs.trained_model import TrainedModel
from training_core.settings.form_fields import value_text
from training_core.settings.schema import Config
from training_core.training.finish import Reason, finish
from training_core.training.hold_out import held_out_by
from training_core.training.preflight import cautions, check_ready, settle

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
    """Of a resumed run: train no further, predict with the best so far and finish it. A run that has finished predicts
    the tiles that it has not predicted yet."""
    project_settings: Mapping[str, Any] = field(default_factory=dict)
    """What of the configuration comes from the project's own settings, by key."""
    start_from: TrainedModel | None = None
    """A shared model, or a run of another project, whose weights a new run starts from."""


@dataclass(frozen=True)
class Plan:
    """A request that was found good, with what the project holds at this moment: the window may change it meanwhile."""

    request: Request
    config: Config
    """Settled, so what the project's tiles decide is filled in."""
    classes: tuple[TissueClass, ...]
    split: Split
    before: PreviousRun | None
    """The project's latest finished run."""
    held_out: HeldOut


@explained("train")
def train(request: Request, messenger: Messenger, warm: Warm | None = None) -> dict[str, Any]:
    """Train, predict every tile, and return the summary that is also written to RUN/summary.json.

    Nothing is written before the data, the device and the weights have been found good. Started by torchrun, this is
    one of several processes (`distributed`), of which the first writes, validates, predicts and has the summary.

    Parameters
    ----------
    warm
        What this process had ready before; the results are the same without.

    Raises
    ------
    UserError
        Whatever the user can mend; see the error's own message.
    """
    with settings_kept(), distributed.joined(choose_compute(request.config.runtime)) as compute:
        messenger.muted = not distributed.is_first()
        plan = _plan(request)
        messenger.check()
        quick = _first_overlay(plan, compute, messenger, warm)
        with _built(plan, compute, messenger, quick) as trainer:
            _start(plan, trainer)
            is_finished = request.resume is not None and _is_finished(trainer)
            summary = finish(trainer, _fit(request, trainer), missing_only=request.keep and is_finished)
            distributed.largest(0)  # nobody leaves before all are done
            return summary


def _fit(request: Request, trainer: Trainer) -> Reason:
    """Train what is left: of a run that was cut off after its last step, that step's validation at most."""
    is_cut_off = trainer.is_used_up and not _is_finished(trainer)
    return "stopped" if request.keep and not is_cut_off else trainer.fit()


def _is_finished(trainer: Trainer) -> bool:
    """Whether the run has ended with the weights that it has now, and was not trained further since."""
    try:
        return bool(read_json(trainer.run_dir / "summary.json")["steps"] == trainer.progress.step)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _plan(request: Request) -> Plan:
    """Check the request against the project. A resumed run keeps its tiles; its settings were settled when it began."""
    project, config = request.project, request.config
    if request.show is not None:
        project.tile(request.show)
    classes = project.classes
    if request.resume:
        _check_same_classes(request.resume, classes)
        split = read_run(request.resume)[2]
    else:
        split = check_ready(project, config)
        config = settle(project, split, config)
    distributed.check_divides(config)
    before = _run_before(request)
    again = request.resume
    held_out = HeldOut(read_held_out(again)) if again else held_out_by(project, config, split, before)
    return Plan(request, config, classes, split, before, held_out)


def _run_before(request: Request) -> PreviousRun | None:
    """The latest finished run; of a run that is resumed, only an older one."""
    run_id = request.project.latest_run_id()
    if run_id is None or (request.resume and natural_key(run_id) >= natural_key(request.resume.name)):
        return None
    return PreviousRun(request.project, run_id)


def _first_overlay(plan: Plan, compute: Compute, messenger: Messenger, warm: Warm | None) -> QuickStart | None:
    """Show the tile that the user looks at before the network is there; None: this run has only the network."""
    request, config, held_out = plan.request, plan.config, plan.held_out.where
    if not config.schedule.quick_start or not distributed.is_first():
        return None
    shows = request.resume is None
    quick = QuickStart(request.project, config, compute, messenger, held_out, plan.before, shows=shows, warm=warm)
    if request.show is not None:
        quick.show(request.show, step=0)
    return quick


@contextmanager
def _built(plan: Plan, compute: Compute, messenger: Messenger, quick: QuickStart | None) -> Iterator[Trainer]:
    """Network, labels, run folder and what trains with them; nobody else resumes or deletes the run meanwhile."""
    from training_core.network.encoders import completed
    from training_core.network.model import build_model
    from training_core.training.trainer import Trainer

    request, split = plan.request, plan.split
    config = plan.config if request.resume else completed(plan.config)
    torch.manual_seed(config.seed)
    messenger.send(Status, message=tr("Loading the encoder"))
    model = build_model(config, plan.classes, encoder=quick.hand_over() if quick else None)
    messenger.send(Status, message=tr("Reading labels"))
    pool = _tile_pool(plan)
    run_dir = request.resume
    if run_dir is None and distributed.is_first():
        unused = {name: pool.scored_ids(name) for name in plan.held_out.where}
        labels, command = pool.label_hash(), request.command
        weights = weights_sha256(model.encoder.trunk)
        run_dir = create_run_folder(request.project, config, plan.classes, split, labels, command, unused, weights)
    run_dir = distributed.told_by_first(run_dir)
    assert run_dir is not None
    with held(run_dir) if distributed.is_first() else nullcontext():
        held_out = plan.held_out
        trainer = Trainer(model, config, pool, split, request.project, run_dir, compute, messenger, quick, held_out)
        trainer.overlays.shown = request.show
        if quick:
            quick.share(model.encoder)
        yield trainer


def _tile_pool(plan: Plan) -> TilePool:
    project, split = plan.request.project, plan.split
    # unlabelled tiles that carry some labels: those pixels are known when the tile's pseudo-label is made
    partly = [name for name in split.unlabeled if project.has_label(name) and name not in split.labeled]
    rejected = tuple(name for name in split.unlabeled if project.rejected_pixels(name))
    known = (*split.labeled, *split.val, *partly)
    ids = [c.id for c in plan.classes]
    context_px = plan.config.data.context_px
    return TilePool(project, known, ids, rejected=rejected, held_out=plan.held_out.where, context_px=context_px)


def _start(plan: Plan, trainer: Trainer) -> None:
    """Take over what an earlier run has learned, open the run's list of events, and tell how it starts."""
    request, messenger, config = plan.request, trainer.messenger, trainer.settings.config
    if request.resume:
        _restore(plan, trainer)
    elif request.start_from is not None:
        _start_from_the_model(plan, trainer, request.start_from)
    elif config.schedule.warm_start:
        _go_on_from_the_run_before(plan, trainer)
    messenger.open_run(trainer.run_dir)  # a run that cannot be resumed gets no line in its folder
    messenger.send(
        RunStarted,
        run_dir=str(trainer.run_dir),
        device=str(trainer.compute.device),
        precision=trainer.compute.precision,
        encoder=config.encoder.name,
        class_ids=tuple(c.id for c in plan.classes),
        n_labeled=len(plan.split.labeled),
        n_unlabeled=len(plan.split.unlabeled),
        n_val=len(plan.split.val),
        n_partly=len(set(plan.split.labeled) & set(plan.split.unlabeled)),
        total_steps=trainer.budget.total_steps,
        project_settings=tuple(f"{key} = {value_text(value)}" for key, value in request.project_settings.items()),
    )
    low, usual = config.augment.scales[0], request.config.augment.scales[0]
    if low < usual and not request.resume:
        words = tr("The annotated structures are large: crops show {times:.1f} times as wide a field as usual")
        messenger.send(Status, message=words.format(times=usual / low))
    for caution in cautions(request.project, plan.split, config, plan.held_out.where):
        messenger.send(Warned, message=caution)


def _restore(plan: Plan, trainer: Trainer) -> None:
    """Go on where the resumed run was left, with the settings that are asked for now."""
    trainer.checkpoints.restore()
    if trainer.is_used_up and not plan.request.keep and _is_finished(trainer):
        raise _no_budget_left(trainer)
    if distributed.is_first():
        atomic_write(trainer.run_dir / "config.json", plan.config.model_dump_json(indent=1).encode())
    provenance = read_json(trainer.run_dir / "provenance.json")
    if provenance["labels_sha256"] != trainer.pool.label_hash():
        words = tr("The labels have changed since this run started; training continues with the new ones.")
        trainer.messenger.send(Warned, message=words)


def _go_on_from_the_run_before(plan: Plan, trainer: Trainer) -> None:
    """Start as the project's latest finished run ended, where that had this network."""
    from training_core.training.warm_start import start_from

    before, learner, config = trainer.project.latest_run_id(), trainer.learner, trainer.settings.config
    earlier = start_from(learner.model, trainer.project, before, config, plan.classes) if before else None
    if earlier is not None:
        learner.warm_up_from(earlier.state["threshold"])
        if distributed.is_first():
            record_origin(trainer.run_dir, str(before))
        trainer.messenger.send(Status, message=tr("Starting from the weights of run {run}").format(run=before))


def _start_from_the_model(plan: Plan, trainer: Trainer, trained: TrainedModel) -> None:
    """Start with the weights of a model that somebody shared, and say what of it does not fit."""
    from training_core.training.warm_start import start_from_model

    notes = start_from_model(trainer.learner.model, trained, plan.classes)
    trainer.learner.warm_up_from(float(trained.state["threshold"]))
    if distributed.is_first():
        record_shared_origin(trainer.run_dir, file_sha256(trained.weights))
    words = tr("Starting from the weights of the model {name}")
    trainer.messenger.send(Status, message=words.format(name=trained.folder.name))
    for note in notes:
        trainer.messenger.send(Warned, message=note)


def _check_same_classes(run_dir: Path, classes: Sequence[TissueClass]) -> None:
    trained = read_run(run_dir)[1]
    if [c.id for c in trained] != [c.id for c in classes]:
        raise CheckpointError(
            f"run {run_dir.name} was trained for the classes {', '.join(c.name for c in trained)}, but the "
            f"project now has {', '.join(c.name for c in classes)}",
            "the classes with which the run started",
            "start a new run",
        )


def _no_budget_left(trainer: Trainer) -> ConfigError:
    state, run_dir = trainer.progress, trainer.run_dir
    return ConfigError(
        f"run {run_dir.name} has used up its training budget ({state.step} steps)",
        "a larger budget to continue with",
        "give it more minutes in total, or more steps",
        terminal=f"--resume {run_dir.name} --set schedule.steps={2 * state.step}, or --minutes with more minutes "
        "in total",
    )
