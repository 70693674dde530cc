"""`evaluate`: score a trained run against masks."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from training_core import __version__
from training_core.base.arrays import UNLABELED, ClassIds, Rgb8
from training_core.base.attempts import Attempts
from training_core.base.errors import ConfigError, ImageError, MaskError
from training_core.base.printable import printable
from training_core.class_maps.pixel_scores import Confusion
from training_core.cli._answer_options import add_answer_options, answers_of
from training_core.cli._arguments import print_result, write_json
from training_core.cli._confusion_table import print_confusion
from training_core.cli._failures import as_json, exit_code
from training_core.cli._overview_text import on_masks
from training_core.cli._prediction_note import note_on_predictions
from training_core.cli._questions import (
    RUN_MPP,
    pixel_size,
    questions,
    refuse_open_questions,
    tell_left_out,
    without_scale,
)
from training_core.cli._scored_images import ScoredImages
from training_core.io import read_image, read_mask_values
from training_core.io.files import file_kind
from training_core.io.inspection import Answers, Use
from training_core.project import TissueClass
from training_core.project.class_text import parse_classes
from training_core.project.creation import file_sha256
from training_core.project.inputs.asking import read_masks
from training_core.project.inputs.matching import match_masks, no_match
from training_core.project.inputs.names import shared_names, tile_name
from training_core.project.inputs.recognition import mask_names, without_own_outputs
from training_core.project.sources import scan, scan_masks

_NOT_PRINTED = frozenset({"confusion", "failed", "made_with", "images"})


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score a run against masks",
        description="Predicts every image that has a mask and compares the two. Dice and Jaccard are in %, "
        "computed from pixel counts pooled over all images and averaged over the classes in the "
        "masks, background included. The confusion matrix says which classes are mistaken for which. Files that "
        "cannot be used are listed at the end (exit code 3).",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="run folder, in PROJECT/runs, or a shared model")
    parser.add_argument(
        "--images", type=Path, nargs="+", required=True, metavar="PATH", help="images, or folders of images"
    )
    parser.add_argument(
        "--masks", type=Path, required=True, metavar="DIR", help="folder of masks with the same names as the images"
    )
    parser.add_argument(
        "--mask-names", metavar="PATTERN", help='what the masks are called, such as "{name}_tissue" for a.png'
    )
    parser.add_argument(
        "--classes",
        required=True,
        metavar="LIST",
        help='classes and their mask values, such as "background=0,gland=255"; a name with a comma, "=" or a quotation '
        "mark is written in quotation marks: '\"gland, benign\"=1,stroma=2'",
    )
    parser.add_argument(
        "--mpp",
        type=pixel_size,
        metavar="MPP",
        help="pixel size of all images in µm/px, whatever the files state; needed where one states none; run: that "
        "of the run",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), help="device to compute on (default: auto, the fastest)"
    )
    parser.add_argument(
        "--encoder-weights",
        type=Path,
        metavar="FILE",
        help="weights of a frozen encoder that RUN does not include, where they lie elsewhere than its settings say",
    )
    parser.add_argument(
        "--json",
        metavar="FILE",
        help="write the result as JSON (- for standard output); images that FILE holds already, scored with the same "
        "run and options, are not predicted again",
    )
    parser.add_argument("--redo", action="store_true", help="score again what FILE has already")
    add_answer_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate; returns the exit code."""
    answers = answers_of(args)
    images, masks = _pairs(args)
    facts = refuse_open_questions(images, Use.IMAGE, answers)
    from training_core.prediction.predictor import load_predictor

    predictor = load_predictor(args.run_folder, args.device, args.encoder_weights)
    note_on_predictions(args.run_folder)
    bad = shared_names((tile_name(path), path) for path in images)
    if args.mpp == RUN_MPP:
        args.mpp = predictor.config.data.mpp
    else:
        bad |= without_scale(facts, predictor.config.data.mpp, args.mpp)
    to_index = _mask_values(args.classes, predictor.classes)
    of_masks = replace(answers, mask_values=to_index)
    if asked := read_masks(list(masks.values()), of_masks).asked:
        raise questions(asked)
    started = time.monotonic()
    confusion = Confusion([int(c) for c in predictor.class_ids])
    attempts = Attempts()
    scored = _scored_before(args, to_index, answers)
    for path in images:
        with attempts.each(path.name):
            file_kind(path, ImageError)  # a missing file is said as such
            if path in bad:
                raise bad[path]
            file_kind(masks[path], MaskError)
            key, counts = scored.counts(path, masks[path])
            if counts is None:
                image = read_image(path, answers)
                truth = _truth(masks[path], image, to_index, of_masks)
                stated = facts[path].pixel_size  # it could be read, so there are facts
                mpp_um = args.mpp if args.mpp is not None else stated.usable_um if stated is not None else None
                one = Confusion(confusion.class_ids)
                one.add(truth, predictor.predict(image, mpp_um).prediction)
                counts = one.counts
            else:
                attempts.kept.append(path.name)
            confusion.counts += counts
            scored.add(printable(path.name), key, counts)
    attempts.raise_if_none()
    if attempts.kept:
        print(f"Note: {len(attempts.kept)} of {len(attempts.done)} images were scored already, and their counts are "
              f"taken from {args.json} (--redo scores them again).", file=sys.stderr)  # fmt: skip
    result = _result(confusion, predictor.classes, len(attempts.done), time.monotonic() - started)
    result["failed"] = as_json(attempts.failed)
    result.update(scored.as_json())
    if args.json:
        write_json(result, args.json)
    if args.json != "-":
        print_result({key: value for key, value in result.items() if key not in _NOT_PRINTED})
        print_confusion(result["confusion"])
    again = "; once they are mended, the same command scores them" if args.json not in (None, "-") else ""
    return exit_code(attempts.failed, f"They are not scored{again}.")


def _scored_before(args: argparse.Namespace, to_index: Mapping[str, int], answers: Answers) -> ScoredImages:
    """What the file of the result holds already; another run, version or option would give other counts."""
    from training_core.runs.trained_model import open_trained_model

    made_with = {
        "version": __version__,
        "checkpoint_sha256": file_sha256(open_trained_model(args.run_folder).weights),
        "mpp": args.mpp,
        "mask_values": dict(to_index),
        "answers": asdict(answers),
    }
    if args.redo or args.json in (None, "-"):
        return ScoredImages(made_with)
    return ScoredImages.in_file(Path(args.json), made_with)


def _pairs(args: argparse.Namespace) -> tuple[list[Path], dict[Path, Path]]:
    """The images that have a mask, and the mask of each; what is left out is said."""
    found = scan(args.images)
    paths, own = without_own_outputs(found.files)
    among = mask_names(paths)
    paths = [path for path in paths if path not in among]
    for several, what in ((own, "results of this program"), (sorted(among), "masks")):
        if several:
            print(f"Note: {len(several)} files are {what} and are not scored, such as "
                  f"{printable(several[0].name)}.", file=sys.stderr)  # fmt: skip
    tell_left_out(found.left_out)
    images = {path.absolute() for path in paths}
    files = [mask for mask in scan_masks(args.masks).files if mask.absolute() not in images]
    names = list(dict.fromkeys(tile_name(path) for path in paths))
    missing = [path for path in paths if not path.exists()]
    matches = match_masks(names, files, args.mask_names).without({tile_name(path) for path in missing})
    for sentence in on_masks(matches):
        print(f"Note: {sentence}", file=sys.stderr)
    if not matches.found:
        raise no_match(names, args.masks, matches)
    return (
        [path for path in paths if tile_name(path) in matches.found or path in missing],
        {path: matches.found[tile_name(path)].mask for path in paths if tile_name(path) in matches.found},
    )


def _truth(mask_path: Path, image: Rgb8, to_index: Mapping[str, int], answers: Answers) -> ClassIds:
    mask = read_mask_values(mask_path, answers)
    if mask.values.shape != image.shape[:2]:
        raise MaskError(
            f"mask {mask_path} is {mask.values.shape[1]} x {mask.values.shape[0]} px",
            f"the size of its image, {image.shape[1]} x {image.shape[0]} px",
            "export the mask again at the image's full resolution",
        )
    truth: ClassIds = mask.mapped(to_index)
    return truth


def _mask_values(text: str, classes: Sequence[TissueClass]) -> dict[str, int]:
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
