"""How `predict` segments one image: a small one as a whole, a large one or a slide window by window."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training_core.base.errors import ImageError
from training_core.base.printable import printable
from training_core.class_maps.clean_up import CleanUp, clean_up
from training_core.class_maps.predicted import PredictedImage
from training_core.cli._predict_queue import PredictQueue
from training_core.io import read_image
from training_core.io.inspection import Answers
from training_core.io.regions import Regions, open_regions
from training_core.project.classes import background_ids

if TYPE_CHECKING:
    from training_core.prediction.predictor import Predictor

STREAM_ABOVE_MPX = 16
"""Images of more megapixels are predicted in windows that are written at once, as slides are."""


@dataclass(frozen=True)
class PredictJob:
    """What every image is predicted with."""

    args: argparse.Namespace
    predictor: Predictor
    cleaning: CleanUp
    answers: Answers
    run: str
    checkpoint: str
    options: str
    bad: Mapping[Path, ImageError]
    """What cannot be predicted, whatever its pixels are."""
    unstated: frozenset[Path]
    """What states no pixel size, or an impossible one."""
    queue: PredictQueue


def _is_large(image: Regions) -> bool:
    return image.is_slide or image.height_px * image.width_px > STREAM_ABOVE_MPX * 1_000_000


def _engine(job: PredictJob) -> str:
    """What computes slides; chosen, and said, when the first one comes."""
    from training_core.prediction.engine import Engine

    is_new = job.predictor.engine is None
    engine = job.predictor.use_engine(Engine(job.args.engine))
    if is_new and engine is Engine.ONNX:
        print("Slides are predicted with ONNX Runtime (--engine torch: with PyTorch)", file=sys.stderr)
    return engine


def _check_whole(image: Regions, what: Sequence[str]) -> None:
    """Refuse what needs the whole image in memory, such as maps of the branches, where it is predicted in windows."""
    if what:
        raise ImageError(
            f"{image.path} is {image.width_px} x {image.height_px} px and is predicted window by window",
            f"images of at most {STREAM_ABOVE_MPX} megapixels for {' and '.join(what)}",
            f"leave out {' and '.join(what)}, or cut the image into tiles",
        )


def predict_image_file(job: PredictJob, path: Path, wanted: PredictedImage) -> Path:
    """Predict an image or slide; returns what holds its class ids."""
    from training_core.class_maps.overlay_files import overlay_arrays, write_branches, write_overlays
    from training_core.prediction.regions import stream_image

    args, predictor, name = job.args, job.predictor, wanted.name
    folder: Path = args.out
    with open_regions(path, job.answers) as image:
        is_large = _is_large(image)
        stated_um = args.missing_mpp if path in job.unstated else image.mpp_um
        mpp_um = args.mpp if args.mpp is not None else stated_um
        if is_large:
            _check_whole(image, ["--branches"] if args.branches else [])
    if is_large:
        out, height, engine = folder / f"{name}.ome.zarr", image.height_px, _engine(job)

        def goes_on(rows: int) -> None:
            print(f"{printable(path.name)}: {rows / height:.0%} of it were there already", file=sys.stderr)

        stream_image(
            predictor,
            path,
            out,
            mpp_um=mpp_um,
            views=args.views or 1,
            answers=job.answers,
            cleaning=job.cleaning,
            progress=job.queue.progress,
            made_from=None if args.redo else json.dumps([asdict(wanted), engine]),
            goes_on=goes_on,
        )
        return out
    pixels = read_image(path, job.answers)
    if args.branches:
        write_branches(folder, name, predictor.branches(pixels, mpp_um, args.views), predictor.class_ids)
    result = predictor.predict(pixels, mpp_um, args.views)
    background = background_ids(predictor.classes)
    arrays = overlay_arrays(
        result, predictor.class_ids, predictor.threshold, clean=lambda ids: clean_up(ids, job.cleaning, background)
    )
    write_overlays(folder, name, arrays)
    return folder / f"{name}.prediction.png"
