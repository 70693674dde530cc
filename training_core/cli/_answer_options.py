"""The options that answer the questions of files: one for each question, for all files of a command."""

from __future__ import annotations

import argparse

from training_core.io.inspection import UNASKED, Answers, Question, parse_answer

_HELP = {
    Question.ORIENTATION: ("as-shown|as-stored", "files with an orientation tag: as viewers show them, or as stored"),
    Question.PHOTOMETRIC: (
        "as-stated|black-is-zero",
        "masks that store white as 0: as shown, or as stored",
    ),
    Question.USED_BITS: ("BITS", "16-bit files whose camera uses fewer bits, such as 12"),
    Question.CHANNELS: (
        "LIST",
        "files of several channels: red, green and blue (1,2,3), or one (2)",
    ),
    Question.GREY_VALUES: ("as-stored|spread", "masks of 2 or 4 bits: ids, or shades of grey from 0 to 255"),
    Question.ALPHA: ("over-white|left-out", "a further channel of unknown meaning: transparency, or left out"),
    Question.PLANE: ("N", "files of several pages or slices: the number of the one to read, from 1"),
    Question.MASK_HOLDS: (
        "classes|numbered-objects",
        "masks of many values: classes, or objects of one class",
    ),
    Question.SOFT_EDGES: (
        "half|SHARE",
        "masks with soft edges: the share from which a pixel has the higher value",
    ),
}
_OF_MASKS = {Question.PHOTOMETRIC, Question.GREY_VALUES, Question.MASK_HOLDS, Question.SOFT_EDGES}
_OF_CONTENT = {Question.MASK_HOLDS, Question.SOFT_EDGES}


def add_answer_options(parser: argparse.ArgumentParser, *, masks: bool = True, content: bool = True) -> None:
    """Describe the options to argparse; those for masks only where the command takes any.

    Parameters
    ----------
    content
        Whether the command asks what the numbers of masks mean; not where a list of values says it.
    """
    group = parser.add_argument_group(
        "files that can be read in more than one way",
        "Needed only where the program asks. An answer applies to the files that raise its question, and to no others.",
    )
    for question, (choices, text) in _HELP.items():
        if (masks or question not in _OF_MASKS) and (content or question not in _OF_CONTENT):
            group.add_argument(question.option, metavar=choices, help=text, dest=f"answer_{question.value}")


def answers_of(args: argparse.Namespace) -> Answers:
    """What the options say.

    Raises
    ------
    ConfigError
        Not an answer to its question.
    """
    answers = UNASKED
    for question in _HELP:
        text = getattr(args, f"answer_{question.value}", None)
        if text is not None:
            answers = parse_answer(question, text).over(answers)
    return answers
