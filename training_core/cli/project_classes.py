"""`project classes` and `project remove-class`: what the classes are, and taking one out together with its labels."""

from __future__ import annotations

import argparse
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ProjectError
from training_core.cli._arguments import open_project, write_json
from training_core.cli._counter import counted
from training_core.project import Project, TissueClass, suggest_prompt
from training_core.project.class_removal import left_as_they_are
from training_core.project.classes import object_class_ids


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands to argparse."""
    listed = commands.add_parser(
        "classes",
        help="list the classes with their text prompts and annotated pixels",
        description="Lists the classes with their text prompts, and a suggested prompt where it differs. Of classes "
        "made of objects, such as glands, a training separates touching objects; unless it is said, that is every "
        "class but the background.",
    )
    listed.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    listed.add_argument(
        "--objects", nargs="+", default=[], metavar="CLASS", help="say that these classes are made of objects"
    )
    listed.add_argument(
        "--no-objects", nargs="+", default=[], metavar="CLASS", help="say that these classes are not, such as stroma"
    )
    listed.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    listed.set_defaults(run=run_classes)
    remove = commands.add_parser(
        "remove-class",
        help="remove a class and reassign its annotated pixels",
        description="Removes a class. All other classes keep their ids. The label history records the change.",
    )
    remove.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    remove.add_argument("name", metavar="CLASS", help="name of the class")
    fate = remove.add_mutually_exclusive_group()
    fate.add_argument("--into", metavar="CLASS", help="reassign its pixels to this class")
    fate.add_argument("--unlabel", action="store_true", help="make its pixels unannotated")
    remove.set_defaults(run=run_remove)


def run_classes(args: argparse.Namespace) -> int:
    """List the classes, once what was said of them is noted; returns the exit code."""
    project = open_project(args.project)
    said = [(_named(project, name), True) for name in args.objects]
    said += [(_named(project, name), False) for name in args.no_objects]
    both = set(args.objects) & set(args.no_objects)
    if both:
        given = f"class {min(both)} is in --objects and in --no-objects"
        raise ProjectError(given, "one of the two", "leave it out of one")
    for each, objects in said:
        project.update_class(each.id, made_of_objects=objects)
    with counted("Counting pixels") as progress:
        rows = [_row(project, each, progress) for each in project.classes]
    if args.json:
        write_json({"spec_version": 1, "classes": rows}, args.json)
    if args.json != "-":
        for row in rows:
            print(_in_words(row))
    return 0


def run_remove(args: argparse.Namespace) -> int:
    """Remove a class; returns the exit code."""
    project = open_project(args.project)
    removed = _named(project, args.name)
    into = None
    if args.unlabel:
        into = UNLABELED
    elif args.into is not None:
        into = _named(project, args.into).id
    with counted("Updating labels") as progress:
        if into is None and (pixels := project.class_pixels(removed.id, progress)):
            given = f"class {removed.name} is annotated on {_amount(pixels)}"
            hint = "add --into CLASS to reassign them, or --unlabel to make them unannotated"
            raise ProjectError(given, "a decision about these pixels", hint)
        gone = project.remove_class(removed.id, into, progress)
    print(f"Removed {removed.name} (id {removed.id}); {len(gone.pixels)} labels changed.")
    if gone.damaged:
        print(left_as_they_are(gone.damaged))
    return 0


def _row(project: Project, each: TissueClass, progress: Any) -> dict[str, Any]:
    pixels = project.class_pixels(each.id, progress)
    return {
        "id": each.id,
        "name": each.name,
        "color": each.color,
        "prompt": each.prompt,
        "suggested_prompt": suggest_prompt(each.name),
        "made_of_objects": each.id in object_class_ids(project.classes),
        "tiles": len(pixels),
        "pixels": sum(pixels.values()),
    }


def _in_words(row: dict[str, Any]) -> str:
    prompt = f'"{row["prompt"]}"' if row["prompt"] else "no prompt"
    if row["suggested_prompt"] not in (None, row["prompt"]):
        prompt += f' (suggested: "{row["suggested_prompt"]}")'
    objects = "objects, " if row["made_of_objects"] else ""
    annotated = f"{row['pixels']:,} px on {row['tiles']} tiles"
    return f"{row['id']:>3}  {row['name']}  {row['color']}  {objects}{annotated}  {prompt}"


def _amount(pixels: dict[str, int]) -> str:
    tiles = "1 tile" if len(pixels) == 1 else f"{len(pixels)} tiles"
    return f"{tiles}, {sum(pixels.values()):,} pixels"


def _named(project: Project, name: str) -> TissueClass:
    names = {each.name.casefold(): each for each in project.classes}
    found = names.get(name.strip().casefold())
    if found is None:
        close = get_close_matches(name.casefold(), names, n=1)
        needed = "one of its classes: " + ", ".join(each.name for each in project.classes)
        hint = f"{names[close[0]].name}, the closest name" if close else "check the spelling"
        raise ProjectError(f"{project.path} has no class {name}", needed, hint)
    return found
