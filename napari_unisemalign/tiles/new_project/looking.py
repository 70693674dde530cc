"""Looks at the files of a form while it is filled in: when nothing more is typed, and again with every answer."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Protocol

from qtpy.QtCore import QObject, QTimer

from napari_unisemalign.app.background import Cancelled
from napari_unisemalign.app.latest import Latest
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
from napari_unisemalign.tiles.new_project.import_questions_view import QuestionRow
from training_core.base.errors import UserError
from training_core.base.i18n import tr
from training_core.base.progress import ReportProgress
from training_core.project.file_records import NO_ANSWERS, FileAnswers
from training_core.project.inputs.look_over import Given
from training_core.project.inputs.overview import Overview

TYPING_MS = 300
"""So long nothing may be typed before files are looked at."""


class Form(Protocol):
    """What is filled in, and who hears what was found."""

    tiles_there: Mapping[str, str]
    """The tiles of the project that gets the files: SHA-256 of the file to name."""

    def given(self, answers: FileAnswers) -> Given | None:
        """The files that are named, to be read like this; None: no images are."""

    def on_looked(self) -> None:
        """All headers and masks were read: see `Looking.looked`."""

    def on_refused(self, error: UserError) -> None:
        """The files cannot be looked at."""

    def refresh(self) -> None:
        """Something else became known."""


class Looking:
    """What is known of the files that a form names."""

    def __init__(self, parent: QObject, form: Form) -> None:
        self._form = form
        self.looked: Looked | None = None
        self._asked: dict[Hashable, AskedRow] = {}
        self._chosen: dict[Hashable, int] = {}
        self._pattern: str | None = None
        self._number = 0
        self._look = Latest(parent, self._refuse)
        self._closer = Latest(parent, form.on_refused)
        self._timer = QTimer(parent)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._ask)

    @property
    def is_settled(self) -> bool:
        """Whether all that is filled in has been looked at."""
        return not self._timer.isActive() and not self._look.busy

    @property
    def is_complete(self) -> bool:
        """Whether every image has been decoded too."""
        return self.is_settled and not self._closer.busy

    @property
    def answers(self) -> FileAnswers:
        """How files are read, as far as it was answered."""
        answers = NO_ANSWERS
        for key, number in self._chosen.items():
            row = self._asked.get(key)
            if row is not None and row.answers:
                answers = answers.over(row.answers[number])
        return answers

    @property
    def open_question(self) -> str:
        """The first question that waits for an answer."""
        for key, each in self._asked.items():
            if key not in self._chosen:
                return tr("Answer first: {question}").format(question=each.row.words)
        return ""

    def rows(self) -> list[QuestionRow]:
        """Every question, with the answer where there is one."""
        return [replace(each.row, chosen=self._chosen.get(key)) for key, each in self._asked.items()]

    def forget(self, *, answers: bool) -> None:
        """Other files are named: look at them once nothing more is typed.

        answers: those of the questions count no longer either.
        """
        if answers:
            self._asked, self._chosen = {}, {}
        self._pattern, self.looked = None, None
        self._outdate()
        self._timer.start(TYPING_MS)
        self._form.refresh()

    def answer(self, key: Hashable, number: int) -> None:
        """A question was answered."""
        self._chosen[key] = number
        self.again()

    def take_pattern(self) -> None:
        """Match the masks by the pattern that is offered."""
        matches = self.looked.overview.matches if self.looked is not None else None
        if matches is not None and matches.pattern is not None:
            self._pattern = matches.pattern[0]
            self.again()

    def again(self) -> None:
        """Look once more, with what is known now."""
        self._outdate()
        self._ask()

    def close(self) -> None:
        """Nothing is waited for any more."""
        self._number += 1

    def _outdate(self) -> None:
        self._number += 1
        self._closer.drop()

    def _ask(self) -> None:
        given = self._form.given(self.answers)
        if given is None:
            self._look.drop()
        else:
            chosen = self._chosen
            whole = replace(
                given,
                mask_names=self._pattern,
                mask_files=mask_files_answer(chosen[MASK_FILES]) if MASK_FILES in chosen else None,
                own_outputs=own_outputs_answer(chosen[OWN_OUTPUTS]) if OWN_OUTPUTS in chosen else None,
            )
            go_on, known = self._going_on(), dict(self._asked)
            self._look.ask(lambda: look(whole, go_on, known), self._found)
        self._form.refresh()

    def _found(self, looked: Looked) -> None:
        self.looked = looked
        # A question that was answered stays, so that the answer can be seen and changed.
        answered = {key: each for key, each in self._asked.items() if key in self._chosen}
        self._asked = answered | {key: each for key, each in looked.asked.items() if key not in answered}
        self._form.on_looked()
        if not self.open_question:
            go_on, tiles = self._going_on(), self._form.tiles_there
            self._closer.ask(lambda: look_closer(looked, go_on, tiles), self._found_closer)

    def _found_closer(self, overview: Overview) -> None:
        if self.looked is not None:
            self.looked = replace(self.looked, overview=overview)
            self._form.refresh()

    def _refuse(self, error: UserError) -> None:
        self.looked = None
        self._form.on_refused(error)

    def _going_on(self) -> ReportProgress:
        """To be called in the thread before every file: what is outdated ends there."""
        number = self._number

        def go_on(_done: int, _total: int, _text: str) -> None:
            if number != self._number:
                raise Cancelled

        return go_on
