"""`project`: create a project from images, show its contents and manage it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training_core.base.errors import ProjectError
from training_core.cli import project_classes
from training_core.cli._arguments import open_project, print_result, write_json
from training_core.cli._counter import counted
from training_core.io.slides import SlideOptions
from training_core.project import Project, TissueClass, default_classes
from training_core.project.classes import parse_classes, propose_classes
from training_core.project.inspect_inputs import inspect_masks
from training_core.project.prediction_source import read_prediction_source
from training_core.project.suggestions import suggest


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands to argparse."""
    parser = subparsers.add_parser(
        "project",
        help="create a project from images, show its contents and manage it",
        description="Creates and manages project folders.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_new(commands)
    info = commands.add_parser(
        "info", help="show what a project contains", description="Shows the number of tiles, the classes and the runs."
    )
    info.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    info.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    info.set_defaults(run=run_info)
    discard = commands.add_parser(
        "discard",
        help="delete an interrupted run",
        description="Deletes the folder of a run that did not finish. The run before it becomes the latest again.",
    )
    discard.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    discard.add_argument("run_id", metavar="RUN", help="name of the run in PROJECT/runs")
    discard.set_defaults(run=run_discard)
    suggested = commands.add_parser(
        "suggest",
        help="rank the tiles to annotate next, with the reason",
        description="After a training, lists the tiles with the lowest confidence first. Before it, lists tiles "
        "spread over the project.",
    )
    suggested.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    suggested.add_argument("--limit", type=int, default=20, metavar="N", help="list at most N tiles (default: 20)")
    suggested.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    suggested.set_defaults(run=run_suggest)
    project_classes.add_arguments(commands)


def run_discard(args: argparse.Namespace) -> int:
    """Remove a run; returns the exit code."""
    project = open_project(args.project)
    if args.run_id not in project.run_ids():
        known = ", ".join(project.run_ids()) or "none"
        raise ProjectError(
            f"{project.path} has no run {args.run_id}", f"a run of this project: {known}", "check the name"
        )
    project.discard_run(args.run_id)
    return 0


def run_suggest(args: argparse.Namespace) -> int:
    """Say which tiles to label next; returns the exit code."""
    suggestions = suggest(open_project(args.project), args.limit)
    if args.json:
        write_json({"spec_version": 1, "suggestions": [asdict(s) for s in suggestions]}, args.json)
    if args.json != "-":
        for suggestion in suggestions:
            print(f"{suggestion.tile}: {suggestion.reason}")
        if not suggestions:
            print("Nothing to suggest: every tile is annotated or predicted with high confidence.")
    return 0


def _add_new(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    new = commands.add_parser(
        "new",
        help="create a project from images, with or without masks",
        description="Creates the project folder DIR from images: PNG, TIFF, JPEG or BMP files, or slides, which "
        "are cut into tiles. Masks are matched to the images by name and imported as annotations.",
        epilog="""\
examples:
  python -m training_core project new colon --images photos
  python -m training_core project new colon --images photos --mpp 0.5 \\
      --masks masks --classes "background=0,gland=255"
  python -m training_core project new colon --images slides --tile-mpp 0.5""",
    )
    new.add_argument("project", type=Path, metavar="DIR", help="project folder to create: new or empty")
    new.add_argument(
        "--images", type=Path, nargs="+", required=True, metavar="PATH", help="images, or folders of images"
    )
    new.add_argument("--masks", type=Path, metavar="DIR", help="folder of masks with the same names as the images")
    new.add_argument(
        "--classes",
        metavar="LIST",
        help='classes and their mask values, such as "background=0,gland=255"; "unlabelled=7" ignores a value; '
        '"gland=1-40" is for masks that number their objects; without masks, names are enough: '
        '"background,gland" (default without masks: background and class 1)',
    )
    new.add_argument(
        "--labeled",
        type=Path,
        metavar="LIST",
        help="text file with the names of the images whose masks are imported, one per line (default: all that "
        "have a mask; an empty file: none)",
    )
    new.add_argument(
        "--val", type=Path, metavar="LIST", help="text file with the names of the validation images, one per line"
    )
    new.add_argument("--reference", action="store_true", help="leave the images where they are instead of copying them")
    new.add_argument(
        "--mpp",
        type=float,
        metavar="MPP",
        help="pixel size of the images in µm/px; for slides, needed only if the file does not state it",
    )
    slides = new.add_argument_group("tiles of slides")
    slides.add_argument(
        "--tile-px", type=int, default=512, metavar="N", help="side of the tiles cut from slides, in px (default: 512)"
    )
    slides.add_argument(
        "--tile-mpp",
        type=float,
        default=0.5,
        metavar="MPP",
        help="pixel size of these tiles in µm/px (default: 0.5, about 20x)",
    )
    slides.add_argument(
        "--max-tiles", type=int, default=500, metavar="N", help="maximum number of tiles per slide (default: 500)"
    )
    new.set_defaults(run=run_new)


def run_new(args: argparse.Namespace) -> int:
    """Make a project; returns the exit code."""
    classes, values = _classes(args)
    with counted("Reading images") as progress:
        project = Project.create(
            args.project,
            args.images,
            masks=args.masks,
            classes=classes,
            mask_values=values or None,
            labeled=_names(args.labeled),
            val=_names(args.val) or (),
            reference=args.reference,
            mpp_um=args.mpp,
            slides=SlideOptions(tile_px=args.tile_px, tile_mpp_um=args.tile_mpp, max_tiles=args.max_tiles),
            progress=progress,
        )
    print_result(describe(project))
    return 0


def run_info(args: argparse.Namespace) -> int:
    """Describe a project; returns the exit code."""
    info = describe(open_project(args.project))
    if args.json:
        write_json(info, args.json)
    if args.json != "-":
        print_result(info)
    return 0


def _classes(args: argparse.Namespace) -> tuple[tuple[TissueClass, ...], Mapping[int, int]]:
    if args.classes is not None:
        classes, values = parse_classes(args.classes)
        if args.masks is not None and not values:
            raise _values_needed(args, f'--classes "{args.classes}" does not give the mask values')
        return classes, values
    if args.masks is not None:
        raise _values_needed(args, "masks are given, but not what their values mean")
    return default_classes(), {}


def _values_needed(args: argparse.Namespace, given: str) -> ProjectError:
    """Look at the masks and propose a line."""
    counts = inspect_masks(args.masks, args.images).values
    found = ", ".join(str(value) for value in sorted(counts)[:12]) + (", ..." if len(counts) > 12 else "")
    return ProjectError(f"{given} (the masks have {found})", "a class for each value", propose_classes(counts))


def _names(path: Path | None) -> list[str] | None:
    """The names in a list file: one a line, # starts a comment."""
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(
            f"the list {path} cannot be read", "a text file with one image name per line", "check the path"
        ) from error
    stripped = (line.partition("#")[0].strip() for line in lines)
    return [name for name in stripped if name]


def describe(project: Project) -> dict[str, Any]:
    """What is in a project, for --json and for a person."""
    return {
        "spec_version": 1,
        "project": str(project.path),
        "name": project.name,
        "tiles": len(project.tiles),
        "labeled": len(project.labeled_names()),
        "unlabeled": len(project.unlabeled_names()),
        "validation": len(project.val_names()),
        "missing_images": len(project.missing_images()),
        "classes": {c.name: c.id for c in project.classes},
        "prompts": {c.name: c.prompt for c in project.classes},
        "runs": list(project.run_ids()),
        "predictions_by": {
            run_id: read_prediction_source(project.runs_dir / run_id).made_by.value
            for run_id in project.run_ids()
            if (project.runs_dir / run_id / "summary.json").is_file()
        },
        "backups": [path.relative_to(project.path).as_posix() for path in project.backups()],
    }
