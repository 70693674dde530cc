"""`predict`: segment images with a trained run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training_core.base.addresses import path_or_address
from training_core.base.attempts import Attempts
from training_core.base.errors import ConfigError, ImageError
from training_core.base.niceness import yield_to_others
from training_core.base.printable import printable
from training_core.base.rows import BAND_PX
from training_core.base.torchrun import rank_and_size
from training_core.cli._answer_options import add_answer_options, answers_of
from training_core.cli._clean_up_options import add_clean_up
from training_core.cli._failures import exit_code
from training_core.cli._predict_files import job_of, predict_all, predict_in_worker
from training_core.cli._predict_image import (
    STREAM_ABOVE_MPX,
)
from training_core.cli._predict_measure import write_table
from training_core.cli._predict_queue import PredictQueue, predict_queue
from training_core.cli._predict_workers import predict_on_workers
from training_core.cli._prediction_note import note_on_predictions
from training_core.cli._questions import pixel_size, refuse_open_questions, tell_left_out
from training_core.export.legend import LEGEND_NAME, legend_bytes
from training_core.io import atomic_write
from training_core.io.inspection import FileFacts, Use
from training_core.project.classes import object_class_ids
from training_core.project.inputs.recognition import mask_names, without_own_outputs
from training_core.project.sources import scan


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
        "size of the image. areas.csv has a row for each image and class: its area, share and number of objects. "
        "Under torchrun the processes share the images. Post-processing changes NAME.prediction.png only. Images that "
        "cannot be predicted are listed at the end (exit code 3); a second run predicts only what is missing or "
        "has changed.",
        epilog="""\
examples:
  python -m training_core predict colon/runs/RUN photos --out predictions
  python -m training_core predict RUN slide.svs --out out --objects geojson
  python -m training_core predict RUN a.png -o out --mpp 0.5 --min-object 200""",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="run folder, in PROJECT/runs, or a shared model")
    parser.add_argument(
        "images",
        type=path_or_address,
        nargs="+",
        metavar="IMAGE",
        help="images, folders of images, or addresses of OME-Zarr images",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help="output folder")
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--mpp",
        type=pixel_size,
        metavar="MPP",
        help="pixel size of all images in µm/px, whatever the files state; run: that of the run",
    )
    size.add_argument(
        "--missing-mpp",
        type=pixel_size,
        metavar="MPP",
        help="pixel size in µm/px of the images that state none, or an impossible one; run: that of the run",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), help="device to compute on (default: auto, the fastest)"
    )
    parser.add_argument(
        "--engine",
        choices=("auto", "torch", "onnx"),
        default="auto",
        help="what computes slides and large images: torch, PyTorch; onnx, ONNX Runtime, on the processor in float32 "
        "(default: auto, onnx where it is installed and faster)",
    )
    parser.add_argument(
        "--encoder-weights",
        type=Path,
        metavar="FILE",
        help="weights of a frozen encoder that RUN does not include, where they lie elsewhere than its settings say",
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
    parser.add_argument(
        "--with-glass",
        action="store_true",
        help="predict slides where they show only glass, too (default: left out; these pixels are 255)",
    )
    parser.add_argument(
        "--objects",
        choices=("geojson", "csv"),
        action="append",
        help="write the objects of each image or slide too, with classes, areas and confidence: geojson, "
        "NAME.geojson with outlines for QuPath; csv, NAME.objects.csv with centroids; can be repeated; also of results "
        "that are there already",
    )
    parser.add_argument("--redo", action="store_true", help="predict again what OUT has already")
    parser.add_argument(
        "--background", action="store_true", help="run at low priority, so that other programs stay responsive"
    )
    sharing = parser.add_mutually_exclusive_group()
    sharing.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="share the images out to N processes of this machine (needs distributed)",
    )
    sharing.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="share the images out to the workers of the dask scheduler at ADDRESS, such as tcp://10.0.0.1:8786; "
        "they must see RUN, IMAGE and OUT under the same names",
    )
    parser.add_argument(
        "--band-px",
        type=int,
        default=BAND_PX,
        metavar="N",
        help="with --workers or --scheduler: share out slides of more than N rows of pixels in bands of N rows, a "
        f"multiple of 1024 (default: {BAND_PX})",
    )
    sharing.add_argument(
        "--events",
        choices=("-",),
        help="write events as JSON lines to standard output, read commands from standard input: stop, pause, resume",
    )
    add_clean_up(parser)
    add_answer_options(parser, masks=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predict; returns the exit code."""
    if args.background:
        yield_to_others()
    with predict_queue(args.events) as queue:
        return _run(args, queue)


def _run(args: argparse.Namespace, queue: PredictQueue) -> int:
    from training_core.compute.processes import gathered, together
    from training_core.prediction.predictor import load_predictor

    rank, size = rank_and_size()
    on_workers = args.workers is not None or args.scheduler is not None
    if on_workers and size > 1:
        raise ConfigError(
            "torchrun and workers of dask", "one of the two", "leave out one", terminal="leave out torchrun"
        )
    paths, attempts = _images(args), Attempts()
    facts = refuse_open_questions(paths, Use.IMAGE, answers_of(args))
    predictor = load_predictor(args.run_folder, args.device, args.encoder_weights)
    if args.objects and not object_class_ids(predictor.classes):
        given = "no class of the run is made of objects"
        raise ConfigError(given, "a class whose areas are objects, such as glands", "leave --objects out")
    job = job_of(args, paths, facts, predictor, queue)
    if rank == 0:
        note_on_predictions(args.run_folder)
        if job.unstated and args.mpp is None and args.missing_mpp is not None and predictor.config.data.mpp is not None:
            print(f"Note: {len(job.unstated)} of {len(facts)} images state no usable pixel size, and are taken to have "
                  f"{args.missing_mpp:g} µm/px.", file=sys.stderr)  # fmt: skip
    try:
        if on_workers:
            heights = {path: _rows_of(facts.get(path)) for path in paths if path not in job.bad}
            predict_all(job, [path for path in paths if path in job.bad], attempts)
            there = predict_on_workers(args, heights, attempts, predict_in_worker)
            done, failed, joined = len(attempts.done), attempts.failed, True
        else:
            with together(job.predictor.compute) as joined:
                there = sum(gathered([predict_all(job, paths[rank::size], attempts)]))
                done, failed = len(gathered(attempts.done)), gathered(attempts.failed)
    finally:  # also of what was finished before an interruption
        if rank == 0:
            write_table(args.out)
    if rank:
        return exit_code([] if joined else attempts.failed)  # the first process lists those of all
    attempts.failed = failed
    if not done:
        attempts.raise_if_none()
    atomic_write(args.out / LEGEND_NAME, legend_bytes(job.predictor.classes, run=job.run))
    said = sys.stderr if args.events else sys.stdout
    print(
        f"Wrote the predictions of {_images_in_words(done - there)} to {args.out}"
        + (f", with {size} processes" if size > 1 else "")
        + (f"; those of {there} were there already (--redo predicts them again)" if there else ""),
        file=said,
    )
    return exit_code(failed, "Once they are mended, the same command predicts them; what is there stays.")


def _rows_of(facts: FileFacts | None) -> int:
    """How many rows of pixels an image has at most, whichever way it is turned; 0 where it cannot be read."""
    return 0 if facts is None else max(facts.height_px, facts.width_px)


def _images_in_words(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _images(args: argparse.Namespace) -> list[Path]:
    """The images that were given, without what this program wrote itself."""
    found = scan(args.images)
    paths, own = without_own_outputs(found.files)
    among = mask_names(paths)
    paths = [path for path in paths if path not in among]
    for several, what in ((own, "results of this program"), (sorted(among), "masks of others by their names")):
        if several:
            print(f"Note: {len(several)} files are {what} and are not predicted, such as "
                  f"{printable(several[0].name)}.", file=sys.stderr)  # fmt: skip
    tell_left_out(found.left_out)
    if not paths:
        raise ImageError("all images are results of this program", "images of tissue", "choose the original images")
    return paths
