"""Post-processing of predictions, as options that `predict` and `export` share."""

from __future__ import annotations

import argparse

from training_core.class_maps.clean_up import CleanUp


def add_clean_up(parser: argparse.ArgumentParser) -> None:
    """Add the options to a command."""
    group = parser.add_argument_group("post-processing of predictions, in this order (default: none)")
    for option, text in (
        ("--smooth", "smooth borders: even out bays and bumps narrower than about N px"),
        ("--fill-holes", "fill holes of background of at most N pixels inside objects"),
        ("--min-object", "remove objects of fewer than N pixels; what surrounds them takes their place"),
        ("--split", "separate touching objects where the waist is at least N px narrower than both, on each side"),
    ):
        group.add_argument(option, type=int, default=0, metavar="N", help=text)


def clean_up_of(args: argparse.Namespace) -> CleanUp:
    """What the options say.

    Raises
    ------
    UserError
        A negative number.
    """
    return CleanUp(
        smooth_px=args.smooth, max_hole_px=args.fill_holes, min_object_px=args.min_object, split_px=args.split
    )
