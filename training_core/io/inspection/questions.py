"""The questions that a file raises: what programs disagree about, and the answers to choose from.

A question is asked once for a whole import. In the window it is a choice with a small picture of each answer; in a
terminal it is an option, and an error that names the choices, never a prompt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from training_core.base.errors import ConfigError, ImageError, MaskError, UserError
from training_core.io.files import type_of_error
from training_core.io.inspection.answers import UNASKED, Answers


class Question(StrEnum):
    """What may have to be asked; each is the name of a field of `Answers`."""

    PHOTOMETRIC = "photometric"
    ORIENTATION = "orientation"
    USED_BITS = "used_bits"
    CHANNELS = "channels"
    GREY_VALUES = "grey_values"
    ALPHA = "alpha"
    PLANE = "plane"
    MASK_HOLDS = "mask_holds"
    SOFT_EDGES = "soft_edges"

    @property
    def option(self) -> str:
        """The terminal's option for its answer."""
        return f"--{self.value.replace('_', '-')}"


@dataclass(frozen=True)
class Choice:
    """One answer to choose: what to write for it in a terminal, what it means, and what it sets.

    Attributes
    ----------
    settles
        The question that it answers, where that is another one; its option is used in a terminal.
    """

    name: str
    meaning: str
    answers: Answers
    settles: Question | None = None

    @property
    def in_terminal(self) -> str:
        """Name and meaning, and the option where it is another question's."""
        other = "" if self.settles is None else f", with {self.settles.option} {self.name}"
        return f"{self.name} ({self.meaning}{other})"


def choice(name: str, meaning: str, **answer: Any) -> Choice:
    """A choice that gives one answer."""
    return Choice(name, meaning, Answers(**answer))


@dataclass(frozen=True)
class RaisedQuestion:
    """A question that a file raises, with the answers that fit this file.

    Attributes
    ----------
    reason
        What of the file raises it, as it follows its name: "has 4 channels".
    """

    question: Question
    reason: str
    choices: tuple[Choice, ...]

    @property
    def sentence(self) -> str:
        """The reason as a sentence."""
        return f"It {self.reason}."


class QuestionError(UserError):
    """A file that is read only after a question about it is answered.

    Attributes
    ----------
    path
        The file.
    raised
        Its open questions.
    """

    def __init__(self, path: Path, raised: Iterable[RaisedQuestion]) -> None:
        self.path, self.raised = path, tuple(raised)
        first = self.raised[0]
        choices = "; ".join(f"{each.name} ({each.meaning})" for each in first.choices)
        options = ", ".join(f"{each.question.option} {each.choices[0].name}" for each in self.raised)
        super().__init__(
            f"{path} {first.reason}",
            f"a choice how it is read: {choices}",
            "choose how such files are read",
            terminal=f"add {options}, or another of the choices",
        )


class ImageQuestionError(QuestionError, ImageError):
    """A `QuestionError` about an image."""


class MaskQuestionError(QuestionError, MaskError):
    """A `QuestionError` about a mask."""


def question_error(path: Path, raised: Iterable[RaisedQuestion], error: type_of_error) -> ImageError | MaskError:
    """The error for open questions, of the kind that the reader promises."""
    if issubclass(error, MaskError):
        return MaskQuestionError(path, raised)
    return ImageQuestionError(path, raised)


def open_questions(raised: Iterable[RaisedQuestion], answers: Answers) -> tuple[RaisedQuestion, ...]:
    """Those that `answers` leaves open; what a mask holds also settles whether its edges are soft."""
    return tuple(each for each in raised if not _is_answered(each.question, answers))


def _is_answered(question: Question, answers: Answers) -> bool:
    if question is Question.SOFT_EDGES and answers.mask_holds is not None:
        return True
    return getattr(answers, question.value) is not None


_WORDS: dict[Question, tuple[str, ...]] = {
    Question.PHOTOMETRIC: ("as_stated", "white_is_zero", "black_is_zero"),
    Question.ORIENTATION: ("as_stored", "as_shown"),
    Question.GREY_VALUES: ("as_stored", "spread"),
    Question.ALPHA: ("over_white", "left_out"),
    Question.MASK_HOLDS: ("classes", "numbered_objects"),
}


def parse_answer(question: Question, text: str) -> Answers:
    """The answer that a terminal's option gives: a named choice, or a number.

    Raises
    ------
    ConfigError
        Not an answer to this question.
    """
    wanted = text.strip().replace("-", "_")
    value: Any = None
    if question in _WORDS:
        value = wanted if wanted in _WORDS[question] else None
    elif question is Question.CHANNELS:
        value = _channels(wanted)
    elif question is Question.SOFT_EDGES:
        value = _share(wanted)
    elif wanted.isdecimal() and 1 <= int(wanted) <= (1_000_000 if question is Question.PLANE else 16):
        value = int(wanted)
    if value is None:
        raise ConfigError(f"{question.option} is {text}", _needed(question), "choose one of these")
    return replace(UNASKED, **{question.value: value})


def _channels(text: str) -> tuple[int, ...] | None:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (1, 3) or not all(part.isdecimal() and int(part) >= 1 for part in parts):
        return None
    return tuple(int(part) for part in parts)


def _share(text: str) -> float | None:
    try:
        share = 0.5 if text == "half" else float(text)
    except ValueError:
        return None
    return share if 0 < share < 1 else None


def _needed(question: Question) -> str:
    if question in _WORDS:
        return " or ".join(word.replace("_", "-") for word in _WORDS[question])
    return {
        Question.CHANNELS: "the numbers of red, green and blue, such as 1,2,3, or of one channel, such as 2",
        Question.SOFT_EDGES: "half, or a share between 0 and 1",
        Question.PLANE: "the number of a page or plane, counted from 1",
    }.get(question, "a number of bits from 1 to 16")
