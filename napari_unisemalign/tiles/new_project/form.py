"""Checks the form for a new project while it is filled in: files are read in a thread, and every field has its word."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from pathlib import Path

from qtpy.QtCore import QTimer

from napari_unisemalign.app.background import Cancelled
from napari_unisemalign.app.dialogs import NewProject
from napari_unisemalign.app.latest import Latest
from napari_unisemalign.tiles.new_project.form_view import NewProjectDialog, Note
from napari_unisemalign.tiles.new_project.import_look import (
    MASK_FILES,
    OWN_OUTPUTS,
    AskedRow,
    Looked,
    look,
    look_closer,
    mask_files_answer,
    own_outputs_answer,
)
from napari_unisemalign.tiles.new_project.import_words import images_sentence, in_a_sentence, overview_lines
from training_core.base.errors import UserError
from training_core.base.i18n import ntr, tr
from training_core.base.progress import ReportProgress
from training_core.io.pixel_size import CREDIBLE_MPP_UM
from training_core.project import TissueClass, make_classes
from training_core.project.classes import classes_of_values, propose_mask_values
from training_core.project.file_records import NO_ANSWERS, FileAnswers
from training_core.project.inputs.look_over import Given
from training_core.project.inputs.overview import Becomes, Overview

TYPING_MS = 300
"""So long nothing may be typed before files are looked at."""


class NewProjectForm:
    """The logic of one `NewProjectDialog`."""

    def __init__(self, dialog: NewProjectDialog, images: Sequence[Path] = ()) -> None:
        self.dialog = dialog
        self._looked: Looked | None = None
        self._asked: dict[Hashable, AskedRow] = {}
        self._chosen: dict[Hashable, int] = {}
        self._pattern: str | None = None
        self._number = 0
        self._look = Latest(dialog, self._refuse)
        self._look_closer = Latest(dialog, self._refuse_closer)
        self._timer = QTimer(dialog)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._ask)
        dialog.images_changed.connect(self._on_images)
        dialog.masks_changed.connect(self._on_masks)
        dialog.changed.connect(self.refresh)
        dialog.questions.answered.connect(self._on_answer)
        dialog.overview.pattern_taken.connect(self._take_pattern)
        dialog.finished.connect(self._close)
        if images:
            dialog.set_images(images)
        self.refresh()

    @property
    def is_settled(self) -> bool:
        """Whether all that is filled in has been looked at."""
        return not self._timer.isActive() and not self._look.busy

    @property
    def is_complete(self) -> bool:
        """Whether every image has been decoded too."""
        return self.is_settled and not self._look_closer.busy

    def value(self) -> NewProject:
        """What was filled in; only where the form says that it is ready.

        Raises
        ------
        UserError: it is not.
        """
        dialog, folder, looked = self.dialog, self.dialog.folder(), self._looked
        assert folder is not None
        assert looked is not None
        classes, values = self._classes()
        mpp_um = self._mpp_um()
        taken = (Becomes.TILE, Becomes.SLIDE, Becomes.NOTHING)  # bad files are tried and named with the others
        images = tuple(file.path for file in looked.overview.files if file.becomes in taken)
        masks = looked.overview.matches if self._with_masks else None
        return NewProject(
            images,
            folder,
            classes,
            masks,
            values if masks is not None else None,
            mpp_um,
            dialog.slide_options(mpp_um),
            self._answers(),
        )

    def refresh(self) -> None:
        """Say what is missing or wrong, field by field."""
        dialog, looked = self.dialog, self._looked
        is_bad_masks = looked is not None and bool(looked.masks_problem)
        reasons = [
            "" if looked is not None and looked.overview.images else tr("Choose images that can be read."),
            self._open_question(),
            tr("Choose other masks, or none.") if is_bad_masks else "",
            self._check(dialog.classes_note, self._classes),
            self._check(dialog.mpp_note, self._mpp_um),
            self._check(dialog.folder_note, self._folder),
        ]
        if not self.is_settled:
            reasons.insert(0, tr("The files are still being looked at."))
        self._show_lines()
        dialog.set_ready(next(filter(None, reasons), ""))

    def _check(self, note: Note, ask: Callable[[], object]) -> str:
        """Ask a field for its value; what is wrong with it stands below it, and is returned."""
        try:
            ask()
        except UserError as error:
            words = in_a_sentence(error)
            note.say(words, is_error=True)
            return words
        note.say("")
        return ""

    @property
    def _with_masks(self) -> bool:
        """Whether values of masks name the classes."""
        return self._looked is not None and bool(self._looked.overview.mask_values)

    def _classes(self) -> tuple[tuple[TissueClass, ...], dict[str, int]]:
        if self._with_masks:
            return classes_of_values(self.dialog.values_table.values())
        return make_classes(self.dialog.class_names()), {}

    def _answers(self) -> FileAnswers:
        """How files are read, as far as it was answered."""
        answers = NO_ANSWERS
        for key, number in self._chosen.items():
            row = self._asked.get(key)
            if row is not None and row.answers:
                answers = answers.over(row.answers[number])
        return answers

    def _open_question(self) -> str:
        """The first question that waits for an answer."""
        for key, each in self._asked.items():
            if key not in self._chosen:
                return tr("Answer first: {question}").format(question=each.row.words)
        return ""

    def _mpp_um(self) -> float | None:
        text = self.dialog.mpp_edit.text().strip().replace(",", ".")
        unsized = self._looked.unsized if self._looked is not None else ()
        if not text and unsized:
            raise UserError(
                tr("The slide {slide} has no pixel size (MPP) in its metadata").format(slide=unsized[0].name),
                tr("its µm per pixel"),
                tr("type it here: usually 0.25 for a 40x scan and 0.5 for 20x"),
            )
        if not text:
            return None
        low, high = CREDIBLE_MPP_UM
        try:
            mpp_um = float(text)
        except ValueError:
            mpp_um = 0.0
        if not low <= mpp_um <= high:
            needed = tr("a number from {low} to {high}").format(low=low, high=high)
            raise UserError(
                tr("The pixel size is “{text}”").format(text=text),
                needed,
                tr("type a number such as 0.5 (20x) or 0.25 (40x), or leave it empty"),
            )
        return mpp_um

    def _folder(self) -> Path:
        folder = self.dialog.folder()
        if folder is None:
            raise UserError(tr("No project folder is named"), tr("a new or empty folder"), tr("name one"))
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            given = tr("{folder} is there already and is not empty").format(folder=folder)
            raise UserError(given, tr("a new or empty folder"), tr("choose another name, or open that project"))
        return folder

    # --- files -------------------------------------------------------------------------------------------------------

    def _on_images(self) -> None:
        self._asked, self._chosen = {}, {}
        self.dialog.images_note.say("")
        self._on_masks()

    def _on_masks(self) -> None:
        self._pattern, self._looked = None, None
        self.dialog.masks_note.say("")
        self.dialog.show_masks(False)
        self._wait()

    def _wait(self) -> None:
        """Look at the files once nothing more is typed; what is looked at meanwhile is outdated."""
        self._number += 1
        self._look_closer.drop()
        self._timer.start(TYPING_MS)
        self.dialog.questions.set_rows([each.row for each in self._asked.values()])
        self.refresh()

    def _on_answer(self, key: Hashable, number: int) -> None:
        self._chosen[key] = number
        self._again()

    def _take_pattern(self) -> None:
        matches = self._looked.overview.matches if self._looked is not None else None
        if matches is not None and matches.pattern is not None:
            self._pattern = matches.pattern[0]
            self._again()

    def _again(self) -> None:
        """Look once more with what was answered."""
        self._number += 1
        self._look_closer.drop()
        self._ask()

    def _ask(self) -> None:
        images = self.dialog.images()
        if images:
            chosen = self._chosen
            given = Given(
                images,
                self.dialog.masks(),
                self._pattern,
                answers=self._answers(),
                mask_files=mask_files_answer(chosen[MASK_FILES]) if MASK_FILES in chosen else None,
                own_outputs=own_outputs_answer(chosen[OWN_OUTPUTS]) if OWN_OUTPUTS in chosen else None,
            )
            if given.masks is not None:
                self.dialog.masks_note.say(tr("Looking at the masks …"))
            go_on, known = self._going_on(), dict(self._asked)
            self._look.ask(lambda: look(given, go_on, known), self._show)
        else:
            self._look.drop()
        self.refresh()

    def _show(self, looked: Looked) -> None:
        self._looked = looked
        # A question that was answered stays, so that the answer can be seen and changed.
        answered = {key: each for key, each in self._asked.items() if key in self._chosen}
        self._asked = answered | {key: each for key, each in looked.asked.items() if key not in answered}
        rows = [replace(each.row, chosen=self._chosen.get(key)) for key, each in self._asked.items()]
        self._show_images(looked)
        self._show_masks(looked)
        self.dialog.show_questions(rows)
        self.refresh()
        if not self._open_question():
            go_on = self._going_on()
            self._look_closer.ask(lambda: look_closer(looked, go_on), self._show_closer)

    def _show_closer(self, overview: Overview) -> None:
        if self._looked is not None:
            self._looked = replace(self._looked, overview=overview)
            self.refresh()

    def _show_images(self, looked: Looked) -> None:
        words = images_sentence(looked.overview)
        if words:
            self.dialog.images_note.say(words)
        elif looked.overview.bad:
            self.dialog.images_note.say(in_a_sentence(looked.overview.bad[0].error), is_error=True)
        else:
            self.dialog.images_note.say(tr("None of the files is taken for an image."), is_error=True)
        self.dialog.show_slides(bool(looked.overview.of(Becomes.SLIDE)))

    def _show_masks(self, looked: Looked) -> None:
        problem, overview = looked.masks_problem, looked.overview
        if problem:
            self.dialog.masks_note.say(problem, is_error=True)
        elif overview.matches is not None:
            count = len(overview.matches.found)
            words = ntr("{count} image has a mask.", "{count} images have a mask.", count).format(count=f"{count:,}")
            meaning = " " + tr("Name what the values mean:") if overview.mask_values else ""
            self.dialog.masks_note.say(words + meaning)
        else:
            self.dialog.masks_note.say("")
        if overview.mask_values:
            proposed = propose_mask_values(overview.mask_values, self.dialog.class_names())
            if [each.range for each in proposed] != [each.range for each in self.dialog.values_table.values()]:
                self.dialog.values_table.set_values(proposed)  # else the names that were typed stay
        self.dialog.show_masks(bool(overview.mask_values))

    def _show_lines(self) -> None:
        overview = self._looked.overview if self._looked is not None else None
        pattern = overview.matches.pattern if overview is not None and overview.matches is not None else None
        self.dialog.overview.offer_pattern(*(pattern or ("", 0)))
        lines = () if overview is None else tuple(overview_lines(overview))
        self.dialog.show_overview(lines)

    def _refuse(self, error: UserError) -> None:
        self._looked = None
        self.dialog.masks_note.say("")
        self.dialog.images_note.say(in_a_sentence(error), is_error=True)
        self.refresh()

    def _refuse_closer(self, error: UserError) -> None:
        self.dialog.images_note.say(in_a_sentence(error), is_error=True)
        self.refresh()

    def _going_on(self) -> ReportProgress:
        """To be called in the thread before every file: what is outdated ends there."""
        number = self._number

        def go_on(_done: int, _total: int, _text: str) -> None:
            if number != self._number:
                raise Cancelled

        return go_on

    def _close(self, _result: int) -> None:
        self._number += 1
