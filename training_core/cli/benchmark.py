"""`benchmark`: run a published experiment over several seeds, and put records together in one document."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training_core.base.errors import ConfigError
from training_core.cli._arguments import write_json
from training_core.cli._counter import counted
from training_core.cli._progress import ProgressDisplay
from training_core.io import atomic_write
from training_core.messages.events import Event
from training_core.settings import files as settings

if TYPE_CHECKING:
    from training_core.measuring.accuracy.runner import Benchmark
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
        target, help=what, description=f"{what}. Exit code 1 means that a seed failed; the record says why."
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
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="run seeds 0 to N - 1 (default: 3)")
    parser.add_argument("--encoder", metavar="NAME", help="encoder (the setting encoder.name)")
    parser.add_argument(
        "--variant", choices=("best", "paper", "released"), help="set of default settings (default: best)"
    )
    parser.add_argument("--supervised-only", action="store_true", help="train on labelled images only: the lower bound")
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML or JSON file of settings")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting, such as schedule.steps=300; can be repeated",
    )
    parser.add_argument("--minutes", type=float, metavar="N", help="train each seed for N minutes")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), help="device to compute on (default: auto, the fastest)"
    )
    parser.add_argument(
        "--min-object-um2", type=float, default=0.0, metavar="N",
        help="do not count predicted objects smaller than N µm² (default: 0)",
    )  # fmt: skip
    parser.add_argument("--label", metavar="TEXT", help="name of the row in tables (default: from the settings)")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="DIR", help=f"folder for the record (default: benchmark-{target}-RATIO)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the record that is in that folder")
    parser.add_argument("--json", metavar="FILE", help="write the record as JSON (- for standard output)")
    parser.set_defaults(run=run, target=target)


def run(args: argparse.Namespace) -> int:
    """Run a benchmark; returns the exit code."""
    if args.seeds < 1:
        raise ConfigError(f"--seeds {args.seeds}", "at least 1 seed; 3 are recommended", "--seeds 3")
    config = _config(args)  # before torch is loaded and images are looked for
    out = args.out or Path(f"benchmark-{args.target}-{args.ratio}{'-supervised' if args.supervised_only else ''}")
    from training_core.measuring.accuracy.record import MARKDOWN
    from training_core.measuring.accuracy.report import render
    from training_core.measuring.accuracy.runner import Display, run_benchmark

    bench = _benchmark(args, config, out)
    display = Display(lambda line: print(line, file=sys.stderr, flush=True), _training, counted)
    record = run_benchmark(bench, args.seeds, out, display, overwrite=args.overwrite)
    atomic_write(out / MARKDOWN, render([record]).encode())
    if args.json:
        write_json(record, args.json)
    if args.json != "-":
        _print_summary(record, out)
    return 1 if any(entry["status"] != "done" for entry in record["seeds"]) else 0


def run_report(args: argparse.Namespace) -> int:
    """Write one document from several records; returns the exit code."""
    from training_core.measuring.accuracy.record import read_record
    from training_core.measuring.accuracy.report import render

    atomic_write(args.out, render([read_record(path) for path in args.records], args.title).encode())
    print(f"Wrote {len(args.records)} records to {args.out}")
    return 0


def _config(args: argparse.Namespace) -> Config:
    texts = []
    if args.variant:
        texts.append(f"variant={args.variant}")
    if args.encoder:
        texts.append(f"encoder.name={args.encoder}")
    if args.minutes is not None:
        texts.append(f"schedule.minutes={args.minutes}")
    if args.device:
        texts.append(f"runtime.device={args.device}")
    if args.supervised_only or args.ratio == 100:
        texts.append("pseudo_label.enabled=false")
    alone = "schedule.warm_start=false"  # the seeds share a project, and none may start from another's weights
    return settings.load(args.config, settings.merge_settings([*texts, *args.set, alone]))


def _benchmark(args: argparse.Namespace, config: Config, out: Path) -> Benchmark:
    from training_core.measuring.accuracy.datasets import find_dataset
    from training_core.measuring.accuracy.record import DATA
    from training_core.measuring.accuracy.runner import Benchmark
    from training_core.measuring.accuracy.splits import read_split
    from training_core.measuring.accuracy.tissue import demo_split, draw_dataset

    if args.target == "demo":
        with counted("Creating synthetic tissue") as progress:
            dataset = draw_dataset(out / DATA, progress)
        split, source = demo_split(args.ratio)
    else:
        dataset = find_dataset(args.target, args.data, args.test)
        split, source = read_split(args.target, [item.name for item in dataset.train], args.data, args.ratio)
    supervised = not config.pseudo_label.enabled
    label = args.label or _label(args, config)
    command = shlex.join(["python", "-m", "training_core", *args.given])
    return Benchmark(dataset, split, source, args.ratio, supervised, config, label, command, args.min_object_um2)


def _label(args: argparse.Namespace, config: Config) -> str:
    parts = [config.variant, config.encoder.name, *args.set]
    if args.config:
        parts.append(args.config.name)
    if not config.pseudo_label.enabled and args.ratio < 100:
        parts.append("labelled images only")
    return ", ".join(parts)


@contextmanager
def _training() -> Iterator[Callable[[Event], None]]:
    with ProgressDisplay() as display:
        yield display.listen


def _print_summary(record: dict[str, Any], out: Path) -> None:
    from training_core.measuring.accuracy.record import FIGURES

    for name, figures in record["summary"].get("sets", {}).items():
        texts = [f"{key} {figures[key]['mean']:.3f}" + _spread(figures[key]["sd"]) for key in FIGURES if key in figures]
        print(f"{name} ({figures['n_images']} images, {record['summary']['n_seeds']} seeds): {', '.join(texts)}")
    for note in record["notes"]:
        print(f"Note: {note}")
    print(f"record: {out / 'record.json'}, table: {out / 'record.md'}")


def _spread(sd: float | None) -> str:
    return "" if sd is None else f" ± {sd:.3f}"
