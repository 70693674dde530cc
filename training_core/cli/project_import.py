"""`project import`: areas drawn in other programs become annotations."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from training_core.base.arrays import UNLABELED
from training_core.base.attempts import Attempts
from training_core.cli._arguments import open_project
from training_core.cli._failures import exit_code
from training_core.project import Project
from training_core.project.drawing_labels import ImportedDrawings, import_drawings
from training_core.project.drawings import Drawings, look_at
from training_core.project.drawn_classes import LEAVE_OUT, NOT_LABELLED, Meaning, class_of_rest

_AGAIN = "Once they are mended, the same command imports them; what is annotated stays."


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = commands.add_parser(
        "import",
        help="take over annotations that were drawn in other programs",
        description="Reads GeoJSON of QuPath, COCO, labelme's JSON, regions of ImageJ (.roi, .zip) and the labels of "
        "OME-Zarr folders. Each area "
        "labels its inside as its class, on the image or slide that the file is named after or names; smaller areas "
        "lie on top of larger ones. What is annotated already stays, unless --replace is given. All files are imported "
        "together, or none.",
        epilog="""\
examples:
  python -m training_core project import colon qupath-export/ --dry-run
  python -m training_core project import colon s1.geojson --class Tumor gland \\
      --class Necrosis leave-out
  python -m training_core project import colon a.geojson b.geojson --add-classes""",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    parser.add_argument("files", type=Path, nargs="+", metavar="PATH", help="files of annotations, or folders of them")
    parser.add_argument("--dry-run", action="store_true", help="only say what would become of them")
    parser.add_argument(
        "--class",
        dest="classes",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "CLASS"),
        help=f"what a class of the files is in the project: a class, {NOT_LABELLED} or {LEAVE_OUT} (default: the class "
        f"of the same name; Ignore* is {NOT_LABELLED})",
    )
    parser.add_argument(
        "--add-classes", action="store_true", help="add the classes that the project does not have, with their colours"
    )
    parser.add_argument("--unclassified", metavar="CLASS", help="the same for areas without a class")
    parser.add_argument(
        "--complete",
        metavar="NAME",
        help="class of the files whose areas are completely annotated: what no other area covers there is --rest "
        "(default: every class that begins with Region)",
    )
    parser.add_argument("--rest", metavar="CLASS", help="that class of the project (default: the background)")
    parser.add_argument("--image", metavar="NAME", help="the image or slide that a single file is of")
    parser.add_argument(
        "--offset",
        type=float,
        nargs=2,
        metavar=("X", "Y"),
        help="where the image begins in the coordinates of the files, in px (default: 0 0)",
    )
    parser.add_argument("--replace", action="store_true", help="let areas replace what is annotated already")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Import; returns the exit code."""
    project = open_project(args.project)
    meaning = Meaning(project.classes, dict(args.classes), args.unclassified, args.complete)
    attempts = Attempts()
    drawings = look_at(
        project,
        args.files,
        meaning,
        add_classes=args.add_classes,
        image=args.image,
        offset=(0.0, 0.0) if args.offset is None else (args.offset[0], args.offset[1]),
        attempts=attempts,
    )
    rest = class_of_rest(project.classes, args.rest) if drawings.complete else None
    for line in _found(project, drawings, rest):
        print(line)
    if not args.dry_run:
        imported = import_drawings(project, drawings, rest, replace=args.replace)
        for line in _done(imported):
            print(line)
    return exit_code(attempts.failed, _AGAIN)


def _found(project: Project, drawings: Drawings, rest: int | None) -> list[str]:
    """What the files hold, and what of it labels nothing."""
    names = {each.id: each.name for each in (*project.classes, *drawings.new_classes)} | {UNLABELED: "unlabelled"}
    areas = ", ".join(f"{names[class_id]} {count}" for class_id, count in sorted(drawings.areas.items())) or "none"
    count = len(set(drawings.images.values()))
    lines = [f"Areas in {count} {'file' if count == 1 else 'files'}, on {_tiles(len(drawings.tiles))}: {areas}"]
    if drawings.new_classes:
        lines.append(f"New classes: {', '.join(each.name for each in drawings.new_classes)}")
    if drawings.complete and rest is not None:
        lines.append(f"Completely annotated areas: {drawings.complete}; the rest of them is {names[rest]}")
    if drawings.not_labelled:
        lines.append(f"Taken for unlabelled: {', '.join(sorted(drawings.not_labelled))}")
    if drawings.predicted:
        lines.append(f"{drawings.predicted} of the areas were predicted by this program, not drawn")
    if drawings.left_out:
        lines.append("Left out: " + ", ".join(f"{kind} {count}" for kind, count in drawings.left_out.items()))
    return lines


def _done(imported: ImportedDrawings) -> list[str]:
    lines = [f"Annotated {_pixels(imported.labelled)}"]
    if imported.kept:
        lines.append(f"{_pixels(imported.kept)} were annotated otherwise and stay as they are (--replace changes them)")
    if imported.overlapping:
        lines.append(f"{_pixels(imported.overlapping)} lie in areas of different classes; the smaller area counts")
    return lines


def _pixels(by_tile: Mapping[str, int]) -> str:
    return f"{sum(by_tile.values()):,} px on {_tiles(len(by_tile))}"


def _tiles(count: int) -> str:
    return "1 tile" if count == 1 else f"{count} tiles"
