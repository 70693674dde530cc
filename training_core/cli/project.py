"""`project`: create a project from images, show its contents and manage it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from training_core.base.errors import ProjectError
from training_core.cli import (
    project_add_tile,
    project_check,
    project_classes,
    project_history,
    project_import,
    project_new,
    project_pixel_size,
    project_validation,
)
from training_core.cli._arguments import open_project, print_result, write_json
from training_core.cli._project_text import describe, for_a_person, on_cases, on_identical
from training_core.project.suggestions import suggest


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands to argparse."""
    parser = subparsers.add_parser(
        "project",
        help="create a project from images, show its contents and manage it",
        description="Creates and manages project folders.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    project_new.add_arguments(commands)
    project_add_tile.add_arguments(commands)
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
    project_pixel_size.add_arguments(commands)
    project_validation.add_arguments(commands)
    project_classes.add_arguments(commands)
    project_history.add_arguments(commands)
    project_import.add_arguments(commands)
    project_check.add_arguments(commands)


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


def run_info(args: argparse.Namespace) -> int:
    """Describe a project; returns the exit code."""
    project = open_project(args.project)
    info = describe(project)
    if args.json:
        write_json(info, args.json)
    if args.json != "-":
        print_result(for_a_person(info))
        for sentence in (*on_cases(project), *on_identical(project)):
            print(f"Note: {sentence}", file=sys.stderr)
    return 0
