"""`train`: train the network on the annotated and unannotated tiles of a project."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training_core.base.bounded import read_json
from training_core.base.errors import CheckpointError, ConfigError, UserError
from training_core.base.niceness import yield_to_others
from training_core.base.torchrun import rank_and_size
from training_core.cli._arguments import open_project, print_result, write_json
from training_core.cli._leaving import leaving_on_signals
from training_core.messages.events import RunFailed
from training_core.messages.messenger import Leaving, Messenger, line_writer
from training_core.project import Project
from training_core.project.presence import Presence
from training_core.project.settings import in_force, read_settings
from training_core.settings import files as settings
from training_core.settings.form_fields import nested
from training_core.settings.variants import PRESET_MINUTES, merged

if TYPE_CHECKING:
    from training_core.pixel_classifier.pretrained import Warm
    from training_core.runs.trained_model import TrainedModel


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "train",
        help="train the network on the annotated and unannotated tiles of a project",
        description="Trains on the annotated and unannotated tiles of a project, scores the validation tiles "
        "meanwhile, and then predicts every tile. The run is saved in a new folder in PROJECT/runs. "
        "Settings given neither with --config nor with --set come from PROJECT/settings.json, which "
        "the window writes.",
        epilog="""\
examples:
  python -m training_core train colon --preset balanced
  python -m training_core train colon --minutes 60 --set encoder.name=uni
  python -m training_core train colon --resume RUN
  python -m training_core train colon --start-from colon-glands""",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    parser.add_argument("--supervised-only", action="store_true", help="train on the annotated tiles only")
    parser.add_argument("--seed", type=int, metavar="N", help="random seed, which makes a run repeatable (default: 0)")
    _add_time(parser.add_argument_group("training time (default: from the settings)"))
    _add_settings(parser.add_argument_group("settings"))
    parser.add_argument(
        "--start-from",
        type=Path,
        metavar="FOLDER",
        help="start from the weights of a shared model, or of a run of another project, with the settings of its "
        "network; classes are matched by name",
    )
    _add_resume(parser.add_argument_group("interrupted runs"))
    machine = parser.add_argument_group("computer")
    machine.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), help="device to compute on (default: auto, the fastest)"
    )
    machine.add_argument(
        "--background", action="store_true", help="run at low priority, so that other programs stay responsive"
    )
    output = parser.add_argument_group("output")
    output.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    output.add_argument("--show", metavar="TILE", help="update the overlays of this tile during training")
    output.add_argument(
        "--events",
        choices=("-",),
        help="write events as JSON lines to standard output, read commands from standard input",
    )
    parser.set_defaults(run=run)


def _add_time(group: argparse._ArgumentGroup) -> None:
    budget = group.add_mutually_exclusive_group()
    minutes = ", ".join(f"{name} {each:g}" for name, each in PRESET_MINUTES.items())
    budget.add_argument(
        "--preset", choices=tuple(PRESET_MINUTES), help=f"train for a preset number of minutes: {minutes}"
    )
    budget.add_argument("--minutes", type=float, metavar="N", help="train for N minutes")
    budget.add_argument("--epochs", type=int, metavar="N", help="train for N passes over the unannotated tiles")


def _add_settings(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--config", type=Path, metavar="FILE", help="YAML or JSON file of settings")
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting, such as schedule.steps=300; can be repeated",
    )


def _add_resume(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--resume", metavar="RUN", help="resume this run: its name in PROJECT/runs, or its folder")
    group.add_argument(
        "--keep",
        action="store_true",
        help="with --resume: train no further, but predict every tile with the best checkpoint and finish the run",
    )


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit code."""
    if args.events and args.json == "-":
        raise ConfigError("--events - and --json - both write to standard output", "only one of them", "--json FILE")
    if args.keep and not args.resume:
        raise ConfigError("--keep is given without --resume", "the run to finish", "--resume RUN --keep")
    if args.start_from and args.resume:
        given = "--start-from is given together with --resume"
        raise ConfigError(given, "a new run to start, or a run to resume", "leave one of the two out")
    if args.background:
        yield_to_others()
    messenger: Messenger | None = None
    try:
        if rank_and_size()[0] != 0:
            train_in(args, Messenger())
            return 0
        if args.events:
            messenger = Messenger(commands=sys.stdin.fileno())
            messenger.listener = line_writer(sys.stdout, on_closed=messenger.reader_has_gone)
            summary = train_in(args, messenger)
        else:
            from training_core.cli._progress import ProgressDisplay

            messenger = Messenger()
            with _present(args.project), ProgressDisplay(on_closed=messenger.reader_has_gone) as display:
                messenger.listener = display.listen
                summary = train_in(args, messenger)
    except UserError as error:
        if args.events and messenger is not None:
            messenger.send(RunFailed, message=str(error))
        raise
    finally:
        if messenger is not None:
            messenger.close()
    if args.json:
        write_json(summary, args.json)
    if not args.events and args.json != "-":
        print_result(summary)
    return 0


@contextmanager
def _present(folder: Path) -> Iterator[None]:
    """Say who else has the project open, and let them know of this training as long as it runs."""
    presence = Presence(open_project(folder).path, "training")
    try:
        for other in presence.others():
            note = "what is annotated from now on takes part in the next training"
            print(f"Note: the project is open elsewhere too: {other.in_words()}; {note}.", file=sys.stderr)
        yield
    finally:
        presence.leave()


def train_in(
    args: argparse.Namespace, messenger: Messenger, given: Sequence[str] = (), warm: Warm | None = None
) -> dict[str, Any]:
    """Train in this process; returns the run's summary.

    Parameters
    ----------
    given
        The arguments as they were written, where they are not those of the process.
    warm
        What the process has ready; see `QuickStart`.

    Raises
    ------
    UserError
        Whatever the user can mend.
    """
    from training_core.training.run import Request, train  # torch: only when it is needed

    project = open_project(args.project)
    resume = _run_folder(project, args.resume) if args.resume else None
    own = {} if resume else read_settings(project.path)  # a run that goes on keeps what it was begun with
    start_from, base = _start_from(project, args.start_from), _run_settings(resume) or nested(own)
    if start_from is not None:
        base = merged(base, _network_settings(project, start_from))
    config = settings.load(args.config, _settings(args), base=base)
    with leaving_on_signals(messenger):
        command = [sys.executable, *(["-m", "training_core", *given] if given else sys.argv)]
        used = in_force(own, config)
        try:
            return train(
                Request(project, config, resume, args.show, command, args.keep, used, start_from), messenger, warm
            )
        except Leaving:
            again = f"python -m training_core train {shlex.quote(str(args.project))} --resume {messenger.run_id}"
            raise Leaving(f"resume with: {again}" if messenger.run_id else "") from None


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    texts = list(args.set)
    if args.minutes is not None:
        texts.append(f"schedule.minutes={args.minutes}")
    if args.preset is not None:
        texts.append(f"schedule.minutes={PRESET_MINUTES[args.preset]}")
    if args.epochs is not None:
        texts.append(f"schedule.epochs={args.epochs}")
    if args.seed is not None:
        texts.append(f"seed={args.seed}")
    if args.device is not None:
        texts.append(f"runtime.device={args.device}")
    if args.supervised_only:
        texts.append("pseudo_label.enabled=false")
    return settings.merge_settings(texts)


def _start_from(project: Project, folder: Path | None) -> TrainedModel | None:
    if folder is None:
        return None
    from training_core.runs.trained_model import open_trained_model

    trained = open_trained_model(folder)
    mpp = trained.config.data.mpp
    if mpp is not None and not _knows_pixel_sizes(project) and rank_and_size()[0] == 0:
        print(
            f"Note: {folder} works at {mpp:g} µm/px. The pixel sizes of the project are not known, so its images are "
            "taken as they are.",
            file=sys.stderr,
        )
    return trained


def _network_settings(project: Project, trained: TrainedModel) -> dict[str, Any]:
    from training_core.training.warm_start import network_settings

    return network_settings(trained, with_pixel_size=_knows_pixel_sizes(project))


def _knows_pixel_sizes(project: Project) -> bool:
    return any(tile.mpp_um is not None for tile in project.tiles)


def _run_folder(project: Project, name: str) -> Path:
    inside = project.runs_dir / name
    folder = inside if inside.is_dir() else Path(name)
    if folder.is_dir() and folder.resolve().parent != project.runs_dir.resolve():
        raise CheckpointError(
            f"{folder} is not a run of the project {project.path}",
            f"a run in {project.runs_dir}",
            f"list the runs with: python -m training_core project info {project.path}",
        )
    return folder


def _run_settings(run_dir: Path | None) -> dict[str, Any]:
    if run_dir is None:
        return {}
    from training_core.runs.run_folder import read_run

    read_run(run_dir)  # says in words what is wrong with the folder
    values: dict[str, Any] = read_json(run_dir / "config.json")
    return values
