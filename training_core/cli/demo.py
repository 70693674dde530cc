"""`demo`: make a sample project."""

from __future__ import annotations

import argparse
from pathlib import Path

from training_core.cli._arguments import print_result, write_json
from training_core.cli._counter import counted


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "demo",
        help="make a sample project of drawn tissue to try things on",
        description="Draws tissue, without any data of anybody's, and makes a project of it. Six tiles are "
        "labelled for validation; the truth of all drawn tiles lies in DIR/truth, and training never sees it.",
    )
    parser.add_argument("project", type=Path, metavar="DIR", help="the project folder to make: new, or empty")
    parser.add_argument("--tiles", type=int, default=42, metavar="N", help="number of drawn tiles (42)")
    parser.add_argument(
        "--kind",
        choices=("glands", "compartments"),
        default="glands",
        help="glands: background and gland, to try things on (default); compartments: seven classes of three scanners "
        "with mixed pixel sizes, hard to tell by colour, to measure on",
    )
    parser.add_argument(
        "--painted", type=int, default=0, metavar="N", help="paint strokes of every class on the first N tiles (0)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another number, another tissue (0)")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the sample; returns the exit code."""
    from training_core.cli.project import describe
    from training_core.demo import make_demo

    with counted("Drawing tissue") as progress:
        project = make_demo(
            args.project, seed=args.seed, tiles=args.tiles, kind=args.kind, painted=args.painted, progress=progress
        )
    info = describe(project)
    if args.json:
        write_json(info, args.json)
    if args.json != "-":
        print_result(info)
    return 0
