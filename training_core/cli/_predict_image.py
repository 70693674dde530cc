"""How `predict` segments one image: a small one as a whole, a large one or a slide window by window."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from training_core.base.errors import ImageError
from training_core.base.printable import printable
from training_core.base.rows import Rows
from training_core.class_maps.clean_up import CleanUp, clean_up
from training_core.class_maps.predicted import PredictedImage
from training_core.cli._predict_queue import PredictQueue
from training_core.io import read_image
from training_core.io.formats.ome_zarr_file import is_prediction
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
    anew: bool
    """Whether what an interrupted attempt has left of a slide is not taken up."""
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


class _Streamed(NamedTuple):
    """What is predicted window by window, as `stream_image` takes it."""

    of: tuple[Predictor, Path, Path]
    options: dict[str, Any]


def _streamed(job: PredictJob, path: Path, image: Regions, wanted: PredictedImage) -> _Streamed:
    """How a slide is predicted.

    Raises
    ------
    ImageError
        It is to be predicted in a way for which it is too large, or another image has the name of its result.
    """
    args = job.args
    _check_whole(image, ["--branches"] if args.branches else [])
    out = args.out / f"{wanted.name}.ome.zarr"
    if out.is_dir() and not is_prediction(out):
        given = f"{out} is there already, and is no prediction of this program"
        raise ImageError(given, "another folder for the predictions", "choose one without images in it")
    return _Streamed(
        (job.predictor, path, out),
        {
            "mpp_um": mpp_um_of(job, path, image),
            "views": args.views or 1,
            "answers": job.answers,
            "made_from": json.dumps([asdict(wanted), _engine(job)]),
            "with_glass": args.with_glass,
        },
    )


def mpp_um_of(job: PredictJob, path: Path, image: Regions) -> float | None:
    """The pixel size of an image: as it is given for all, for those that state none, or as the file states it."""
    if job.args.mpp is not None:
        return float(job.args.mpp)
    return job.args.missing_mpp if path in job.unstated else image.mpp_um


def begin_image_file(job: PredictJob, path: Path, wanted: PredictedImage, band_px: int) -> list[Rows]:
    """Begin a slide that several processes predict; returns the bands, none of what is predicted by one."""
    from training_core.prediction.bands import begin_in_bands

    with open_regions(path, job.answers) as image:
        if not (_is_large(image) and image.in_parts and image.height_px > band_px):
            return []
        streamed = _streamed(job, path, image, wanted)
    bands = begin_in_bands(*streamed.of, band_px, anew=job.args.redo, **streamed.options)
    return bands if len(bands) > 1 else []


def predict_image_band(job: PredictJob, path: Path, wanted: PredictedImage, rows: Rows) -> None:
    """Predict a band of a slide that was begun; what cannot be predicted here is said and left."""
    from training_core.prediction.bands import predict_band

    with open_regions(path, job.answers) as image:
        streamed = _streamed(job, path, image, wanted)
    if not predict_band(*streamed.of, rows, **streamed.options):
        print(
            f"{printable(path.name)}: rows {rows[0]} to {rows[1]} are left for later: this process, with "
            f"{_engine(job)} and its memory, would not give the same bits as the one that began the slide",
            file=sys.stderr,
        )


def predict_image_file(job: PredictJob, path: Path, wanted: PredictedImage) -> Path:
    """Predict an image or slide; returns what holds its class ids."""
    from training_core.class_maps.overlay_files import overlay_arrays, write_branches, write_overlays
    from training_core.prediction.regions import stream_image

    args, predictor, name = job.args, job.predictor, wanted.name
    folder: Path = args.out
    with open_regions(path, job.answers) as image:
        mpp_um, height = mpp_um_of(job, path, image), image.height_px
        streamed = _streamed(job, path, image, wanted) if _is_large(image) else None
    if streamed is not None:

        def goes_on(rows: int) -> None:
            if rows < height:
                print(f"{printable(path.name)}: {rows / height:.0%} of it were there already", file=sys.stderr)

        def leaves_out(share: float) -> None:
            job.queue.leaves_out(share)
            print(
                f"{printable(path.name)}: {share:.0%} of it shows only glass and is not predicted "
                "(--with-glass predicts it too)",
                file=sys.stderr,
            )

        options = streamed.options | ({"made_from": None} if job.anew else {})
        stream_image(
            *streamed.of,
            cleaning=job.cleaning,
            progress=job.queue.progress,
            goes_on=goes_on,
            leaves_out=leaves_out,
            **options,
        )
        return streamed.of[-1]
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
