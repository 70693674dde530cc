"""`project add-tile`: one more tile of a slide, at a place that is named."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training_core.base.errors import ProjectError
from training_core.cli._arguments import open_project, write_json
from training_core.project import Project
from training_core.project.inputs.names import tile_name
from training_core.project.slide_places import SlidePlaces, Spot, add_tile


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = commands.add_parser(
        "add-tile",
        help="add a tile of a slide at a place of your choice",
        description="Adds a tile of a slide that the project has tiles of, at their scale. Places are in pixels of the "
        "slide at full resolution, from its upper left corner. Where a tile shows the place already, none is added.",
        epilog="""\
examples:
  python -m training_core project add-tile colon a.svs --at 12000 8500
  python -m training_core project add-tile colon a.svs --rectangle 0 0 900 700""",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    parser.add_argument("slide", metavar="SLIDE", help="the slide's file name, or a tile that was cut from it")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument(
        "--at", type=float, nargs=2, metavar=("X", "Y"), help="the middle of the tile, which gets the usual size"
    )
    place.add_argument(
        "--rectangle", type=float, nargs=4, metavar=("X0", "Y0", "X1", "Y1"), help="two opposite corners of the tile"
    )
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Add it; returns the exit code."""
    project = open_project(args.project)
    places = SlidePlaces(project, _beside(project, args.slide))
    if args.at is not None:
        there, spot = places.tile_at(*args.at), places.around(*args.at)
    else:
        x0, y0, x1, y1 = args.rectangle
        spot = places.within((x0, x1), (y0, y1))
        there = places.tile_of(spot)
    overlapping = [] if there else places.overlapping(spot)
    name = there or add_tile(project, places.own.name, spot)
    if args.json:
        write_json({"spec_version": 1, "tile": name, "added": not there, "overlaps": overlapping}, args.json)
    if args.json != "-":
        print(f"{name} shows this place already: nothing was added" if there else f"Added: {name}, {_size(spot)}")
    for sentence in _warnings(project, overlapping):
        print(f"Note: {sentence}", file=sys.stderr)
    return 0


def _beside(project: Project, named: str) -> str:
    """A tile of the slide, which is named by itself or by one of its tiles."""
    tiles = [tile for tile in project.tiles if tile.place is not None and tile.place.scale is not None]
    for tile in tiles:
        if tile.place is not None and (named == tile.name or tile.place.file in (named, tile_name(Path(named)))):
            return tile.name
    slides = sorted({tile.place.file for tile in tiles if tile.place is not None})
    raise ProjectError(
        f"{project.path} has no tile of a slide {named}",
        f"one of its slides: {', '.join(slides)}" if slides else "a project with tiles that were cut from slides",
        "check the name, or add the slide first",
        terminal="check the name, or add the slide first with project add",
    )


def _size(spot: Spot) -> str:
    return f"{spot.width_px} x {spot.height_px} px"


def _warnings(project: Project, overlapping: list[str]) -> list[str]:
    validation = [name for name in overlapping if name in project.val_names()]
    if validation:
        return [f"it overlaps {', '.join(validation)}, which is used for validation: what you annotate in both is "
                "trained on and scored."]  # fmt: skip
    if overlapping:
        return [f"it overlaps {', '.join(overlapping)}: annotate what lies in both in one of them."]
    return []
