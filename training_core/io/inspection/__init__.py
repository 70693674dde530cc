"""The one place that decides what a picture file is; every reader, command and dialog asks it. Torch-free."""

from training_core.io.facts import Alpha, Content, FileFacts, Photometric, PixelFacts, Problem, Use
from training_core.io.inspection.answers import UNASKED, Answers
from training_core.io.inspection.questions import (
    Choice,
    ImageQuestionError,
    MaskQuestionError,
    Question,
    QuestionError,
    RaisedQuestion,
    open_questions,
    parse_answer,
)
from training_core.io.inspection.rules import raised_questions

__all__ = [
    "UNASKED",
    "Alpha",
    "Answers",
    "Choice",
    "Content",
    "FileFacts",
    "ImageQuestionError",
    "MaskQuestionError",
    "Photometric",
    "PixelFacts",
    "Problem",
    "Question",
    "QuestionError",
    "RaisedQuestion",
    "Use",
    "open_questions",
    "parse_answer",
    "raised_questions",
]
