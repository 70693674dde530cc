"""Looks over the files of an import, in a thread: what they become, and what the answers of a question look like."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from napari_unisemalign.app.notify import in_a_sentence
from napari_unisemalign.tiles.new_project.import_questions_view import Option, QuestionRow
from napari_unisemalign.tiles.new_project.import_words import choice_words, question_words
from training_core.base.errors import MaskError
from training_core.base.i18n import ntr, tr
from training_core.base.printable import printable
from training_core.base.progress import ReportProgress
from training_core.io.inspection import Answers, Question, Use
from training_core.io.slides import states_resolution
from training_core.project.creation import file_sha256
from training_core.project.file_records import NO_ANSWERS, FileAnswers
from training_core.project.inputs.asking import Asked
from training_core.project.inputs.look_over import Given, look_over
from training_core.project.inputs.overview import Becomes, InputFile, Overview
from training_core.project.inputs.previews import preview

MASK_FILES, OWN_OUTPUTS = "mask files", "own outputs"
"""Keys of the questions what becomes of files that are no images."""


@dataclass(frozen=True)
class AskedRow:
    """A question in the form, with what each of its answers sets."""

    row: QuestionRow
    answers: tuple[FileAnswers, ...] = ()


@dataclass(frozen=True)
class Looked:
    """What was found.

    Attributes
    ----------
    masks_error
        Why the folder of masks is of no use; the images are looked over without it.
    unsized
        Slides that do not say how large a pixel is, which they must be told.
    """

    given: Given
    overview: Overview
    masks_error: MaskError | None = None
    unsized: tuple[Path, ...] = ()
    asked: Mapping[Hashable, AskedRow] = field(default_factory=dict)

    @property
    def masks_problem(self) -> str:
        """Why the masks are of no use; empty where they are, or where there are none."""
        if self.masks_error is not None:
            return in_a_sentence(self.masks_error)
        overview = self.overview
        if overview.matches is None or overview.matches.ambiguous:
            return ""
        if overview.matches.found:
            is_open = any(each.use is Use.MASK for each in overview.asked)
            return "" if overview.mask_values or is_open else tr("None of the masks can be used.")
        if self.given.masks is None and self.given.mask_files != "masks":
            return ""
        return tr("No mask has the name of an image.")


def look(given: Given, go_on: ReportProgress, known: Mapping[Hashable, AskedRow]) -> Looked:
    """Look over all headers and masks; questions that are `known` keep their rows.

    Raises
    ------
    ImageError
        A folder of images that is missing or without one.
    """
    masks_error = None
    try:
        overview = look_over(given, progress=go_on)
    except MaskError as error:
        masks_error = error
        overview = look_over(replace(given, masks=None), progress=go_on)
    unsized = [
        each.path
        for each in overview.of(Becomes.SLIDE)
        if each.mpp_um is None and not states_resolution(each.path, given.answers.image)
    ]
    return Looked(given, overview, masks_error, tuple(unsized), _rows(overview, given.answers, go_on, known))


def look_closer(looked: Looked, go_on: ReportProgress, tiles: Mapping[str, str]) -> Overview:
    """The overview after decoding every image, which finds damaged files and copies; slides are not cut for it.

    tiles: the tiles that a project has already, SHA-256 of the file to name.
    """
    before = looked.overview
    images = [file.path for file in before.of(Becomes.TILE)]
    if not images:
        return before
    given = replace(looked.given, images=images, masks=None, mask_files="images", own_outputs="images")
    closer = look_over(given, pixels=True, progress=go_on)
    known = {each.name for each in before.bad}
    bad = (*before.bad, *(each for each in closer.bad if each.name not in known))
    failed = {file.path for file in closer.of(Becomes.NOTHING)}
    files = tuple(replace(each, becomes=Becomes.NOTHING) if each.path in failed else each for each in before.files)
    copies = _copies([file for file in before.of(Becomes.TILE) if file.path not in failed], tiles, go_on)
    return replace(before, files=files, bad=bad, identical=(*closer.identical, *copies))


def _copies(files: Sequence[InputFile], tiles: Mapping[str, str], go_on: ReportProgress) -> Iterator[tuple[str, str]]:
    """The files under other names that are tiles of the project, each with its tile."""
    names = set(tiles.values())
    for number, file in enumerate(files if tiles else ()):
        go_on(number, len(files), file.name)
        tile = None if file.name in names else tiles.get(file_sha256(file.path))
        if tile is not None:
            yield file.name, tile


def _rows(
    overview: Overview, answers: FileAnswers, go_on: ReportProgress, known: Mapping[Hashable, AskedRow]
) -> dict[Hashable, AskedRow]:
    rows: dict[Hashable, AskedRow] = {}
    for becomes, what in ((Becomes.MASK, MASK_FILES), (Becomes.OWN_OUTPUT, OWN_OUTPUTS)):
        files = [each for each in overview.unclear if each.becomes is becomes]
        if files:
            rows[what] = _about_files(what, [each.path for each in files], len(overview.files))
    together: dict[Hashable, list[Asked]] = {}
    for asked in overview.asked:
        # which way up is chosen for an image and its mask together
        is_shared = asked.raised.question is Question.ORIENTATION
        key: Hashable = asked.raised.question if is_shared else (asked.use, asked.raised.question)
        together.setdefault(key, []).append(asked)
    for number, (each, several) in enumerate(together.items()):
        go_on(number, len(together), several[0].files[0].name)
        rows[each] = known[each] if each in known else _about_reading(each, several, answers)
    return rows


def _about_files(key: str, files: Sequence[Path], total: int) -> AskedRow:
    names = ", ".join(printable(path.name) for path in files[:3]) + (", …" if len(files) > 3 else "")
    tip = "\n".join(printable(path.name) for path in files[:30])
    if key == MASK_FILES:
        words = ntr(
            "{count} of {total} files looks like a mask ({names}). What is it?",
            "{count} of {total} files look like masks ({names}). What are they?",
            len(files),
        )
        options = [tr("Masks of the other images"), tr("Images"), tr("Neither (left out)")]
    else:
        words = ntr(
            "{count} of {total} files was written by this program ({names}). What becomes of it?",
            "{count} of {total} files were written by this program ({names}). What becomes of them?",
            len(files),
        )
        options = [tr("Leave them out"), tr("Use them as images")]
    sentence = words.format(count=len(files), total=total, names=names)
    return AskedRow(QuestionRow(key, sentence, tuple(Option(each) for each in options), tip))


def _about_reading(key: Hashable, several: Sequence[Asked], answers: FileAnswers) -> AskedRow:
    first = several[0]
    raised, question = first.raised, first.raised.question
    before = answers.mask if first.use is Use.MASK else answers.image
    options = tuple(
        Option(
            choice_words(question, choice),
            preview(first.files[0], first.use, choice.answers.over(before), question),
        )
        for choice in raised.choices
    )
    files = [path for each in several for path in each.files]
    tip = printable(f"{first.files[0].name} {raised.reason}.")
    row = QuestionRow(key, question_words(question, files), options, tip)
    uses = {each.use for each in several} | ({Use.IMAGE, Use.MASK} if question is Question.ORIENTATION else set())
    return AskedRow(row, tuple(_for(choice.answers, uses) for choice in raised.choices))


def _for(answers: Answers, uses: set[Use]) -> FileAnswers:
    return FileAnswers(
        answers if Use.IMAGE in uses else NO_ANSWERS.image, answers if Use.MASK in uses else NO_ANSWERS.mask
    )


def mask_files_answer(number: int) -> Literal["masks", "images", "leave-out"]:
    """What the answers about files that look like masks mean."""
    options: tuple[Literal["masks", "images", "leave-out"], ...] = ("masks", "images", "leave-out")
    return options[number]


def own_outputs_answer(number: int) -> Literal["images", "leave-out"]:
    """What the answers about our own outputs mean."""
    return "images" if number else "leave-out"
