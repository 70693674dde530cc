"""`project history`: the earlier versions of a tile's label, shown and brought back."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from training_core.base.errors import ConfigError
from training_core.class_maps.label_picture import change_picture
from training_core.cli._arguments import open_project, write_json
from training_core.io import write_png
from training_core.project import Project
from training_core.project.label_versions import BroughtBack, LabelVersion


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = commands.add_parser(
        "history",
        help="list earlier versions of a tile's annotations and restore one",
        description="Lists the last 100 versions of a tile's annotations, newest first: number, time, what led to it, "
        "annotated pixels. Before them come, numbered from 1000001, what somebody else had made of the annotations at "
        "the same time, and conflict copies that a cloud drive has left. With --restore N the annotations become what "
        "they were in version N; what they are now becomes a version too, so that nothing is lost.",
        epilog="""\
examples:
  python -m training_core project history colon tile_07
  python -m training_core project history colon tile_07 --show 12 --image a.png
  python -m training_core project history colon tile_07 --restore 12""",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    parser.add_argument("tile", metavar="TILE", help="the name of the tile")
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--show", type=int, metavar="N", help="with --image: change nothing, only write the image")
    act.add_argument("--restore", type=int, metavar="N", help="restore version N")
    parser.add_argument(
        "--image", type=Path, metavar="FILE", help="write a PNG: the annotations now, and beside them version N"
    )
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List, show or restore; returns the exit code."""
    number = args.restore if args.show is None else args.show
    if args.image is not None and number is None:
        raise ConfigError("--image is given without a version", "--show N or --restore N", "list the versions first")
    if args.show is not None and args.image is None:
        raise ConfigError("--show is given without --image", "the file to write", "--show N --image FILE")
    project = open_project(args.project)
    if args.image is not None:
        _write_image(project, args.tile, number, args.image)
    restored = project.restore_label(args.tile, args.restore) if args.restore is not None else None
    versions = project.label_versions(args.tile)
    if args.json:
        write_json(_as_dict(versions, args.restore, restored), args.json)
    if args.json != "-":
        _print(project, args.tile, versions, args.restore)
    if restored is not None and restored.without_class:
        note = f"{restored.without_class:,} pixels were of classes that the project no longer has; they are unannotated"
        print(f"Note: {note}.", file=sys.stderr)
    return 0


def _write_image(project: Project, tile: str, number: int, path: Path) -> None:
    then = project.label_version(tile, number).label
    write_png(path, change_picture(project.image(tile), project.label(tile), then, project.classes))


def _as_dict(versions: tuple[LabelVersion, ...], number: int | None, restored: BroughtBack | None) -> dict[str, Any]:
    listed = [
        {
            "number": each.number,
            "at": each.at,
            "source": None if each.edit is None else str(each.edit.source),
            "run": None if each.edit is None else each.edit.run_id,
            "labeled_pixels": None if each.edit is None else each.edit.labeled_pixels,
            "accepted": each.accepted,
            "conflict": each.conflict,
        }
        for each in versions
    ]
    lost = None if restored is None else restored.without_class
    return {"spec_version": 1, "versions": listed, "restored": number, "pixels_without_class": lost}


def _print(project: Project, tile: str, versions: tuple[LabelVersion, ...], restored: int | None) -> None:
    if restored is not None:
        print(f"{tile} is as in version {restored}: {project.labeled_pixels(tile):,} annotated pixels.")
        return
    if not versions:
        print(f"{tile} has no earlier versions.")
    for each in versions:
        print(_in_words(each))


def _in_words(version: LabelVersion) -> str:
    if version.path is None:
        return f"{version.number}: before anything was annotated"
    when = "at an unknown time"
    if version.at is not None:
        when = f"{datetime.fromisoformat(version.at).astimezone():%Y-%m-%d %H:%M:%S}"
    if version.conflict is not None:
        return f"{version.number}: {when}, changed elsewhere at the same time: {version.conflict}"
    if version.edit is None:
        return f"{version.number}: {when}, not in the history"
    run = "" if version.edit.run_id is None else f" of run {version.edit.run_id}"
    source = str(version.edit.source).replace("_", " ")
    return f"{version.number}: {when}, {source}{run}, {version.edit.labeled_pixels:,} annotated pixels"
