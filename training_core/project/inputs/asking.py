"""The open questions of many files, each asked once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from training_core.base.errors import MaskError, UserError
from training_core.base.progress import ReportProgress
from training_core.io import inspect_file, read_mask_values
from training_core.io.inspection import (
    UNASKED,
    Answers,
    FileFacts,
    MaskQuestionError,
    Question,
    RaisedQuestion,
    Use,
    open_questions,
)
from training_core.io.inspection.rules import raised_questions, refuse

Facts = FileFacts | UserError
"""What a file is, or why that cannot be told."""


@dataclass(frozen=True)
class Asked:
    """A question that some files raise, asked once for all of them.

    Attributes
    ----------
    raised
        The question with every choice that fits one of the files.
    use
        Whether the files are images or masks.
    """

    raised: RaisedQuestion
    use: Use
    files: tuple[Path, ...]


def inspected(path: Path, use: Use, answers: Answers = UNASKED) -> Facts:
    """What a file is, or the error that says why it cannot be used."""
    try:
        facts = inspect_file(path, use, answers)
        is_parted = use is Use.IMAGE and facts.in_parts
        refuse(facts, use, whole=not is_parted and facts.planes == 1)  # as `problem_of`, but the error itself
    except UserError as error:
        return error
    return facts


def raised_in(facts: Facts, use: Use) -> tuple[RaisedQuestion, ...]:
    """The questions of one file."""
    return () if isinstance(facts, UserError) else raised_questions(facts, use)


def open_in(several: Mapping[Path, Facts], use: Use, answers: Answers) -> tuple[Asked, ...]:
    """The open questions of these files."""
    asked: dict[Question, Asked] = {}
    for path, facts in several.items():
        _ask(asked, open_questions(raised_in(facts, use), answers), use, path)
    return tuple(asked.values())


@dataclass(frozen=True)
class ReadMasks:
    """Masks that were read to see what is in them.

    Attributes
    ----------
    values
        For each that could be read: value or colour to number of pixels.
    asked
        The open questions; values that have a class need no answer about what they are.
    bad
        What is wrong with the others.
    palettes
        The palette of each that has one.
    sizes
        Width and height of each that could be read.
    """

    values: Mapping[Path, Mapping[str, int]]
    asked: tuple[Asked, ...]
    bad: Mapping[Path, UserError]
    palettes: Mapping[Path, tuple[str, ...]]
    sizes: Mapping[Path, tuple[int, int]]


def read_masks(masks: Sequence[Path], answers: Answers, progress: ReportProgress | None = None) -> ReadMasks:
    """Read every mask; `answers.mask_values` holds the values that have a class, where that is known."""
    values: dict[Path, Mapping[str, int]] = {}
    bad: dict[Path, UserError] = {}
    palettes: dict[Path, tuple[str, ...]] = {}
    sizes: dict[Path, tuple[int, int]] = {}
    asked: dict[Question, Asked] = {}
    for number, path in enumerate(masks):
        if progress is not None:
            progress(number, len(masks), path.name)
        try:
            mask = read_mask_values(path, answers)
            values[path], sizes[path] = mask.counts(), mask.values.shape[::-1]
            palettes[path] = inspect_file(path, Use.MASK, answers).palette
        except MaskQuestionError as error:
            _ask(asked, error.raised, Use.MASK, path)
        except MaskError as error:
            bad[path] = error
    return ReadMasks(values, tuple(asked.values()), bad, palettes, sizes)


def _ask(asked: dict[Question, Asked], raised: Iterable[RaisedQuestion], use: Use, path: Path) -> None:
    for each in raised:
        before = asked.get(each.question)
        merged = each if before is None else _merged(before.raised, each)
        asked[each.question] = Asked(merged, use, (*(before.files if before else ()), path))


def _merged(one: RaisedQuestion, other: RaisedQuestion) -> RaisedQuestion:
    choices = {choice.name: choice for choice in (*one.choices, *other.choices)}
    return replace(one, choices=tuple(choices.values()))
