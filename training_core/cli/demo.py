"""`demo`: create a sample project."""

from __future__ import annotations

import argparse
from pathlib import Path

from training_core.cli._arguments import print_result, write_json
from training_core.cli._counter import counted


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "demo",
        help="create a sample project of synthetic tissue",
        description="Creates a project of synthetic tissue; nothing is downloaded. Six tiles are annotated for "
        "validation. The true classes of all tiles are in DIR/truth, which training never reads.",
    )
    parser.add_argument("project", type=Path, metavar="DIR", help="project folder to create: new or empty")
    parser.add_argument("--tiles", type=int, default=42, metavar="N", help="number of tiles (default: 42)")
    parser.add_argument(
        "--kind",
        choices=("glands", "compartments"),
        default="glands",
        help="glands: background and gland, for a first try (default); compartments: seven classes, three "
        "scanners and mixed pixel sizes, hard to tell apart by colour, for measurements",
    )
    parser.add_argument(
        "--painted",
        type=int,
        default=0,
        metavar="N",
        help="annotate the first N tiles with strokes of every class (default: 0)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="random seed; each number gives different tissue (default: 0)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the sample; returns the exit code."""
    from training_core.cli._project_text import describe
    from training_core.demo import make_demo

    with counted("Creating synthetic tissue") as progress:
        project = make_demo(
            args.project, seed=args.seed, tiles=args.tiles, kind=args.kind, painted=args.painted, progress=progress
        )
    info = describe(project)
    if args.json:
        write_json(info, args.json)
    if args.json != "-":
        print_result(info)
    return 0
