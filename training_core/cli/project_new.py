"""`project new` and `project add`: files become a project, or are added to one; --dry-run only says what would come."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path

from training_core.base.attempts import Attempts
from training_core.base.errors import ProjectError
from training_core.cli._arguments import open_project, print_result
from training_core.cli._counter import counted
from training_core.cli._failures import exit_code
from training_core.cli._import import Import, look, refuse_what_is_open, say, show, values_in
from training_core.cli._import_options import add_import_options
from training_core.cli._project_text import describe, on_cases
from training_core.project import Project, Tile, TissueClass, default_classes
from training_core.project.additions import Added, add_files
from training_core.project.class_text import parse_classes
from training_core.project.index import INDEX_NAME

_AGAIN = "Once they are mended, the same command adds them; what is there stays."


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands to argparse."""
    new = commands.add_parser(
        "new",
        help="create a project from images, with or without masks",
        description="Creates the project folder DIR from images, or slides, which are cut into tiles. Masks are "
        "matched to the images by name and imported as annotations. Files that cannot be used are listed at the end "
        "(exit code 3); the same command then adds what is missing.",
        epilog="""\
examples:
  python -m training_core project new colon --images photos --dry-run
  python -m training_core project new colon --images photos --mpp 0.5 \\
      --masks masks --classes "background=0,gland=255"
  python -m training_core project new colon --images slides --tile-mpp 0.5""",
    )
    new.add_argument("project", type=Path, metavar="DIR", help="project folder to create: new or empty")
    add_import_options(new, "default without masks: background and class 1")
    new.add_argument(
        "--start-from",
        type=Path,
        metavar="FOLDER",
        help="take the classes and their colours from a shared model; train --start-from then begins with its weights",
    )
    new.set_defaults(run=run_new)
    add = commands.add_parser(
        "add",
        help="add images, slides and masks to a project",
        description="Adds images to a project. What the project has already stays as it is; a tile without an "
        "annotation gets one where there is a mask.",
    )
    add.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    add_import_options(add, "default: as when the project was created; only classes of the project")
    add.set_defaults(run=run_add)


def run_new(args: argparse.Namespace) -> int:
    """Make a project, or what is missing of it; returns the exit code."""
    classes, values = parse_classes(args.classes) if args.classes is not None else (default_classes(), {})
    if args.start_from is not None:
        from training_core.runs.shared_model import read_shared_model

        model, _ = read_shared_model(args.start_from)
        classes = classes_of_model(classes, model.classes) if args.classes is not None else model.classes
    found = look(args, values)
    if args.dry_run:
        return show(found)
    refuse_what_is_open(found)
    say(found.notes)
    if (args.project / INDEX_NAME).is_file():
        return _complete(found, classes if args.classes or args.start_from else None)
    attempts = Attempts()
    with counted("Reading images") as progress:
        project = Project.create(
            args.project, found.images, classes=classes, attempts=attempts, progress=progress, **found.options()
        )
    print_result(describe(project))
    say(on_cases(project))
    if args.start_from is not None:
        said = shlex.join(["train", str(args.project), "--start-from", str(args.start_from)])
        print(f"Once tiles are annotated, start from the model: python -m training_core {said}")
    return exit_code(attempts.failed, _AGAIN)


def classes_of_model(given: tuple[TissueClass, ...], model: tuple[TissueClass, ...]) -> tuple[TissueClass, ...]:
    """The classes that were given, with colour and description of the model's classes of the same names."""
    known = {each.name.strip().casefold(): each for each in model}
    same = [known.get(each.name.strip().casefold(), each) for each in given]
    return tuple(
        replace(each, color=other.color, prompt=other.prompt, made_of_objects=other.made_of_objects)
        for each, other in zip(given, same, strict=True)
    )


def run_add(args: argparse.Namespace) -> int:
    """Add to a project; returns the exit code."""
    project = open_project(args.project)
    found = look(args, values_in(args.classes, project), project.index.answers)
    if args.dry_run:
        return show(found)
    refuse_what_is_open(found)
    say(found.notes)
    return _add(project, found)


def _complete(found: Import, classes: tuple[TissueClass, ...] | None) -> int:
    """The same command again: do what is missing of the project that it made."""
    project = open_project(found.args.project)
    names = {file.name for file in found.overview.files}
    others = [tile.name for tile in project.tiles if tile.name not in names and not _is_cut_from(tile, names)]
    same = classes is None or [c.name for c in classes] == [c.name for c in project.classes]
    if others or not same:
        given = f"{project.path} already exists" + (" with other classes" if not same else f" and has {others[0]}")
        hint = f"choose another name, or add the images: project add {project.path} --images PATH"
        raise ProjectError(given, "a new or empty folder", hint)
    say([f"{project.path} is there already; only what is missing is added."])
    return _add(project, found)


def _is_cut_from(tile: Tile, names: set[str]) -> bool:
    return tile.place is not None and tile.place.file in names


def _add(project: Project, found: Import) -> int:
    attempts = Attempts()
    with counted("Reading images") as progress:
        added = add_files(project, found.images, attempts=attempts, progress=progress, **found.options())
    if not (added.tiles or added.labels or added.already):
        attempts.raise_if_none()
    print(_added(added))
    print_result(describe(project))
    say(on_cases(project))
    return exit_code(attempts.failed, _AGAIN)


def _added(added: Added) -> str:
    return (
        f"added: tiles {len(added.tiles)}, annotations of tiles that were there {len(added.labels)}; "
        f"there already: {len(added.already)}"
    )
