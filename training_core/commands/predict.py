"""`predict`: segment images with a trained run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from training_core.export.legend import LEGEND_NAME, legend_bytes
from training_core.io import atomic_write, read_image
from training_core.io.regions import open_regions
from training_core.project.sources import check_names, find_images
from training_core.sharding import rank_and_size

if TYPE_CHECKING:
    from training_core.predictor import Predictor

STREAM_ABOVE_MPX = 16
"""Images of more megapixels are predicted in windows that are written at once, as slides are."""


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "predict",
        help="segment images with a trained run",
        description="Writes three greyscale PNGs per image: NAME.prediction.png and NAME.pseudo_label.png hold class "
        "ids (255: not confident enough), NAME.confidence.png 0 to 255 for 0 to 1. classes.json names the ids. "
        f"A slide, or an image above {STREAM_ABOVE_MPX} megapixels, gives one OME-Zarr folder instead, in memory that "
        "does not grow with it: NAME.ome.zarr, the confidence with the class ids as its labels. Under torchrun the "
        "images are shared out over the processes.",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="the run's folder, under PROJECT/runs")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="image files, or folders of images")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help="the folder to write to")
    parser.add_argument(
        "--mpp", type=float, metavar="UM", help="um per pixel of the images, where the files do not state it"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), help="where to compute")
    parser.add_argument(
        "--views",
        type=int,
        choices=(1, 2, 4, 8),
        help="predictions averaged per image: of the image, 2 or 4 with quarter turns, 8 of its mirror image too "
        "(default: the run's inference.views, 4 or, with a ViT, 1; for slides and large images 1)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predict; returns the exit code."""
    paths = find_images(args.images)
    check_names((path.stem, path) for path in paths)  # the results are named after the images
    from training_core.predictor import load_predictor

    rank, size = rank_and_size()
    predictor = load_predictor(args.run_folder, args.device)
    for path in paths[rank::size]:
        _predict(predictor, path, args)
    if rank == 0:
        atomic_write(args.out / LEGEND_NAME, legend_bytes(predictor.classes, run=args.run_folder.name))
        print(f"{len(paths)} images predicted into {args.out}" + (f" by {size} processes" if size > 1 else ""))
    return 0


def _predict(predictor: Predictor, path: Path, args: argparse.Namespace) -> None:
    from training_core.overlays import write_overlays
    from training_core.streaming import stream_image

    with open_regions(path) as image:
        is_large = image.is_slide or image.height_px * image.width_px > STREAM_ABOVE_MPX * 1_000_000
        mpp_um = args.mpp if args.mpp is not None else image.mpp_um
    if is_large:
        stream_image(predictor, path, args.out / f"{path.stem}.ome.zarr", mpp_um=mpp_um, views=args.views or 1)
        return
    result = predictor.predict(read_image(path), mpp_um, args.views)
    write_overlays(args.out, path.stem, result, predictor.class_ids, predictor.threshold)
