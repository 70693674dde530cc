"""`predict`: segment images with a trained run."""

from __future__ import annotations

import argparse
from pathlib import Path

from training_core.export.legend import LEGEND_NAME, legend_bytes
from training_core.io import atomic_write, read_image
from training_core.io.resolution import file_mpp_um
from training_core.project.sources import check_names, find_images


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "predict",
        help="segment images with a trained run",
        description="Writes three greyscale PNGs per image: NAME.prediction.png and NAME.pseudo_label.png hold class "
        "ids (255: not confident enough), NAME.confidence.png 0 to 255 for 0 to 1. classes.json names the ids.",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="the run's folder, under PROJECT/runs")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="image files, or folders of images")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help="the folder to write to")
    parser.add_argument(
        "--mpp", type=float, metavar="UM", help="um per pixel of the images, where the files do not state it"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), help="where to compute")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predict; returns the exit code."""
    paths = find_images(args.images)
    check_names((path.stem, path) for path in paths)  # the results are named after the images
    from training_core.distributed import launched
    from training_core.overlays import write_overlays
    from training_core.predictor import load_predictor

    number, n_processes = launched()
    paths = paths[number::n_processes]
    predictor = load_predictor(args.run_folder, args.device)
    for path in paths:
        result = predictor.predict(read_image(path), args.mpp if args.mpp is not None else file_mpp_um(path))
        write_overlays(args.out, path.stem, result, predictor.class_ids, predictor.threshold)
    atomic_write(args.out / LEGEND_NAME, legend_bytes(predictor.classes, run=args.run_folder.name))
    print(f"{len(paths)} images predicted into {args.out}")
    return 0
