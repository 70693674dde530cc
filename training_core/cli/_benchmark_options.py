"""What the experiments of `benchmark` share: options, settings, progress, the printed summary."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training_core.base.attempts import Failure
from training_core.base.errors import ConfigError
from training_core.cli._answer_options import add_answer_options
from training_core.cli._counter import counted
from training_core.cli._failures import exit_code
from training_core.cli._progress import ProgressDisplay
from training_core.measuring.accuracy.choices import ABOUT, HABITS
from training_core.messages.events import Event
from training_core.settings import files as settings

if TYPE_CHECKING:
    from training_core.measuring.accuracy.annotators import Annotator
    from training_core.measuring.accuracy.record import Record
    from training_core.measuring.accuracy.runner import Display
    from training_core.settings.schema import Config


def add_options(parser: argparse.ArgumentParser, default_out: str) -> None:
    """Describe what every experiment has."""
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="run seeds 0 to N - 1 (default: 3)")
    parser.add_argument("--encoder", metavar="NAME", help="encoder (the setting encoder.name)")
    parser.add_argument(
        "--variant", choices=("best", "paper", "released"), help="set of default settings (default: best)"
    )
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
        "--strokes", choices=HABITS, metavar="HABIT",
        help="instead of the full masks of the labelled images, use what a simulated annotator paints. "
             + "; ".join(f"{habit}: {about}" for habit, about in ABOUT.items()),
    )  # fmt: skip
    parser.add_argument("--strokes-seed", type=int, default=0, metavar="N", help="seed of what is painted (default: 0)")
    parser.add_argument(
        "--min-object-um2", type=float, default=0.0, metavar="N",
        help="do not count predicted objects smaller than N µm² (default: 0)",
    )  # fmt: skip
    parser.add_argument("--label", metavar="TEXT", help="name of the row in tables (default: from the settings)")
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help=f"folder for the record (default: {default_out})")
    parser.add_argument("--overwrite", action="store_true", help="replace the record that is in that folder")
    parser.add_argument("--json", metavar="FILE", help="write the record as JSON (- for standard output)")
    add_answer_options(parser)


def check_options(args: argparse.Namespace) -> None:
    """Refuse numbers that make no sense.

    Raises
    ------
    ConfigError
        No seed, or a negative seed of strokes.
    """
    if args.seeds < 1:
        raise ConfigError(f"--seeds {args.seeds}", "at least 1 seed; 3 are recommended", "--seeds 3")
    if args.strokes_seed < 0:
        raise ConfigError(f"--strokes-seed {args.strokes_seed}", "a seed from 0", "--strokes-seed 0")
    if args.strokes_seed and not args.strokes:
        given = f"--strokes-seed {args.strokes_seed} without --strokes"
        raise ConfigError(given, "a habit to paint by", "--strokes strokes")


def load_settings(args: argparse.Namespace, *, labeled_only: bool) -> Config:
    """The settings of every seed, from the options."""
    texts = []
    if args.variant:
        texts.append(f"variant={args.variant}")
    if args.encoder:
        texts.append(f"encoder.name={args.encoder}")
    if args.minutes is not None:
        texts.append(f"schedule.minutes={args.minutes}")
    if args.device:
        texts.append(f"runtime.device={args.device}")
    if labeled_only:
        texts.append("pseudo_label.enabled=false")
    # the seeds share a project, and none may start from another's weights; the network is measured, and nothing else
    alone = ("schedule.warm_start=false", "schedule.quick_start=false")
    return settings.load(args.config, settings.merge_settings([*texts, *args.set, *alone]))


def annotator_of(args: argparse.Namespace) -> Annotator | None:
    """Who paints the labelled images; None: their full masks are used."""
    from training_core.measuring.accuracy.annotators import Annotator

    return Annotator(args.strokes, args.strokes_seed) if args.strokes else None


def strokes_suffix(args: argparse.Namespace) -> str:
    """What the annotator adds to the name of a record's folder."""
    return f"-{args.strokes}-{args.strokes_seed}" if args.strokes else ""


def command_of(args: argparse.Namespace) -> str:
    """The command line, as it was typed."""
    return shlex.join(["python", "-m", "training_core", *args.given])


def label_of(args: argparse.Namespace, config: Config) -> str:
    """The name of the row in tables: the user's, or from the settings."""
    if args.label:
        return str(args.label)
    labels = [config.variant, config.encoder.name, *args.set]
    if args.config:
        labels.append(args.config.name)
    return ", ".join(labels)


def display() -> Display:
    """Progress on standard error."""
    from training_core.measuring.accuracy.runner import Display

    return Display(lambda line: print(line, file=sys.stderr, flush=True), _training, counted)


def end(records: Sequence[Record], failed: Sequence[Failure]) -> int:
    """The exit code: 1 where a seed failed, 3 where images were left out, which are listed last."""
    partly = exit_code(
        failed,
        "They are left out of all seeds. Once they are mended, run the benchmark again with another --out, or with "
        "--overwrite: seeds are only compared on the same images.",
    )
    return 1 if any(entry["status"] != "done" for record in records for entry in record["seeds"]) else partly


def print_summary(record: dict[str, Any], out: Path) -> None:
    """Figures, notes, and where the record is."""
    from training_core.measuring.accuracy.record import FIGURES

    for name, figures in record["summary"].get("sets", {}).items():
        texts = [f"{key} {figures[key]['mean']:.3f}" + _spread(figures[key]["sd"]) for key in FIGURES if key in figures]
        print(f"{name} ({figures['n_images']} images, {record['summary']['n_seeds']} seeds): {', '.join(texts)}")
    annotation = record.get("annotation")
    if annotation and annotation["habit"]:
        print(f"{annotation['habit']}: {100 * annotation['labeled_share']:.2f} % of the labelled images' pixels")
    for note in record["notes"]:
        print(f"Note: {note}")
    print(f"record: {out / 'record.json'}, table: {out / 'record.md'}")


def _spread(sd: float | None) -> str:
    return "" if sd is None else f" ± {sd:.3f}"


@contextmanager
def _training() -> Iterator[Callable[[Event], None]]:
    with ProgressDisplay() as shown:
        yield shown.listen
