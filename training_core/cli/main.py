"""The command line: `python -m training_core COMMAND`. One module per command in training_core/cli."""

from __future__ import annotations

import argparse
import importlib
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, NoReturn

from training_core import __version__
from training_core.base.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, ConfigError, UserError
from training_core.cli._no_network import no_network

_COMMANDS = (
    "demo", "inspect", "project", "encoders", "train", "live", "predict", "evaluate", "export", "objects", "share",
    "benchmark", "bench", "verify", "schema",
)  # fmt: skip
"""In the order of work, which is the order of the help."""


class _Help(argparse.HelpFormatter):
    """Wraps a description; keeps the lines of examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("examples:") else super()._fill_text(text, width, indent)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors like all others: one line, with what to try."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _Help, **options})

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong with the command line.

        Raises
        ------
        ConfigError
            Always.
        """
        raise ConfigError(message, "a command line as described in the help", f"{self.prog} --help")


def build_parser() -> argparse.ArgumentParser:
    """The parser with every command."""
    parser = _Parser(
        prog="python -m training_core",
        description="Segment tissue from few annotations: create a project from images, annotate some tiles, "
        "train on annotated and unannotated tiles together, predict and export. The napari window "
        "works on the same project folders.",
    )
    parser.add_argument("--version", action="version", version=f"napari-unisemalign {__version__}")
    parser.add_argument(
        "--offline",
        dest="no_network",
        action="store_true",
        help="use no network: no weights are downloaded, and no addresses read",
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in _COMMANDS:
        importlib.import_module(f"training_core.cli.{name}").add_arguments(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Exit codes: 0 done, 1 a check failed, 2 bad input (one line says why), 3 done but for the files that are listed, 130
    interrupted.
    """
    with _every_name_accepted():
        try:
            given = list(sys.argv[1:] if argv is None else argv)
            args = build_parser().parse_args(given)
            args.given = given  # what a record says it was made by
            with no_network() if args.no_network else nullcontext():
                return int(args.run(args))
        except UserError as error:
            print(f"error: {error.in_terminal}", file=sys.stderr)
            return EXIT_USER_ERROR
        except KeyboardInterrupt as interrupt:
            with suppress(OSError):  # the terminal may have gone
                print(f"interrupted{f'; {interrupt}' if str(interrupt) else ''}", file=sys.stderr)
            return EXIT_INTERRUPTED


@contextmanager
def _every_name_accepted() -> Iterator[None]:
    """Escape what the console's encoding lacks: a µ or a file name that is no text must not end a command."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, io.TextIOWrapper)]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            with suppress(OSError, ValueError):  # it writes out what is left; the reader may have gone
                stream.reconfigure(errors=errors)
