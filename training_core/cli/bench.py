"""`bench`: how fast this machine trains and predicts, and how much memory that takes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from training_core.base.errors import ConfigError
from training_core.cli._arguments import print_result, write_json
from training_core.settings import files as settings
from training_core.settings.variants import layered

_RELEASED = {"variant": "released", "runtime": {"precision": "float32"}}


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands to argparse."""
    parser = subparsers.add_parser(
        "bench",
        help="measure speed and memory on this machine",
        description="Reports medians over several repeats after a warm-up, the peak memory of the process, the "
        "machine and the versions. Run nothing else meanwhile.",
    )
    targets = parser.add_subparsers(title="what to measure", metavar="TARGET", required=True)
    step = _add(targets, "step", "one training step")
    step.add_argument(
        "--preset", choices=("released-vitl",), help="the shapes of the released code: ViT-L/16, batch 4 + 4"
    )
    step.add_argument(
        "--as-released", action="store_true", help="compute as the released code does: variant released, float32"
    )
    step.add_argument(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        help="number format (default: auto, the faster one on this machine)",
    )
    step.add_argument("--warm-up", type=int, default=2, metavar="N", help="steps before the timed ones (default: 2)")
    step.add_argument("--repeats", type=int, default=5, metavar="N", help="timed steps (default: 5)")
    step.set_defaults(run=_run_step)
    overlay = _add(
        targets, "first-overlay", "the time from the start of a training to its first overlay, in rounds 1 and 2"
    )
    overlay.add_argument("--repeats", type=int, default=3, metavar="N", help="number of new projects (default: 3)")
    overlay.set_defaults(run=_run_overlay)
    live = _add(targets, "live", "the time from a stroke to the updated live preview")
    live.add_argument("--repeats", type=int, default=10, metavar="N", help="number of timed strokes (default: 10)")
    live.set_defaults(run=_run_live)
    predict = _add(targets, "predict", "prediction of a large image, compared with the bare network")
    predict.add_argument(
        "--side-px", type=int, default=8192, metavar="N", help="side of the square image in px (default: 8192)"
    )
    predict.add_argument("--repeats", type=int, default=3, metavar="N", help="number of repeats (default: 3)")
    predict.add_argument(
        "--engine", choices=("auto", "torch", "onnx"), default="auto", help="as of the command predict (default: auto)"
    )
    predict.add_argument(
        "--glass",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="make a slide of which this share is glass, 0 to 1, which is not predicted (default: 0)",
    )
    predict.add_argument(
        "--without-network",
        action="store_true",
        help="replace the network by an identity: measure reading, blending and writing alone",
    )
    predict.set_defaults(run=_run_predict)
    project = targets.add_parser(
        "project",
        help="a project with many tiles",
        description="Measures opening it, listing its tiles and suggesting tiles; reports the slowest repeat.",
    )
    project.add_argument("--tiles", type=int, default=10_000, metavar="N", help="number of tiles (default: 10000)")
    project.add_argument("--repeats", type=int, default=3, metavar="N", help="number of repeats (default: 3)")
    project.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    project.set_defaults(run=_run_project)

    left = targets.add_parser(
        "time-left",
        help="the estimates of the time left of a finished run",
        description="Reports how far the estimated end of a finished run was off after the first tenth of its time, "
        "and how long the progress bar stood still, from the events in the run's folder.",
    )
    left.add_argument("folder", type=Path, metavar="RUN", help="the run's folder")
    left.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    left.set_defaults(run=_run_time_left)


def _add(
    targets: argparse._SubParsersAction[argparse.ArgumentParser], target: str, what: str
) -> argparse.ArgumentParser:
    parser = targets.add_parser(target, help=what, description=f"Measures {what}.")
    parser.add_argument("--encoder", metavar="NAME", help="encoder (the setting encoder.name)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting, such as decoder.name=unet; can be repeated",
    )
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    return parser


def _user_settings(args: argparse.Namespace) -> dict[str, Any]:
    chosen: dict[str, Any] = {"encoder": {"name": args.encoder}} if args.encoder else {}
    return layered(chosen, settings.merge_settings(args.set))


def _run_step(args: argparse.Namespace) -> int:
    from training_core.measuring.speed.step import PRESETS, bench_step

    base = layered(PRESETS.get(args.preset, {}), _RELEASED if args.as_released else {})
    if args.precision:
        base = layered(base, {"runtime": {"precision": args.precision}})
    config = settings.load(None, _user_settings(args), base=base)
    result = bench_step(config, as_released=args.as_released, warm_up=args.warm_up, repeats=args.repeats)
    return _give(args, result)


def _run_overlay(args: argparse.Namespace) -> int:
    from training_core.measuring.speed.overlay import bench_first_overlay

    return _give(args, bench_first_overlay(_given(args), repeats=args.repeats))


def _run_live(args: argparse.Namespace) -> int:
    from training_core.measuring.speed.live import bench_live

    return _give(args, bench_live(_given(args), repeats=args.repeats))


def _given(args: argparse.Namespace) -> list[str]:
    """The settings as another process takes them."""
    return [*([f"encoder.name={args.encoder}"] if args.encoder else []), *args.set]


def _run_predict(args: argparse.Namespace) -> int:
    from training_core.measuring.speed.predict import bench_around_network, bench_predict

    config = settings.load(None, _user_settings(args))
    if args.without_network:
        return _give(args, bench_around_network(config, side_px=args.side_px, repeats=args.repeats))
    if not 0 <= args.glass < 1:
        raise ConfigError(f"--glass {args.glass:g}", "a share from 0 to below 1", "--glass 0.7")
    sizes = {"side_px": args.side_px, "repeats": args.repeats}
    return _give(args, bench_predict(config, **sizes, engine=args.engine, glass=args.glass))


def _run_project(args: argparse.Namespace) -> int:
    from training_core.measuring.speed.project import bench_project

    return _give(args, bench_project(tiles=args.tiles, repeats=args.repeats))


def _run_time_left(args: argparse.Namespace) -> int:
    from training_core.measuring.speed.time_left import bench_time_left

    return _give(args, bench_time_left(args.folder))


def _give(args: argparse.Namespace, result: dict[str, Any]) -> int:
    if args.json:
        write_json(result, args.json)
    if args.json != "-":
        print_result({key: value for key, value in result.items() if not isinstance(value, dict)})
    return 0
