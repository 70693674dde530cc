"""`project pixel-size`: show the pixel sizes of a project's files, and correct them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training_core.base.errors import ConfigError
from training_core.cli._arguments import open_project, write_json
from training_core.project.file_records import FilePixelSize
from training_core.project.pixel_sizes import PixelSizeOf, is_named, pixel_sizes, restore_pixel_size, set_pixel_size


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = commands.add_parser(
        "pixel-size",
        help="show or correct the pixel sizes of tiles and slides",
        description="Lists the pixel size of each file: the one that is used, who set it, and what the file states; "
        "one that differs from the others by more than a factor of 3 is marked. With --mpp, --from-file or --unknown "
        "it changes them; the tiles of a slide change with the slide. The file's own value is always kept.",
        epilog="""\
examples:
  python -m training_core project pixel-size colon
  python -m training_core project pixel-size colon scan_1 "case_7_*" --mpp 0.25
  python -m training_core project pixel-size colon --all --from-file""",
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="the project folder")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="tiles and slides to look at or change; * stands for anything"
    )
    parser.add_argument("--all", action="store_true", help="change all of them")
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--mpp", type=float, metavar="MPP", help="the pixel size in µm/px")
    change.add_argument("--from-file", action="store_true", help="use what the files state")
    change.add_argument("--unknown", action="store_true", help="say that it is not known")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show or change them; returns the exit code."""
    project = open_project(args.project)
    changed: tuple[str, ...] | None = None
    if args.mpp is not None or args.from_file or args.unknown:
        names = _names(args)
        changed = restore_pixel_size(project, names) if args.from_file else set_pixel_size(project, names, args.mpp)
    rows = [row for row in pixel_sizes(project.index) if changed is not None or _is_meant(row, args.names)]
    if args.json:
        write_json({"spec_version": 1, "changed": changed, "pixel_sizes": [_as_dict(row) for row in rows]}, args.json)
    if args.json != "-":
        for row in rows:
            print(_in_words(row))
        if changed is not None:
            tiles = "1 tile" if len(changed) == 1 else f"{len(changed)} tiles"
            print(f"Changed: {tiles}" + (f" ({', '.join(changed[:5])})" if changed else ""))
    return 0


def _names(args: argparse.Namespace) -> Sequence[str]:
    if args.all == bool(args.names):
        given = "both --all and names are given" if args.all else "it is not said which pixel sizes to change"
        raise ConfigError(given, "names of tiles and slides, or --all", 'name them, such as "case_7_*", or add --all')
    return ("*",) if args.all else args.names


def _is_meant(row: PixelSizeOf, names: Sequence[str]) -> bool:
    return not names or any(is_named(row.name, name) for name in names)


def _as_dict(row: PixelSizeOf) -> dict[str, Any]:
    stated = row.file_mpp
    return {
        "name": row.name,
        "kind": "tile" if row.tiles is None else "slide",
        "tiles": None if row.tiles is None else len(row.tiles),
        "mpp_um": row.mpp_um,
        "set_by": str(row.set_by),
        "file_mpp_um": None if stated is None else stated.x_um,
        "stated_in": None if stated is None else stated.stated_in,
        "unusual": row.is_unusual,
    }


def _in_words(row: PixelSizeOf) -> str:
    size = "not known" if row.mpp_um is None else f"{row.mpp_um:.4g} µm/px, set by {row.set_by}"
    slide = "" if row.tiles is None else f", slide of {len(row.tiles)} tiles"
    unusual = ", more than a factor of 3 from the others" if row.is_unusual else ""
    return f"{row.name}: {size}, file: {_stated(row.file_mpp)}{slide}{unusual}"


def _stated(stated: FilePixelSize | None) -> str:
    if stated is None:
        return "states none"
    return f"{stated.x_um:.4g} µm/px" + (f" ({stated.stated_in})" if stated.stated_in else "")
