"""`project validation`: which tiles are for validation, which belong together, and a draw that keeps these together."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from training_core.base.errors import ConfigError
from training_core.cli._arguments import open_project, write_json
from training_core.cli._import_options import add_case_options
from training_core.cli._project_text import on_cases, on_identical
from training_core.project import Project
from training_core.project.cases import case_of, cases, cases_by_pattern, cases_by_table, draw_validation, set_cases
from training_core.project.inputs.lists import read_names


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = commands.add_parser(
        "validation",
        help="choose the validation tiles, by patient or slide",
        description="Lists the validation tiles, and the cases (patients or slides) that have tiles in training and in "
        "validation. With --group-by or --groups it sets the cases first; with --val or --draw it chooses the "
        "validation tiles again, among the annotated ones. A draw keeps the tiles of a case together.",
        epilog="""\
examples:
  python -m training_core project validation p
  python -m training_core project validation p --group-by "{case}_*" --draw 20
  python -m training_core project validation p --groups patients.csv""",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    add_case_options(parser)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--val", type=Path, metavar="LIST", help="file with the names of the validation tiles")
    choice.add_argument("--draw", type=float, metavar="PERCENT", help="draw about this share of the annotated tiles")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the draw (default: 0)")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show or change them; returns the exit code."""
    project = open_project(args.project)
    found = _cases(args, project)
    if found is not None:
        set_cases(project, found)
    if args.val is not None:
        listed = read_names(args.val)
        for line in listed.ignored:
            print(f"Note: a comment, not a name: {line}", file=sys.stderr)
        project.set_val(listed.names)
    elif args.draw is not None:
        project.set_val(_draw(args, project))
    notes = [*on_cases(project), *on_identical(project)]
    by_case = {case: list(names) for case, names in cases(project.tiles).items()}
    if args.json:
        write_json({"spec_version": 1, "validation": project.val_names(), "cases": by_case, "notes": notes}, args.json)
    if args.json != "-":
        print(f"validation: {', '.join(project.val_names()) or 'none'}")
        print(f"cases: {len(by_case)}")
        for sentence in notes:
            print(f"Note: {sentence}")
    return 0


def _cases(args: argparse.Namespace, project: Project) -> Mapping[str, str] | None:
    if args.group_by is not None and args.groups is not None:
        raise ConfigError("both --group-by and --groups are given", "one of them", "leave one out")
    files = list(dict.fromkeys(tile.name if tile.place is None else tile.place.file for tile in project.tiles))
    if args.group_by is not None:
        return cases_by_pattern(args.group_by, files)
    return None if args.groups is None else cases_by_table(args.groups, files, args.group_column)


def _draw(args: argparse.Namespace, project: Project) -> tuple[str, ...]:
    if not 0 < args.draw < 100:
        raise ConfigError(f"--draw is {args.draw:g}", "a share between 0 and 100 percent", "--draw 20")
    annotated = [tile for tile in project.tiles if project.has_label(tile.name)]
    by_name = {tile.name: case for tile in annotated if (case := case_of(tile)) is not None}
    return draw_validation([tile.name for tile in annotated], by_name, args.draw / 100, args.seed)
