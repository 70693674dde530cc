"""What files leave open, asked once for all of them: an option to add, never a prompt."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from training_core.base.errors import ConfigError, ImageError, UserError
from training_core.base.printable import printable
from training_core.io.inspection import Answers, FileFacts, Use
from training_core.project.inputs.asking import Asked, inspected, open_in
from training_core.project.sources import FOLDER, HIDDEN, NO_ENDING

RUN_MPP = "run"
"""The word for the run's own pixel size."""


def refuse_open_questions(paths: Iterable[Path], use: Use, answers: Answers) -> dict[Path, FileFacts]:
    """Look at files before anything is done with them; the facts of those that can be read at all.

    Raises
    ------
    ConfigError
        A question is open; says which option answers it, with its choices.
    """
    facts = {path: inspected(path, use, answers) for path in paths}
    asked = open_in(facts, use, answers)
    if asked:
        raise questions(asked)
    return {path: each for path, each in facts.items() if not isinstance(each, UserError)}


def questions(asked: Sequence[Asked]) -> ConfigError:
    """One error for all questions; each is asked once, whatever the number of files."""
    sentences, options, example = [], [], []
    for each in asked:
        others = len(each.files) - 1
        count = f" (and {others} more {'file' if others == 1 else 'files'})" if others else ""
        sentences.append(f"{each.files[0].name} {each.raised.reason}{count}")
        option = each.raised.question.option
        choices = " or ".join(choice.in_terminal for choice in each.raised.choices)
        options.append(f"{option} {choices}")
        example.append(f"{option} {each.raised.choices[0].name}")
    return ConfigError("; ".join(sentences), "; ".join(options), f"add {' '.join(dict.fromkeys(example))}, or another")


def pixel_size(text: str) -> float | str:
    """What --mpp and --missing-mpp may be: a number, or "run" for the run's own pixel size.

    Raises
    ------
    ArgumentTypeError
        Neither of the two.
    """
    if text == RUN_MPP:
        return text
    try:
        return float(text)
    except ValueError as cause:
        raise argparse.ArgumentTypeError(f'"{text}" is neither a number nor {RUN_MPP}') from cause


def without_scale(
    facts: Mapping[Path, FileFacts], run_mpp: float | None, given_um: float | None
) -> dict[Path, ImageError]:
    """The files without a usable pixel size, where the run needs one; say which stated ones are not used.

    Raises
    ------
    ConfigError
        No file has one: asks for it.
    """
    stated = {path: each.pixel_size.usable_um if each.pixel_size else None for path, each in facts.items()}
    without = [path for path, mpp_um in stated.items() if mpp_um is None]
    if run_mpp is not None and given_um is None and len(without) == len(facts) > 0:
        given = f"{_images(len(facts))} no usable pixel size, such as {without[0].name}"
        needed = f"their pixel size in µm/px, since the run works at {run_mpp:.3g} µm/px"
        raise ConfigError(given, needed, "--mpp run, if they are like the tiles of the run, or a number")
    other = [path for path, mpp_um in stated.items() if mpp_um is not None and given_um is not None
             and abs(mpp_um / given_um - 1) > 0.02]  # fmt: skip
    if other:
        print(f"Note: {len(other)} images state another pixel size than --mpp {given_um:g}, which is used, such as "
              f"{printable(other[0].name)} ({stated[other[0]]:.4g} µm/px).", file=sys.stderr)  # fmt: skip
    if run_mpp is None and len(without) < len(facts):
        print("Note: the run does not know its pixel size: images are predicted pixel by pixel.", file=sys.stderr)
    if run_mpp is None or given_um is not None:
        return {}
    return {path: _no_scale(facts[path], run_mpp) for path in without}


def _images(count: int) -> str:
    return "1 image states" if count == 1 else f"{count} images state"


def _no_scale(facts: FileFacts, run_mpp: float) -> ImageError:
    stated = facts.pixel_size
    why = "it states no pixel size" if stated is None else stated.problem
    needed = f"its pixel size in µm/px, since the run works at {run_mpp:.3g} µm/px"
    return ImageError(
        f"{facts.path} cannot be scaled: {why}", needed, "give it alone, with --mpp run or --mpp and a number"
    )


def tell_left_out(left_out: Mapping[str, int]) -> None:
    """Say on standard error what of folders is not taken."""
    if left_out:
        print(f"Note: {left_out_in_words(left_out)}", file=sys.stderr)


def left_out_in_words(left_out: Mapping[str, int]) -> str:
    """How many files of which endings are not taken."""
    counts = ", ".join(_left_out(kind, count) for kind, count in sorted(left_out.items()))
    return f"Left out of the folders: {counts}."


def _left_out(kind: str, count: int) -> str:
    if kind == HIDDEN:
        return f"{count} hidden"
    if kind == FOLDER:
        return "1 folder" if count == 1 else f"{count} folders"
    return f"{count} without an ending" if kind == NO_ENDING else f"{count} {kind}"
