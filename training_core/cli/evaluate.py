"""`evaluate`: score a trained run against masks."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ConfigError, MaskError
from training_core.class_maps.pixel_scores import Confusion
from training_core.cli._arguments import print_result, write_json
from training_core.cli._confusion_table import print_confusion
from training_core.cli._prediction_note import note_on_predictions
from training_core.io import read_image, read_mask
from training_core.io.resolution import file_mpp_um
from training_core.project import TissueClass
from training_core.project.classes import parse_classes
from training_core.project.importing import map_mask
from training_core.project.sources import check_names, find_images, find_masks


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score a run against masks",
        description="Predicts every image that has a mask and compares the two. Dice and Jaccard are in %, "
        "computed from pixel counts pooled over all images and averaged over the classes in the "
        "masks, background included. The confusion matrix says which classes are mistaken for which.",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="run folder, in PROJECT/runs")
    parser.add_argument(
        "--images", type=Path, nargs="+", required=True, metavar="PATH", help="images, or folders of images"
    )
    parser.add_argument(
        "--masks", type=Path, required=True, metavar="DIR", help="folder of masks with the same names as the images"
    )
    parser.add_argument(
        "--classes",
        required=True,
        metavar="LIST",
        help='classes and their mask values, such as "background=0,gland=255"',
    )
    parser.add_argument(
        "--mpp", type=float, metavar="MPP", help="pixel size of the images in µm/px, if the files do not state it"
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), help="device to compute on (default: auto, the fastest)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate; returns the exit code."""
    paths = find_images(args.images)
    check_names((path.stem, path) for path in paths)
    masks = find_masks(args.masks, [path.stem for path in paths])
    from training_core.prediction.predictor import load_predictor

    predictor = load_predictor(args.run_folder, args.device)
    note_on_predictions(args.run_folder)
    to_index = _mask_values(args.classes, predictor.classes)
    started = time.monotonic()
    confusion = Confusion([int(c) for c in predictor.class_ids])
    scored = [path for path in paths if path.stem in masks]
    for path in scored:
        image, mask = read_image(path), read_mask(masks[path.stem])
        if mask.shape != image.shape[:2]:
            raise MaskError(
                f"mask {masks[path.stem]} is {mask.shape[1]} x {mask.shape[0]} px",
                f"the size of its image, {image.shape[1]} x {image.shape[0]} px",
                "export the mask again at the image's full resolution",
            )
        truth = map_mask(masks[path.stem], mask, to_index)
        confusion.add(
            truth, predictor.predict(image, args.mpp if args.mpp is not None else file_mpp_um(path)).prediction
        )
    result = _result(confusion, predictor.classes, len(scored), time.monotonic() - started)
    if len(scored) < len(paths):
        print(f"Note: {len(paths) - len(scored)} images have no mask and are not scored.", file=sys.stderr)
    if args.json:
        write_json(result, args.json)
    if args.json != "-":
        print_result({key: value for key, value in result.items() if key != "confusion"})
        print_confusion(result["confusion"])
    return 0


def _mask_values(text: str, classes: Sequence[TissueClass]) -> dict[int, int]:
    """Mask value to class index of the run (255: not labelled)."""
    named, values = parse_classes(text)
    index = {c.name: i for i, c in enumerate(classes)}
    mapped = {}
    by_id = {c.id: c.name for c in named}
    for value, class_id in values.items():
        if class_id == UNLABELED:
            mapped[value] = UNLABELED
        elif by_id[class_id] in index:
            mapped[value] = index[by_id[class_id]]
        else:
            raise ConfigError(
                f"--classes has {by_id[class_id]}, which is not a class of the run",
                f"the run's classes: {', '.join(index)}",
                f"write unlabelled={value} to ignore those pixels",
            )
    return mapped


def _result(confusion: Confusion, classes: Sequence[TissueClass], n_images: int, seconds: float) -> dict[str, Any]:
    scores = confusion.scores()
    names = {c.id: c.name for c in classes}
    if scores is None:
        raise ConfigError(
            "the masks have no pixel of a class", "masks with labelled pixels", "check the values in --classes"
        )
    return {
        "mDice": scores.mdice,
        "mJaccard": scores.mjaccard,
        "per_class": {names[c]: {"dice": scores.dice[c], "jaccard": scores.jaccard[c]} for c in scores.dice},
        "absent_classes": [names[c] for c in scores.absent],
        "confusion": confusion.by_name(names),
        "n_images": n_images,
        "seconds": round(seconds, 2),
    }
