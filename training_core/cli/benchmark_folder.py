"""`benchmark folder`: the figures that matter for a user's own data set."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training_core.base.attempts import Failure
from training_core.base.errors import ConfigError
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
from training_core.io import atomic_write
from training_core.measuring.accuracy.choices import ARMS, Arm

if TYPE_CHECKING:
    from training_core.measuring.accuracy.plan import Benchmark

COMPARISON = "comparison.md"
_FILE = "dataset.yaml"


def add_target(targets: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = targets.add_parser(
        "folder",
        help="your own data set: images, masks, and a dataset.yaml that describes them",
        description="Trains with the labels alone, with the unlabelled images beside them, and with all images "
        "labelled, and says how much of the gap between the first and the last the unlabelled images close. Repeat "
        "the command to continue after the last finished seed. Images that cannot be used are left out of all arms, "
        "and listed at the end and in the record (exit code 3). Exit code 1 means that a seed failed; the record says "
        "why.",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help=f"folder of the data set, with {_FILE}; or give --dataset"
    )
    parser.add_argument(
        "--dataset", type=Path, metavar="FILE",
        help=f"YAML file with classes, pixel size and split (default: DIR/{_FILE}); its paths are relative to DIR, "
             "or without --data to the file",
    )  # fmt: skip
    parser.add_argument(
        "--arms", nargs="+", choices=ARMS, metavar="ARM",
        help="which to train (default: all three): labels (labels alone), unlabelled (with the unlabelled images), "
             "all (all images labelled, with their full masks)",
    )  # fmt: skip
    parser.add_argument(
        "--fold", type=int, metavar="K", help="cross-validation: test on fold K, from 0; the file has draw.folds"
    )
    add_options(parser, "benchmark-NAME")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the arms; returns the exit code."""
    check_options(args)
    benches, out, failures = _benchmarks(args)
    from training_core.measuring.accuracy.record import MARKDOWN
    from training_core.measuring.accuracy.report import render
    from training_core.measuring.accuracy.runner import run_benchmark

    _check_out(out)
    records: dict[str, dict[str, Any]] = {}
    shown = display()
    for arm, bench in benches.items():
        shown.say(f"Arm {arm}")
        record = run_benchmark(bench, args.seeds, out / arm, shown, overwrite=args.overwrite)
        atomic_write(out / arm / MARKDOWN, render([record]).encode())
        records[arm] = record
        atomic_write(out / COMPARISON, render(_all_records(out, records)).encode())
    if args.json:
        write_json(records, args.json)
    if args.json != "-":
        _print(records, out)
    return end(list(records.values()), failures)


def _benchmarks(args: argparse.Namespace) -> tuple[dict[Arm, Benchmark], Path, tuple[Failure, ...]]:
    """The benchmark of each arm, the folder for their records, and which images are left out."""
    if args.data is None and args.dataset is None:
        raise ConfigError("neither --data nor --dataset", "the folder of a data set", "--data DIR")
    configs = {arm: load_settings(args, labeled_only=arm != "unlabelled") for arm in ARMS if arm in (args.arms or ARMS)}
    from training_core.measuring.accuracy.arms import arm_benchmarks
    from training_core.measuring.accuracy.dataset_file import read_dataset_file
    from training_core.measuring.accuracy.folder import folder_dataset
    from training_core.measuring.accuracy.usable import usable

    path = args.dataset or args.data / _FILE
    described = read_dataset_file(path)
    dataset, drawn = folder_dataset(described, args.data or path.parent, args.fold)
    with counted("Checking the files") as progress:  # with all masks: the arms are compared on the same images
        found = usable(replace(dataset, answers=answers_of(args)), drawn.split, all_masks=True, progress=progress)
    slug = re.sub(r"[^a-z0-9]+", "-", described.name.casefold()).strip("-") or "folder"
    fold = f"-fold{args.fold}" if args.fold is not None else ""
    out = args.out or Path(f"benchmark-{slug}{fold}{strokes_suffix(args)}")
    benches = arm_benchmarks(
        found.dataset,
        replace(drawn, split=found.split),
        configs,
        fold=args.fold,
        annotator=annotator_of(args),
        label=label_of(args, next(iter(configs.values()))),
        command=command_of(args),
        min_object_um2=args.min_object_um2,
        left_out=found.left_out,
    )
    return benches, out, found.failures


def _check_out(out: Path) -> None:
    others = [entry.name for entry in out.iterdir() if entry.name not in (*ARMS, COMPARISON)] if out.is_dir() else []
    if others:
        given = f"{out} has {others[0]}, which no benchmark of a folder writes"
        raise ConfigError(given, "a new or empty folder, or that of such a benchmark", "choose another one with --out")


def _all_records(out: Path, records: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Also those of arms that an earlier command ran."""
    from training_core.measuring.accuracy.record import RECORD, read_record

    earlier = {arm: out / arm / RECORD for arm in ARMS if arm not in records}
    return [*records.values(), *(read_record(path) for path in earlier.values() if path.is_file())]


def _print(records: dict[str, dict[str, Any]], out: Path) -> None:
    for arm, record in records.items():
        print(f"{arm}:")
        print_summary(record, out / arm)
    print(f"comparison: {out / COMPARISON}")
