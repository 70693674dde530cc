"""`project check` and `project repair`: what is wrong with a project folder, and a new index where its own is lost."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from training_core.cli._arguments import write_json
from training_core.project.check import check_project
from training_core.project.findings import Findings
from training_core.project.index import INDEX_NAME
from training_core.project.repair import repair_project


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands to argparse."""
    check = commands.add_parser(
        "check",
        help="look for damaged files in a project",
        description="Reads the index, every annotation and its history, and lists what is damaged or does not fit. "
        "Nothing is changed. Exits with code 1 if something is wrong.",
    )
    repair = commands.add_parser(
        "repair",
        help="rebuild the index of a damaged project",
        description="Rebuilds project.json from the images and annotations, with classes and validation tiles from "
        "the newest backup. Files that cannot be read are moved aside, not deleted. Conflict copies that a cloud drive "
        "has left are moved to the folder conflicts: tiles and classes that only they have are added, annotations in "
        "them can be restored with project history. Close the project everywhere first.",
    )
    for parser, act in ((check, check_project), (repair, repair_project)):
        parser.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
        parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
        parser.set_defaults(run=run, act=act)


def run(args: argparse.Namespace) -> int:
    """Check or repair; returns the exit code."""
    folder = args.project.parent if args.project.name == INDEX_NAME else args.project
    act: Callable[[Path], Findings] = args.act
    found = act(folder.absolute())
    is_sound = not found.problems or act is repair_project
    if args.json:
        write_json({"spec_version": 1, "problems": found.problems, "notes": found.notes}, args.json)
    if args.json != "-":
        for sentence in (*found.problems, *found.notes):
            print(sentence)
        if act is repair_project:
            print("The index is rebuilt." if found.problems or found.notes else "Nothing was wrong.")
        elif not found.problems:
            print("No damage found.")
    return 0 if is_sound else 1
