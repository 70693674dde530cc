"""`live`: update the live preview after every stroke."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training_core.base.errors import UserError
from training_core.cli._arguments import open_project
from training_core.messages.events import RunFailed
from training_core.messages.messenger import Messenger, line_writer
from training_core.project.settings import read_settings
from training_core.settings import files as settings
from training_core.settings.form_fields import nested


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "live",
        help="update the live preview after every stroke (used by the window)",
        description="Reads commands as JSON lines from standard input and writes events as JSON lines to "
        'standard output. {"command": "show", "tile": "NAME"} trains the pixel classifier on the '
        "current labels of the project and predicts the tile; the event overlay_ready names the "
        'overlay files. {"command": "stop"} or the end of the input ends the process.',
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
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop; returns the exit code."""
    messenger = Messenger(commands=sys.stdin.fileno(), stop_at_end=True)
    messenger.listener = line_writer(sys.stdout, on_closed=messenger.request_stop)
    try:
        project = open_project(args.project)
        own = nested(read_settings(project.path))
        config = settings.load(args.config, settings.merge_settings(args.set), base=own)
        from training_core.pixel_classifier.live import Live  # torch: only when it is needed

        Live(project, config, messenger).serve()
    except UserError as error:
        messenger.send(RunFailed, message=str(error))
        raise
    return 0
