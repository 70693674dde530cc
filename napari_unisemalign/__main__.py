"""`python -m napari_unisemalign`: napari with the panel docked, or driven without a user."""

from __future__ import annotations

import argparse
import functools
import os
import sys
import tempfile
from pathlib import Path

from training_core.base.errors import UserError

COMMANDS = ("sample", "drive", "screenshots", "responsiveness", "live-latency", "panning", "first-hour", "startup")
DRIVE_MINUTES = 1.0
USE_SECONDS = 120.0
STARTS = 5
STROKES = 20
HOUR_TILES = 12
EPILOG = """
python -m napari_unisemalign                opens napari with the panel
python -m napari_unisemalign PROJECT        ... on a project folder
python -m napari_unisemalign sample [DIR]   ... on the sample project, which is made in DIR the first time
python -m napari_unisemalign drive DIR      works through label, train, accept, correct and export without a user, in
                                            the same window; needs a display, real or virtual (xvfb-run)
python -m napari_unisemalign screenshots DIR  takes screenshots of every state, in both themes, on several screens
python -m napari_unisemalign responsiveness   measures how late the window is while it is used and a model trains
python -m napari_unisemalign live-latency     measures how soon the live preview answers, and a training shows
python -m napari_unisemalign panning          measures how soon a large slide shows, and how late the window is while it
                                            is dragged
python -m napari_unisemalign first-hour DIR   goes from an empty window to exported masks by mouse and keyboard, and
                                            counts clicks, keys and seconds
python -m napari_unisemalign startup          measures what the plugin adds to napari's start
"""


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    args = _parse(given)
    problem = _no_display()
    if problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    try:
        if args.command == "drive":
            return _drive(args)
        if args.command == "screenshots":
            return _screenshots(args)
        if args.command == "responsiveness":
            return _responsiveness(args)
        if args.command == "live-latency":
            return _live_latency(args)
        if args.command == "panning":
            return _panning(args)
        if args.command == "first-hour":
            return _first_hour(args)
        if args.command == "startup":
            return _startup(args)
        return _open(args)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m napari_unisemalign",
        description="Label, train and correct tissue segmentations in napari.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if not arguments or arguments[0] not in COMMANDS:
        parser.add_argument("project", nargs="?", type=Path, metavar="PROJECT", help="a project folder")
        parser.set_defaults(command="open")
        return parser.parse_args(arguments)
    commands = parser.add_subparsers(dest="command", required=True)
    sample = commands.add_parser("sample", help="open the sample project")
    sample.add_argument("project", nargs="?", type=Path, metavar="DIR", help="where it is kept (default: in your home)")
    for name, text in (("drive", "work through the whole loop"), ("screenshots", "take screenshots of every state")):
        command = commands.add_parser(name, help=text)
        command.add_argument("folder", type=Path, metavar="DIR", help="folder of the project, or for the screenshots")
        command.add_argument("--minutes", type=float, default=DRIVE_MINUTES, help="to train (default: %(default)s)")
        if name == "screenshots":
            command.add_argument("--screens", default="", metavar="LIST", help="such as 1366x768,3840x2160-200")
            command.add_argument("--themes", default="dark,light", metavar="LIST", help="(default: %(default)s)")
    late = commands.add_parser("responsiveness", help="measure how late the window is while a model trains")
    late.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    late.add_argument("--seconds", type=float, default=USE_SECONDS, help="of scripted use (default: %(default)g)")
    late.add_argument("--events", type=int, default=0, metavar="N", help="repeat it with N events a second")
    late.add_argument("--causes", action="store_true", help="note which calls kept the window busy; costs a little")
    live = commands.add_parser("live-latency", help="measure how soon the live preview answers a stroke")
    live.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    live.add_argument("--strokes", type=int, default=STROKES, help="strokes to measure (default: %(default)s)")
    live.add_argument("--starts", type=int, default=STARTS, help="trainings to start (default: %(default)s)")
    pan = commands.add_parser("panning", help="measure how late the window is while a large slide is dragged")
    pan.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    pan.add_argument("--side-px", type=int, default=20_000, metavar="N", help="of the slide (default: %(default)s)")
    pan.add_argument("--seconds", type=float, default=USE_SECONDS, help="of dragging (default: %(default)g)")
    hour = commands.add_parser("first-hour", help="count what it takes from a folder of tiles to masks")
    hour.add_argument("folder", type=Path, metavar="DIR", help="a new folder, for the tiles, the project and the masks")
    hour.add_argument("--images", type=Path, metavar="DIR", help="copy tiles from here (default: synthetic tissue)")
    hour.add_argument("--masks", type=Path, metavar="DIR", help="their masks, of two values, say where to paint")
    hour.add_argument("--tiles", type=int, default=HOUR_TILES, help="tiles of the project (default: %(default)s)")
    hour.add_argument("--quick", type=float, metavar="MINUTES", help="what the choice Quick stands for, for a test")
    hour.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    start = commands.add_parser("startup", help="measure what the plugin adds to napari's start")
    start.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    start.add_argument("--repeats", type=int, default=STARTS, help="starts to measure (default: %(default)s)")
    return parser.parse_args(arguments)


def _open(args: argparse.Namespace) -> int:
    import napari

    from napari_unisemalign.plugin import panel_in
    from napari_unisemalign.viewer import open_viewer
    from training_core.project import Project

    if args.command == "open" and args.project is not None:
        Project.open(args.project)  # a wrong path is told here, before a window opens
    viewer = open_viewer()
    controller = panel_in(viewer).controller
    if args.command == "sample":
        controller.open_sample(args.project.absolute() if args.project else None)
    elif args.project is not None:
        controller.open_project(args.project.absolute())
    napari.run()
    return 0


def _drive(args: argparse.Namespace) -> int:
    from napari_unisemalign.tools.driver import DriveError
    from napari_unisemalign.tools.scenarios import drive

    try:
        driven = drive(args.folder.absolute(), args.minutes, lambda text: print(text, flush=True))
    except DriveError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in driven.screenshots:
        print(f"Screenshot: {path}")
    for path in driven.masks:
        print(f"Exported mask: {path}")
    return 0


def _screenshots(args: argparse.Namespace) -> int:
    from napari_unisemalign.tools.driver import DriveError
    from napari_unisemalign.tools.screens import SCREENS, TIGHT, Screen
    from napari_unisemalign.tools.screenshots import screenshots

    try:
        screens = [Screen.read(each) for each in args.screens.split(",") if each] or (*SCREENS, *TIGHT)
    except ValueError:
        print(f"error: the screens are {args.screens}. Needed: such as 1366x768,3840x2160-200.", file=sys.stderr)
        return 2
    say = functools.partial(print, flush=True)
    try:
        taken = screenshots(args.folder.absolute(), args.minutes, say, screens, args.themes.split(","))
    except DriveError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in taken:
        print(f"Screenshot: {path}")
    return 0


def _responsiveness(args: argparse.Namespace) -> int:
    from napari_unisemalign.tools.driver import DriveError
    from napari_unisemalign.tools.responsiveness import in_words, responsiveness, write

    with tempfile.TemporaryDirectory(prefix="unisemalign-responsiveness-") as folder:
        try:
            say = functools.partial(print, flush=True)
            events, sample = max(0, args.events), Path(folder) / "sample"
            figures = responsiveness(sample, args.seconds, say, events_per_s=events, with_causes=args.causes)
        except DriveError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    print(in_words(figures))
    if args.json is not None:
        write(figures, args.json)
    return 0


def _live_latency(args: argparse.Namespace) -> int:
    from napari_unisemalign.tools.driver import DriveError
    from napari_unisemalign.tools.live_latency import in_words, live_latency, write

    with tempfile.TemporaryDirectory(prefix="unisemalign-live-") as folder:
        try:
            say = functools.partial(print, flush=True)
            strokes, starts = max(1, args.strokes), max(1, args.starts)
            figures = live_latency(Path(folder) / "sample", strokes, starts, say)
        except DriveError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    print(in_words(figures))
    if args.json is not None:
        write(figures, args.json)
    return 0


def _panning(args: argparse.Namespace) -> int:
    from napari_unisemalign.tools.driver import DriveError
    from napari_unisemalign.tools.panning import in_words, panning, write

    with tempfile.TemporaryDirectory(prefix="unisemalign-panning-") as folder:
        try:
            figures = panning(Path(folder), args.side_px, args.seconds, functools.partial(print, flush=True))
        except DriveError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    print(in_words(figures))
    if args.json is not None:
        write(figures, args.json)
    return 0


def _first_hour(args: argparse.Namespace) -> int:
    from napari_unisemalign.tools.driver import DriveError
    from napari_unisemalign.tools.first_hour import first_hour
    from napari_unisemalign.tools.first_hour_report import in_words, is_within, write
    from napari_unisemalign.tools.own_tiles import as_at_first, copied_tiles, sample_tiles
    from training_core.settings.variants import PRESET_MINUTES

    folder = args.folder.absolute()
    if args.images is None:
        tiles = sample_tiles(folder / "tiles", args.tiles)
    else:
        tiles = copied_tiles(folder / "tiles", args.images, args.masks or args.images, args.tiles)
    minutes = PRESET_MINUTES["quick"] if args.quick is None else args.quick
    try:
        with as_at_first(folder / "user"):
            figures = first_hour(tiles, functools.partial(print, flush=True), minutes)
    except DriveError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(in_words(figures))
    if args.json is not None:
        write(figures, args.json)
    return 0 if is_within(figures) else 1


def _startup(args: argparse.Namespace) -> int:
    from napari_unisemalign.tools.startup import in_words, startup, write

    figures = startup(max(1, args.repeats))
    print(in_words(figures))
    if args.json is not None:
        write(figures, args.json)
    return 0


def _no_display() -> str:
    """Why no window can open; Qt would only abort."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return ""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return ""
    return "there is no display. Needed: a real or a virtual one. Try: xvfb-run -a, before python."


if __name__ == "__main__":
    raise SystemExit(main())
