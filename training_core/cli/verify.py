"""`verify`: replay a recorded run of the released code and print the differences."""

from __future__ import annotations

import argparse
from pathlib import Path

from training_core.cli._arguments import write_json


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "verify",
        help="compare variant 'released' with recorded steps of the published code",
        description="Replays a recorded run step by step in float32 and prints the largest absolute difference "
        "of each quantity. Exit code 1 means that one exceeds the tolerance.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of the recorded run")
    parser.add_argument(
        "--tolerance", type=float, default=1e-4, metavar="X", help="largest difference allowed (default: 1e-4)"
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), default="cpu", help="device to compute on (default: cpu)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Verify; returns the exit code."""
    from training_core.measuring.replay import verify

    largest = verify(args.folder, args.device).largest
    passed = all(difference <= args.tolerance for difference in largest.values())
    if args.json != "-":
        for quantity, difference in largest.items():
            verdict = "ok" if difference <= args.tolerance else "ABOVE THE TOLERANCE"
            print(f"{quantity:30} {difference:.2e}  {verdict}")
    if args.json is not None:
        write_json({"tolerance": args.tolerance, "passed": passed, "largest_difference": largest}, args.json)
    return 0 if passed else 1
