"""`objects`: the separate objects of a project, numbered and measured."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from training_core.base.attempts import Attempts
from training_core.cli._arguments import open_project
from training_core.cli._clean_up_options import add_clean_up, clean_up_of
from training_core.cli._counter import counted
from training_core.cli._failures import exit_code
from training_core.export import CONTENTS
from training_core.export.objects import OBJECTS_NAME, PLOT_FORMATS, PLOT_STEM, SLIDES_NAME, TILES_NAME, export_objects


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "objects",
        help="number and measure the objects of a project, such as glands",
        description="Writes OUT/NAME.objects.tif per tile, in which each object has a number (16 bits, or 32 where "
        f"needed; 0: no object), OUT/{OBJECTS_NAME} with area, perimeter, roundness, centroid and confidence of "
        f"each object, OUT/{TILES_NAME} with numbers and areas per class and tile, OUT/{SLIDES_NAME} with those per "
        "class and slide, where tiles were cut from slides, and a plot. An object is a "
        "connected area of one class; every class but the background has objects, unless the project says otherwise.",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help="output folder")
    parser.add_argument(
        "--content",
        choices=CONTENTS,
        default="merged",
        help="labels: your annotations; predictions: the newest of each tile; merged: annotations, and predictions "
        "where there are none (default)",
    )
    parser.add_argument(
        "--plot", choices=PLOT_FORMATS, default="png", help=f"file format of OUT/{PLOT_STEM}.FORMAT (default: png)"
    )
    add_clean_up(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure; returns the exit code."""
    project, attempts = open_project(args.project), Attempts()
    with counted("Measuring objects") as progress:
        objects = export_objects(
            project,
            args.out,
            content=args.content,
            cleaning=clean_up_of(args),
            plot=args.plot,
            attempts=attempts,
            progress=progress,
        )
    counts = Counter(each.class_name for each in objects)
    found = ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
    of_slides = f", {SLIDES_NAME}" if any(project.tile(name).place for name in attempts.done) else ""
    written = f"{OBJECTS_NAME}, {TILES_NAME}{of_slides} and {PLOT_STEM}.{args.plot}"
    print(f"Objects on {len(attempts.done)} tiles: {found}. Wrote {written} to {args.out}")
    without = len(project.tiles) - len(attempts.done) - len(attempts.failed)
    if without:
        print(f"{without} of {len(project.tiles)} tiles left out: there is nothing of them to measure")
    cut = sum(each.at_edge for each in objects)
    if cut:
        many = f"{cut} objects touch the edge of their tiles"
        print(f"{'1 object touches the edge of its tile' if cut == 1 else many} and may be cut (column at_edge)")
    parts = [each.slide_object for each in objects if each.slide_object is not None]
    if parts:
        whole = len(set(parts))
        many = "1 object crosses the edges of its tiles" if whole == 1 else f"{whole} objects cross the edges of tiles"
        print(f"{many} that touch: each part has a row, with the same number in the column slide_object")
    return exit_code(attempts.failed, "Once they are mended, run the command again.")
