"""How `predict` goes through its images, in this process or as a worker of dask."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from training_core import __version__
from training_core.base.attempts import Attempts
from training_core.base.errors import ImageError
from training_core.base.rows import Rows
from training_core.class_maps.clean_up import CleanUp
from training_core.class_maps.predicted import (
    PredictedImage,
    add_predicted,
    checkpoint_as_noted,
    predicted_image,
    read_predicted,
    result_of,
)
from training_core.cli._answer_options import answers_of
from training_core.cli._clean_up_options import clean_up_of
from training_core.cli._predict_image import PredictJob, begin_image_file, predict_image_band, predict_image_file
from training_core.cli._predict_measure import measure_image_file
from training_core.cli._predict_queue import PredictQueue
from training_core.cli._predict_workers import FINISH, WHOLE, Step
from training_core.cli._questions import RUN_MPP, refuse_open_questions, without_scale
from training_core.io.files import file_kind
from training_core.io.inspection import Answers, FileFacts, Use
from training_core.project.inputs.names import check_length, shared_names, tile_name

if TYPE_CHECKING:
    from training_core.prediction.predictor import Predictor


def job_of(
    args: argparse.Namespace,
    paths: Sequence[Path],
    facts: Mapping[Path, FileFacts],
    predictor: Predictor,
    queue: PredictQueue,
) -> PredictJob:
    """What the images are predicted with; the run's own pixel size takes the place of its name in the arguments."""
    from training_core.runs.trained_model import open_trained_model

    cleaning, answers = clean_up_of(args), answers_of(args)
    bad = shared_names((tile_name(path), path) for path in paths)  # the results are named after the images
    run_mpp = predictor.config.data.mpp
    if args.missing_mpp == RUN_MPP:
        args.missing_mpp = run_mpp
    unstated = frozenset(
        path for path, each in facts.items() if each.pixel_size is None or each.pixel_size.usable_um is None
    )
    if args.mpp == RUN_MPP:
        args.mpp = run_mpp
    elif args.missing_mpp is None or run_mpp is None:
        bad |= without_scale(facts, run_mpp, args.mpp)
    checkpoint = checkpoint_as_noted(open_trained_model(args.run_folder).weights)
    options = _options(args, cleaning, answers)
    queue.begin({path: each.height_px * each.width_px for path, each in facts.items()})
    return PredictJob(
        args, predictor, cleaning, answers, args.run_folder.name, checkpoint, options, args.redo, bad, unstated, queue
    )


def predict_in_worker(args: argparse.Namespace, path: Path, attempts: Attempts, step: Step) -> tuple[int, list[Rows]]:
    """One step of an image, by a process that knows nothing of it yet; how many were there already, and the bands."""
    from training_core.runs.trained_model import open_trained_model

    facts = refuse_open_questions([path], Use.IMAGE, answers_of(args))
    checkpoint = checkpoint_as_noted(open_trained_model(args.run_folder).weights)
    predictor = _kept_predictor(args.run_folder, args.device, args.encoder_weights, checkpoint)
    config, job = predictor.config, job_of(args, [path], facts, predictor, PredictQueue())
    try:
        if step == FINISH:
            job = replace(job, anew=False)
        if step in (WHOLE, FINISH):
            return predict_all(job, [path], attempts), []
        bands: list[Rows] = []
        with attempts.each(path.name, counts=False):
            bands = _predict_in_bands(job, path, step)
        return 0, bands
    finally:
        if predictor.config.inference != config.inference:  # memory ran out; what comes next has the run's windows
            _kept_predictor.cache_clear()


def _predict_in_bands(job: PredictJob, path: Path, step: Step) -> list[Rows]:
    """Begin a slide, or predict a band of it; returns the bands that are to be predicted."""
    image = _wanted(job, path)
    if not isinstance(step, str):
        predict_image_band(job, path, image, step)
    elif job.args.redo or read_predicted(job.args.out).get(image.name) != image:
        return begin_image_file(job, path, image, job.args.band_px)
    return []


@lru_cache(maxsize=1)
def _kept_predictor(run_folder: Path, device: str | None, encoder_weights: Path | None, _checkpoint: str) -> Predictor:
    """A worker loads the network once for all its images, and again when somebody has trained on."""
    from training_core.prediction.predictor import load_predictor

    return load_predictor(run_folder, device, encoder_weights)


def predict_all(job: PredictJob, paths: Sequence[Path], attempts: Attempts) -> int:
    """Predict what is missing; returns how many were there already."""
    earlier, there = {} if job.args.redo else read_predicted(job.args.out), 0
    for path in paths:
        job.queue.start(path)
        failed = len(attempts.failed)
        with attempts.each(path.name):
            image = _wanted(job, path)
            is_there = earlier.get(image.name) == image
            if is_there:
                result = result_of(job.args.out, image.name)
            else:
                result = predict_image_file(job, path, image)
                add_predicted(job.args.out, image)
            areas = measure_image_file(job, path, image, predicted_now=not is_there)
            there += is_there
            objects = {each.class_name: each.objects for each in areas.classes if each.objects is not None}
            job.queue.finished(result, was_there=is_there, objects=objects)
        if len(attempts.failed) > failed:
            job.queue.failed(attempts.failed[-1].error)
    return there


def _wanted(job: PredictJob, path: Path) -> PredictedImage:
    """What an image is predicted as.

    Raises
    ------
    ImageError
        It cannot be, whatever its pixels are.
    """
    name = tile_name(path)
    check_length(name, path)
    file_kind(path, ImageError)  # a missing file is said as such
    if path in job.bad:
        raise job.bad[path]
    return predicted_image(name, path, job.run, job.checkpoint, job.options)


def _options(args: argparse.Namespace, cleaning: CleanUp, answers: Answers) -> str:
    """What changes a result beside image and weights."""
    sizes = {"mpp": args.mpp, "missing_mpp": args.missing_mpp}
    chosen = {"version": __version__, **sizes, "views": args.views, "branches": args.branches}
    chosen["with_glass"] = args.with_glass
    return json.dumps({**chosen, "clean_up": asdict(cleaning), "answers": asdict(answers)})
