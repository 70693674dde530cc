"""From a file to its facts and stored numbers, with every question about it answered: what all readers begin with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from training_core.io.facts import FileFacts, Use
from training_core.io.files import OPENSLIDE_KINDS, FileKind, decoding, file_kind, type_of_error
from training_core.io.formats import bmp, jpeg, jpeg2000, ome_zarr_file, openslide_file, png, tiff, webp
from training_core.io.formats.stored import Stored
from training_core.io.inspection.answers import UNASKED, Answers
from training_core.io.inspection.questions import Question, open_questions, question_error
from training_core.io.inspection.rules import error_of, look, raised_questions, refuse

_FACTS: dict[FileKind, Callable[[Path, type_of_error], FileFacts]] = {
    FileKind.PNG: png.facts,
    FileKind.JPEG: jpeg.facts,
    FileKind.BMP: bmp.facts,
    FileKind.WEBP: webp.facts,
    FileKind.JPEG2000: jpeg2000.facts,
}
_STORED: dict[FileKind, Callable[[Path, FileFacts, type_of_error], Stored]] = {
    FileKind.PNG: png.stored,
    FileKind.JPEG: jpeg.stored,
    FileKind.BMP: bmp.stored,
    FileKind.JPEG2000: jpeg2000.stored,
}
_CONTENT = {Question.MASK_HOLDS, Question.SOFT_EDGES}


def header_facts(path: Path, use: Use = Use.IMAGE, plane: int | None = None) -> FileFacts:
    """What a file says of itself, without a look at its pixels.

    Raises
    ------
    ImageError, MaskError
        Missing, empty, damaged, or no picture; `use` says which of the two.
    """
    error = error_of(use)
    kind = file_kind(path, error)
    with decoding(path, kind, error):
        if kind is FileKind.TIFF:
            return _of_tiff(tiff.facts(path, error, plane), use)
        if kind in OPENSLIDE_KINDS:
            return openslide_file.facts(path, kind)
        if kind is FileKind.OME_ZARR:
            return ome_zarr_file.facts(path, plane)
        return _FACTS[kind](path, error)


def _of_tiff(facts: FileFacts, use: Use) -> FileFacts:
    """The facts of a TIFF; what its reader refuses may be a slide for OpenSlide."""
    if facts.problem is None or use is Use.MASK or not openslide_file.is_read(facts.path):
        return facts
    return openslide_file.facts(facts.path, FileKind.MAKER_TIFF)


def load(path: Path, use: Use, answers: Answers = UNASKED, *, content: bool = True) -> tuple[FileFacts, Stored]:
    """A picture's facts and stored numbers.

    Parameters
    ----------
    content
        Whether to look at what the numbers of a mask mean; not for those that this program wrote itself. Questions
        about it are left to the reader, since the list of classes may answer them.

    Raises
    ------
    ImageError, MaskError
        What `header_facts` raises, sizes and colour models that are not read, and unanswered questions.
    """
    facts = header_facts(path, use, answers.plane)
    refuse_or_ask(facts, use, answers)
    stored = stored_samples(facts, error_of(use), answers.plane)
    if use is Use.IMAGE or content or facts.channels > 1:
        facts = look(facts, stored, use)
    ask(facts, use, answers)
    return facts, stored


def refuse_or_ask(facts: FileFacts, use: Use, answers: Answers) -> None:
    """Refuse what no reader takes; where a file holds several pictures, ask first which one is meant.

    Raises
    ------
    ImageError, MaskError
        As `refuse`, or an unanswered question.
    """
    if facts.planes > 1 and answers.plane is None:
        refuse(facts, use, whole=False)
        ask(facts, use, answers)
    refuse(facts, use)


def stored_samples(facts: FileFacts, error: type_of_error, plane: int | None = None) -> Stored:
    """The numbers of a file whose facts are known.

    Raises
    ------
    ImageError, MaskError
        Damaged or cut short; `error` says which of the two.
    """
    with decoding(facts.path, facts.kind, error):
        if facts.kind is FileKind.TIFF:
            return tiff.stored(facts.path, facts, error, plane)
        if facts.kind is FileKind.WEBP:
            return webp.stored(facts.path, facts, error, (plane or 1) - 1 if facts.planes > 1 else 0)
        if facts.kind in OPENSLIDE_KINDS:
            return openslide_file.stored(facts)
        if facts.kind is FileKind.OME_ZARR:
            return ome_zarr_file.stored(facts, plane)
        return _STORED[facts.kind](facts.path, facts, error)


def ask(facts: FileFacts, use: Use, answers: Answers, *, content: bool = False) -> None:
    """Raise the questions that `answers` leaves open; those about the content of a mask with `content` only.

    Raises
    ------
    ImageQuestionError, MaskQuestionError
        Carries them.
    """
    raised = raised_questions(facts, use)
    open_ones = [each for each in open_questions(raised, answers) if content or each.question not in _CONTENT]
    if open_ones:
        raise question_error(facts.path, open_ones, error_of(use))
