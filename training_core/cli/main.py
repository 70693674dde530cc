"""The command line: `python -m training_core COMMAND`. One module per command in training_core/cli."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from training_core import __version__
from training_core.base.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, ConfigError, UserError

_COMMANDS = (
    "demo", "project", "encoders", "train", "live", "predict", "evaluate", "export", "benchmark", "bench", "verify",
    "schema",
)  # fmt: skip
"""In the order of work, which is the order of the help."""


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors like all others: one line, with what to try."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong with the command line.

        Raises
        ------
        ConfigError: always.
        """
        raise ConfigError(message, "a command line as its help describes", f"{self.prog} --help")


def build_parser() -> argparse.ArgumentParser:
    """The parser with every command."""
    parser = _Parser(
        prog="python -m training_core",
        description="Teach a computer your tissue: make a project from images, label some of it, train on labelled "
        "and unlabelled tiles together, predict, export. The window does the same on the same folders.",
    )
    parser.add_argument("--version", action="version", version=f"napari-unisemalign {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in _COMMANDS:
        importlib.import_module(f"training_core.cli.{name}").add_arguments(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 a check failed, 2 bad input (one line says why), 130 interrupted."""
    try:
        given = list(sys.argv[1:] if argv is None else argv)
        args = build_parser().parse_args(given)
        args.given = given  # what a record says it was made by
        return int(args.run(args))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
