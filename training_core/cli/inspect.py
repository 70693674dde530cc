"""`inspect`: what picture files are, before anything is made of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training_core.base.addresses import path_or_address
from training_core.base.errors import EXIT_PARTLY, EXIT_USER_ERROR, UserError
from training_core.cli._answer_options import add_answer_options, answers_of
from training_core.cli._arguments import write_json
from training_core.io.facts import FileFacts, Use
from training_core.io.files import IMAGE_SUFFIXES
from training_core.io.inspection import Answers, RaisedQuestion, open_questions, raised_questions
from training_core.io.inspection.inspecting import inspect_file, problem_of
from training_core.io.resolution import usable_mpp_um
from training_core.io.slide_parts import without_parts
from training_core.io.slides import SLIDE_SUFFIXES
from training_core.io.zarr_folders import is_zarr_folder


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "inspect",
        help="show what image files are and what they leave open",
        description="Shows the kind, size, depth, channels, pixel size and orientation of images, slides and masks, "
        "and the questions that have to be answered before they are read. Nothing is written or changed.",
        epilog="""\
examples:
  python -m training_core inspect scans/*.tif
  python -m training_core inspect masks --as mask --json -""",
    )
    parser.add_argument(
        "files",
        type=path_or_address,
        nargs="+",
        metavar="FILE",
        help="files, folders of files, or addresses of OME-Zarr images",
    )
    parser.add_argument(
        "--as",
        choices=[use.value for use in Use],
        default="image",
        dest="use",
        help="what they are taken for (default: image)",
    )
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON (- for standard output)")
    add_answer_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Inspect; returns the exit code."""
    use, answers = Use(args.use), answers_of(args)
    inspected = [_inspect(path, use, answers) for path in _files(args.files)]
    if args.json:
        write_json({"as": use.value, "files": [_as_json(each) for each in inspected]}, args.json)
    if args.json != "-":
        _print_table(inspected)
    bad = sum(each.problem is not None for each in inspected)
    if bad == len(inspected):
        return EXIT_USER_ERROR
    return EXIT_PARTLY if bad else 0


@dataclass(frozen=True)
class _Inspected:
    path: Path
    facts: FileFacts | None = None
    questions: tuple[RaisedQuestion, ...] = ()
    problem: str | None = None


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir() and not is_zarr_folder(path):
            inside = sorted(
                each
                for each in path.iterdir()
                if each.suffix.lower() in IMAGE_SUFFIXES | SLIDE_SUFFIXES or is_zarr_folder(each)
            )
            found.extend(without_parts(inside) or [path])
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _inspect(path: Path, use: Use, answers: Answers) -> _Inspected:
    try:
        facts = inspect_file(path, use, answers)
    except UserError as error:
        return _Inspected(path, problem=error.in_terminal)
    questions = open_questions(raised_questions(facts, use), answers)
    return _Inspected(path, facts, questions, problem_of(facts, use))


def _as_json(inspected: _Inspected) -> dict[str, Any]:
    facts = inspected.facts
    result: dict[str, Any] = {"path": str(inspected.path)} if facts is None else facts.to_json()
    if facts is not None:
        result["usable_pixel_size_um"] = usable_mpp_um(facts)
    return result | {
        "problem": inspected.problem,
        "questions": [_question_as_json(each) for each in inspected.questions],
    }


def _question_as_json(raised: RaisedQuestion) -> dict[str, Any]:
    return {
        "question": raised.question.value,
        "option": raised.question.option,
        "sentence": raised.sentence,
        "choices": {each.name: each.meaning for each in raised.choices},
    }


def _print_table(inspected: Sequence[_Inspected]) -> None:
    header = ("file", "kind", "size", "pixels", "pixel size", "compression")
    rows = [(str(each.path), *(_cells(each.facts) if each.facts else ("-",) * 5)) for each in inspected]
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    _print_row(header, widths)
    for row, each in zip(rows, inspected, strict=True):
        _print_row(row, widths)
        for line in _remarks(each):
            print(f"    {line}")


def _print_row(row: Sequence[str], widths: Sequence[int]) -> None:
    print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cells(facts: FileFacts) -> tuple[str, str, str, str, str]:
    levels = f", {len(facts.levels)} levels" if len(facts.levels) > 1 else ""
    planes = f", {facts.planes} images" if facts.planes > 1 else ""
    depth = f"{facts.bits} bit" + ("" if facts.sample_type == "uint" else f" {facts.sample_type}")
    size = facts.pixel_size
    um = "-" if size is None else f"{size.x_um:.4g} µm ({size.stated_in})"
    if size is not None and not size.is_square:
        um = f"{size.x_um:.4g} x {size.y_um:.4g} µm ({size.stated_in})"
    names = ", ".join(facts.channel_names) or facts.photometric.value
    return (
        facts.kind.value,
        f"{facts.width_px} x {facts.height_px}{levels}{planes}",
        f"{depth}: {names}",
        um,
        facts.compression,
    )


def _remarks(inspected: _Inspected) -> Iterator[str]:
    facts = inspected.facts
    if facts is not None:
        yield from facts.notes
        if facts.pixel_size is not None and facts.pixel_size.problem is not None:
            yield f"Its pixel size is not used: {facts.pixel_size.problem}."
    if inspected.problem is not None:
        yield f"not read: {inspected.problem}"
    for raised in inspected.questions:
        yield f"{raised.sentence} Choose:"
        yield from (f"  {raised.question.option} {each.name}: {each.meaning}" for each in raised.choices)
