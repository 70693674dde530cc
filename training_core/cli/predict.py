"""`predict`: segment images with a trained run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training_core.base.errors import ImageError
from training_core.base.torchrun import rank_and_size
from training_core.class_maps.clean_up import CleanUp, clean_up
from training_core.cli._answer_options import add_answer_options, answers_of
from training_core.cli._clean_up_options import add_clean_up, clean_up_of
from training_core.cli._prediction_note import note_on_predictions
from training_core.export.legend import LEGEND_NAME, legend_bytes
from training_core.io import atomic_write, read_image
from training_core.io.inspection import Answers
from training_core.io.regions import Regions, open_regions
from training_core.project.classes import background_ids
from training_core.project.sources import check_names, find_images

if TYPE_CHECKING:
    from training_core.prediction.predictor import Predictor

STREAM_ABOVE_MPX = 16
"""Images of more megapixels are predicted in windows that are written at once, as slides are."""


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "predict",
        help="segment images and slides with a trained run",
        description="Writes three greyscale PNG files per image: NAME.prediction.png and NAME.pseudo_label.png "
        "with class ids (255: confidence below the threshold), and NAME.confidence.png, where 0 to "
        "255 stand for 0 to 100 %. classes.json names the class ids. A slide, or an image above "
        f"{STREAM_ABOVE_MPX} megapixels, is written as one OME-Zarr folder instead, NAME.ome.zarr: "
        "the confidence, with the class ids as its labels. Memory is then almost independent of the "
        "size of the image. Under torchrun the processes share the images. Post-processing changes "
        "NAME.prediction.png only.",
        epilog="""\
examples:
  python -m training_core predict colon/runs/RUN photos --out predictions
  python -m training_core predict colon/runs/RUN slide.svs --out predictions
  python -m training_core predict RUN a.png -o out --mpp 0.5 --min-object 200""",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="run folder, in PROJECT/runs")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="images, or folders of images")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help="output folder")
    parser.add_argument(
        "--mpp", type=float, metavar="MPP", help="pixel size of the images in µm/px, if the files do not state it"
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), help="device to compute on (default: auto, the fastest)"
    )
    parser.add_argument(
        "--views",
        type=int,
        choices=(1, 2, 4, 8),
        help="views per image whose predictions are averaged: 1, the image itself; 2 or 4, with quarter turns; "
        "8, with mirror images too (default: the setting inference.views of the run, which is 4, or 1 with "
        "a ViT; for slides and large images 1)",
    )
    parser.add_argument(
        "--branches",
        action="store_true",
        help="write the prediction of each branch too: NAME.decoder.png, NAME.prototypes.png, NAME.text.png",
    )
    add_clean_up(parser)
    add_answer_options(parser, masks=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predict; returns the exit code."""
    paths, cleaning = find_images(args.images), clean_up_of(args)
    check_names((path.stem, path) for path in paths)  # the results are named after the images
    if not cleaning.is_nothing:
        _check_whole(paths, "post-processing", answers_of(args))  # an object is cleaned as a whole
    if args.branches:
        _check_whole(paths, "--branches", answers_of(args))
    from training_core.prediction.predictor import load_predictor

    rank, size = rank_and_size()
    predictor = load_predictor(args.run_folder, args.device)
    if rank == 0:
        note_on_predictions(args.run_folder)
    for path in paths[rank::size]:
        _predict(predictor, path, args, cleaning)
    if rank == 0:
        atomic_write(args.out / LEGEND_NAME, legend_bytes(predictor.classes, run=args.run_folder.name))
        print(
            f"Wrote the predictions of {len(paths)} images to {args.out}"
            + (f", with {size} processes" if size > 1 else "")
        )
    return 0


def _is_large(image: Regions) -> bool:
    return image.is_slide or image.height_px * image.width_px > STREAM_ABOVE_MPX * 1_000_000


def _check_whole(paths: Sequence[Path], what: str, answers: Answers) -> None:
    """What is written window by window is never in memory as a whole."""
    for path in paths:
        with open_regions(path, answers) as image:
            if _is_large(image):
                raise ImageError(
                    f"{path} is {image.width_px} x {image.height_px} px and is predicted window by window",
                    f"images of at most {STREAM_ABOVE_MPX} megapixels for {what}",
                    f"leave out {what}, or cut the image into tiles",
                )


def _predict(predictor: Predictor, path: Path, args: argparse.Namespace, cleaning: CleanUp) -> None:
    from training_core.class_maps.overlay_files import overlay_arrays, write_branches, write_overlays
    from training_core.data.pixel_size import check_known
    from training_core.prediction.regions import stream_image

    answers = answers_of(args)
    with open_regions(path, answers) as image:
        is_large = _is_large(image)
        mpp_um = args.mpp if args.mpp is not None else image.mpp_um
    check_known(str(path), mpp_um, predictor.config.data.mpp)
    if is_large:
        stream_image(
            predictor, path, args.out / f"{path.stem}.ome.zarr", mpp_um=mpp_um, views=args.views or 1, answers=answers
        )
        return
    pixels = read_image(path, answers)
    if args.branches:
        write_branches(args.out, path.stem, predictor.branches(pixels, mpp_um, args.views), predictor.class_ids)
    result = predictor.predict(pixels, mpp_um, args.views)
    background = background_ids(predictor.classes)
    arrays = overlay_arrays(
        result, predictor.class_ids, predictor.threshold, clean=lambda ids: clean_up(ids, cleaning, background)
    )
    write_overlays(args.out, path.stem, arrays)
