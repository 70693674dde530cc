"""`export`: masks for other tools."""

from __future__ import annotations

import argparse
import shlex
from collections import Counter
from pathlib import Path

from training_core.base.attempts import Attempts
from training_core.base.errors import ConfigError
from training_core.class_maps.clean_up import CleanUp
from training_core.cli._arguments import open_project
from training_core.cli._clean_up_options import add_clean_up, clean_up_of
from training_core.cli._counter import counted
from training_core.cli._failures import exit_code
from training_core.export import CONTENTS, FORMATS, export_masks, exported_twice, without_mask
from training_core.export.training_set import (
    IMAGES,
    LABELLED,
    MASKS,
    TABLE,
    VALIDATION,
    TrainingSet,
    export_training_set,
)
from training_core.export.values import VALUES
from training_core.project import Project
from training_core.project.class_text import as_argument, quoted

TRAINING_SET = "training-set"


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "export",
        help="write the masks or outlines of a project for other tools",
        description="Writes masks to OUT, one per tile: the value of a pixel is its class id; 255 means unannotated. "
        "Or writes objects with their outlines, or overlays to look at. OUT/classes.json names the classes. "
        "Tiles whose files are damaged are listed at the end (exit code 3). A second run writes only what is missing "
        "or has changed.",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help="output folder")
    parser.add_argument(
        "--format",
        choices=(*FORMATS, TRAINING_SET),
        default="png",
        metavar="FORMAT",
        help="masks: png, tiff, palette-png or palette-tiff in class colours, ome-tiff, or "
        "ome-zarr or ome-zarr-0.5, with the tile's image (default: png); objects: "
        "geojson for QuPath, coco with run lengths or coco-polygons; overlay: a JPEG of each tile in class colours; "
        "training-set: images, masks and lists for 'project new' and other programs",
    )
    parser.add_argument(
        "--content",
        choices=CONTENTS,
        default="labels",
        help="labels: your annotations (default); predictions: the newest of each tile; merged: annotations, "
        "and predictions where there are none",
    )
    parser.add_argument(
        "--values",
        choices=VALUES,
        default="ids",
        help="of masks: class ids, 255 unannotated (default: ids); imported: those of the masks that were imported; "
        "numbers: 1, 2 ... in the order of the classes, 0 unannotated",
    )
    add_clean_up(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export; returns the exit code."""
    project, cleaning = open_project(args.project), clean_up_of(args)
    if args.format == TRAINING_SET:
        return _training_set(project, args, cleaning)
    if args.values != "ids" and not FORMATS[args.format].is_mask:
        given = f"--values is {args.values}, and --format {args.format} has no values"
        raise ConfigError(given, "a format of masks", "leave --values out")
    attempts, removed = Attempts(), Counter[str]()
    with counted("Writing masks") as progress:
        written = export_masks(
            project,
            args.out,
            format=args.format,
            content=args.content,
            values=args.values,
            cleaning=cleaning,
            attempts=attempts,
            removed=removed,
            progress=progress,
        )
    there = len(attempts.kept)
    print(
        f"Wrote {_files(len(written) - there, args.format)} and classes.json to {args.out}"
        + (f"; {there} were there already, and are the same" if there else "")
    )
    if removed:
        where = "1 tile" if len(removed) == 1 else f"{len(removed)} tiles"
        print(f"{removed.total():,} px of {where} are not labelled: they were predicted as a class that is removed")
    missing = without_mask(project, args.content)
    if missing:
        lacks = {"labels": "annotation", "predictions": "prediction", "merged": "annotation and no prediction"}
        count = f"{len(missing)} of {len(project.tiles)} tiles"
        print(f"{count} left out, with no {lacks[args.content]}: {', '.join(missing[:5])}{' …' if missing[5:] else ''}")
    twice = exported_twice(project, args.format, args.content)
    if twice:
        names = f"{', '.join(tile.name for tile in twice[:5])}{' …' if twice[5:] else ''}"
        print(
            f"{len(twice)} tiles overlap another of their slide, and objects there are written once for each: {names}"
        )
    return exit_code(attempts.failed, "Once they are mended, the same command exports them; what is there stays.")


def _training_set(project: Project, args: argparse.Namespace, cleaning: CleanUp) -> int:
    if args.content != "labels" or args.values != "ids" or not cleaning.is_nothing:
        given = f"--format {TRAINING_SET} is given with --content, --values or post-processing"
        raise ConfigError(given, "annotations with their class ids", "leave these options out")
    attempts = Attempts()
    with counted("Writing images and masks") as progress:
        written = export_training_set(project, args.out, attempts=attempts, progress=progress)
    print(
        f"Wrote to {args.out}: {len(written.labelled)} annotated images, {len(written.validation)} for validation, "
        f"{len(written.unlabelled)} without a mask"
    )
    print(f"To make a project of them: {_command(project, args.out, written)}")
    return exit_code(attempts.failed, "Once they are mended, the same command exports them.")


def _command(project: Project, out: Path, written: TrainingSet) -> str:
    """What makes the project again."""
    command = f"python -m training_core project new NAME --images {shlex.quote(str(out / IMAGES))}"
    if written.labelled or written.validation:
        classes = ",".join(f"{quoted(each.name)}={each.id}" for each in project.classes)
        command += f" --masks {shlex.quote(str(out / MASKS))} {as_argument(f'{classes},unlabelled=255')}"
        command += f" --labeled {shlex.quote(str(out / LABELLED))} --val {shlex.quote(str(out / VALIDATION))}"
    if written.has_cases:
        command += f" --groups {shlex.quote(str(out / TABLE))}"
    return command


def _files(count: int, file_format: str) -> str:
    if FORMATS[file_format].is_mask:
        return f"{count} masks"
    one, many = {
        "objects": ("1 file of objects", f"{count} files of objects"),
        "overlays": ("1 overlay", f"{count} overlays"),
    }[FORMATS[file_format].holds]
    return one if count == 1 else many
