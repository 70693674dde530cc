"""`benchmark`: run a published experiment over several seeds, and put records together in one document."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from training_core.base.attempts import Attempts, Failure
from training_core.base.errors import ConfigError
from training_core.cli import benchmark_folder
from training_core.cli._answer_options import answers_of
from training_core.cli._arguments import write_json
from training_core.cli._benchmark_options import (
    add_options,
    annotator_of,
    check_options,
    command_of,
    display,
    end,
    label_of,
    load_settings,
    print_summary,
    strokes_suffix,
)
from training_core.cli._counter import counted
from training_core.cli._failures import exit_code
from training_core.io import atomic_write

if TYPE_CHECKING:
    from training_core.measuring.accuracy.plan import Benchmark
    from training_core.settings.schema import Config

RATIOS = (10, 20, 100)


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands to argparse."""
    parser = subparsers.add_parser(
        "benchmark",
        help="run a published experiment with several seeds and compare with the published figures",
        description="Trains and scores several seeds by the published protocol, each in its own process, and "
        "writes a record (JSON) and a table (Markdown). Repeat the command to continue after the "
        "last finished seed.",
    )
    targets = parser.add_subparsers(title="experiments", metavar="EXPERIMENT", required=True)
    for target, what in (("glas", "GlaS: glands of the colon, 85 training and 80 test images"),
                         ("crag", "CRAG: glands of the colon, 173 training and 40 test images")):  # fmt: skip
        _add_options(_add_target(targets, target, what), target)
    _add_options(_add_target(targets, "demo", "synthetic tissue: nothing to download, with its own splits"), "demo")
    benchmark_folder.add_target(targets)
    report = targets.add_parser(
        "report",
        help="write the tables of one or more records to one document",
        description="Writes tables and commands as Markdown.",
    )
    report.add_argument("records", type=Path, nargs="+", metavar="RECORD", help="record.json files")
    report.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="the Markdown file to write")
    report.add_argument("--title", default="Results", metavar="TEXT", help="heading of the document (default: Results)")
    report.set_defaults(run=run_report)


def _add_target(
    targets: argparse._SubParsersAction[argparse.ArgumentParser], target: str, what: str
) -> argparse.ArgumentParser:
    parser = targets.add_parser(
        target,
        help=what,
        description=f"{what}. Images that cannot be used are left out, and listed at the end "
        "and in the record (exit code 3). Exit code 1 means that a seed failed; the record says why.",
    )
    if target != "demo":
        parser.add_argument(
            "--data", type=Path, required=True, metavar="DIR",
            help="data set folder: images/ and masks/, or the published layout; the lists of the split are in "
                 f"DIR/splits ({target}_10_labeled.txt, {target}_10_val.txt)",
        )  # fmt: skip
        parser.add_argument(
            "--test", type=Path, metavar="DIR",
            help="test images, if they are not in the data folder: DIR/images and DIR/masks",
        )  # fmt: skip
    return parser


def _add_options(parser: argparse.ArgumentParser, target: str) -> None:
    parser.add_argument(
        "--ratio", type=int, choices=RATIOS, default=10,
        help="percentage of labelled training images (default: 10); 100: the fully supervised upper bound",
    )  # fmt: skip
    parser.add_argument("--supervised-only", action="store_true", help="train on labelled images only: the lower bound")
    add_options(parser, f"benchmark-{target}-RATIO")
    parser.set_defaults(run=run, target=target)


def run(args: argparse.Namespace) -> int:
    """Run a benchmark; returns the exit code."""
    check_options(args)
    config = _config(args)  # before torch is loaded and images are looked for
    supervised = "-supervised" if args.supervised_only else ""
    out = args.out or Path(f"benchmark-{args.target}-{args.ratio}{supervised}{strokes_suffix(args)}")
    from training_core.measuring.accuracy.record import MARKDOWN
    from training_core.measuring.accuracy.report import render
    from training_core.measuring.accuracy.runner import run_benchmark

    bench, failures = _benchmark(args, config, out)
    record = run_benchmark(bench, args.seeds, out, display(), overwrite=args.overwrite)
    atomic_write(out / MARKDOWN, render([record]).encode())
    if args.json:
        write_json(record, args.json)
    if args.json != "-":
        print_summary(record, out)
    return end([record], failures)


def run_report(args: argparse.Namespace) -> int:
    """Write one document from several records; returns the exit code."""
    from training_core.measuring.accuracy.record import read_record
    from training_core.measuring.accuracy.report import render

    records, attempts = [], Attempts(kinds=(ConfigError,))
    for path in args.records:
        with attempts.each(str(path)):
            records.append(read_record(path))
    attempts.raise_if_none()
    atomic_write(args.out, render(records, args.title).encode())
    print(f"Wrote {len(records)} records to {args.out}")
    return exit_code(attempts.failed)


def _config(args: argparse.Namespace) -> Config:
    return load_settings(args, labeled_only=args.supervised_only or args.ratio == 100)


def _benchmark(args: argparse.Namespace, config: Config, out: Path) -> tuple[Benchmark, tuple[Failure, ...]]:
    """What to run, and which images are left out of it."""
    from training_core.measuring.accuracy.datasets import find_dataset
    from training_core.measuring.accuracy.plan import Benchmark
    from training_core.measuring.accuracy.record import DATA
    from training_core.measuring.accuracy.splits import read_split
    from training_core.measuring.accuracy.tissue import demo_split, draw_dataset
    from training_core.measuring.accuracy.usable import usable

    if args.target == "demo":
        with counted("Creating synthetic tissue") as progress:
            dataset = draw_dataset(out / DATA, progress)
        split, source = demo_split(args.ratio)
    else:
        dataset = find_dataset(args.target, args.data, args.test)
        split, source = read_split(args.target, [item.name for item in dataset.train], args.data, args.ratio)
    supervised = not config.pseudo_label.enabled
    label = label_of(args, config)
    if supervised and args.ratio < 100 and not args.label:
        label += ", labelled images only"
    annotator = annotator_of(args)
    if annotator is not None and not args.label:
        label += f", {annotator.title}"
    with counted("Checking the files") as progress:
        found = usable(replace(dataset, answers=answers_of(args)), split, progress=progress)
    bench = Benchmark(
        found.dataset, found.split, source, args.ratio, supervised, config, label, command_of(args),
        args.min_object_um2, annotator=annotator, left_out=found.left_out,
    )  # fmt: skip
    return bench, found.failures
