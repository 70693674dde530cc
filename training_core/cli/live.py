"""`live`: update the live preview after every stroke, and become the training process when a training begins."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from training_core.base.errors import ConfigError, UserError, WeightsError
from training_core.base.niceness import yield_to_others
from training_core.cli import train
from training_core.cli._arguments import open_project
from training_core.messages.events import RunFailed
from training_core.messages.messenger import Messenger, line_writer
from training_core.project import Project
from training_core.project.settings import read_settings
from training_core.settings import files as settings
from training_core.settings.form_fields import nested
from training_core.settings.schema import Config

if TYPE_CHECKING:
    from training_core.pixel_classifier.pretrained import Warm


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "live",
        help="update the live preview after every stroke (used by the window)",
        description="Reads commands as JSON lines from standard input and writes events as JSON lines to "
        'standard output. {"command": "show", "tile": "NAME"} trains the pixel classifier on the '
        "current labels of the project and predicts the tile; the event overlay_ready names the "
        'overlay files. {"command": "prepare", "tiles": ["NAME", ...]} loads what strokes on these tiles '
        'need. {"command": "train", "arguments": ["train", "PROJECT", "--events", "-", ...]} goes on as '
        "that training, with what is loaded already. "
        '{"command": "stop"} or the end of the input ends the process.',
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML or JSON file of settings")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting, such as encoder.name=uni; can be repeated",
    )
    parser.add_argument(
        "--background", action="store_true", help="run at low priority, so that other programs stay responsive"
    )
    parser.add_argument(
        "--offline", action="store_true", help="download no weights; a training in this process still may"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop or to train; returns the exit code."""
    if args.background:
        yield_to_others()
    messenger = Messenger(commands=sys.stdin.fileno(), stop_at_end=True)
    messenger.listener = line_writer(sys.stdout, on_closed=messenger.reader_has_gone)
    try:
        project = open_project(args.project)
        from training_core.pixel_classifier.live import Live  # torch: only when it is needed

        with _downloads_explained(args):
            live = Live(project, lambda: _config(args, project), messenger, _import_training)
            arguments = live.serve()
        if arguments is not None:
            messenger.begin_training()
            _train(arguments, project, messenger, live.warm)
    except UserError as error:
        messenger.send(RunFailed, message=str(error))
        raise
    return 0


@contextmanager
def _downloads_explained(args: argparse.Namespace) -> Iterator[None]:
    """Offline mode was not the user's choice: the user only opened a project."""
    try:
        yield
    except WeightsError as error:
        if not args.offline or _config(args, open_project(args.project)).encoder.weights_path is not None:
            raise
        raise WeightsError(
            "the encoder's weights are not on this machine, and the live preview downloads none",
            "the weights, which the first training downloads",
            "start a training once, or choose the bundled encoder",
        ) from error


def _config(args: argparse.Namespace, project: Project) -> Config:
    own = nested(read_settings(project.path))
    config = settings.load(args.config, settings.merge_settings(args.set), base=own)
    if args.offline:
        config = config.model_copy(update={"encoder": config.encoder.model_copy(update={"offline": True})})
    return config


def _import_training() -> None:
    """What a training imports after its first overlay, and timm, which it may need for that."""
    import training_core.network.encoders
    import training_core.network.model
    import training_core.training.run
    import training_core.training.trainer
    import training_core.training.warm_start  # noqa: F401


def _train(arguments: tuple[str, ...], project: Project, messenger: Messenger, warm: Warm) -> None:
    from training_core.cli.main import build_parser

    args = build_parser().parse_args(arguments)
    if args.run is not train.run or args.events is None or args.project.resolve() != project.path.resolve():
        raise ConfigError(
            f"the live preview of {project.path} was asked to run {' '.join(arguments)}",
            "train, with this project and --events -",
            f"python -m training_core {' '.join(arguments)}, in a process of its own",
        )
    train.train_in(args, messenger, arguments, warm)
