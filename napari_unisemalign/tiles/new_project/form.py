"""Checks the form for a new project, or for more images, while it is filled in: every field has its word."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from napari_unisemalign.app.dialogs import FilesToAdd, NewProject
from napari_unisemalign.app.notify import in_a_sentence
from napari_unisemalign.tiles.new_project.contracts import Field, NewProjectSurface
from napari_unisemalign.tiles.new_project.disk import disk_line
from napari_unisemalign.tiles.new_project.fields import new_folder
from napari_unisemalign.tiles.new_project.form_values import FormValues
from napari_unisemalign.tiles.new_project.import_look import Looked
from napari_unisemalign.tiles.new_project.import_words import (
    images_sentence,
    masks_sentence,
    overview_lines,
    sides_line,
    there_line,
)
from napari_unisemalign.tiles.new_project.looking import Looking
from napari_unisemalign.tiles.new_project.tissue import TissueLook, slides_to_cut
from napari_unisemalign.tiles.pixel_sizes import PixelSizes, SizesOfFiles
from training_core.base.errors import UserError
from training_core.base.i18n import tr
from training_core.project import Project
from training_core.project.file_records import FileAnswers
from training_core.project.inputs.look_over import Given
from training_core.project.inputs.overview import Becomes

_TAKEN = (Becomes.TILE, Becomes.SLIDE, Becomes.NOTHING)
"""Bad files are tried and named with the others."""


class NewProjectForm:
    """The logic of one form.

    project: the one that gets the images; None: they become a new one.
    """

    def __init__(self, dialog: NewProjectSurface, images: Sequence[Path] = (), project: Project | None = None) -> None:
        self.dialog = dialog
        self._project = project
        self._values = FormValues(dialog, project, lambda: self._looked)
        self.tiles_there: Mapping[str, str] = (
            {} if project is None else {tile.sha256: tile.name for tile in project.tiles}
        )
        if project is not None:
            dialog.offer_classes([each.name for each in project.classes])
        self._own_sizes: dict[str, float] = {}
        self._looking = Looking(dialog.owner, self)
        self.tissue = TissueLook(dialog.tissue, dialog.owner)
        dialog.images_changed.connect(self._on_images)
        dialog.masks_changed.connect(self._on_masks)
        dialog.changed.connect(self.refresh)
        dialog.sizes_clicked.connect(self._correct_sizes)
        dialog.answered.connect(self._looking.answer)
        dialog.pattern_taken.connect(self._looking.take_pattern)
        dialog.finished.connect(lambda _result: self._close())
        if images:
            dialog.set_images(images)
        self.refresh()

    @property
    def is_settled(self) -> bool:
        """Whether all that is filled in has been looked at."""
        return self._looking.is_settled

    @property
    def is_complete(self) -> bool:
        """Whether every image has been decoded too."""
        return self._looking.is_complete

    @property
    def _looked(self) -> Looked | None:
        return self._looking.looked

    def files(self) -> FilesToAdd:
        """What was filled in about files; only where the form says that it is ready.

        Raises
        ------
        UserError: it is not.
        """
        looked = self._looked
        assert looked is not None
        mpp_um, validation = self._values.mpp_um(), self._values.validation()
        return FilesToAdd(
            images=tuple(file.path for file in looked.overview.files if file.becomes in _TAKEN),
            masks=looked.overview.matches if self._values.with_masks else None,
            mask_values=self._values.classes()[1] if self._values.with_masks else None,
            mpp_um=mpp_um,
            slides=self.dialog.slide_options(mpp_um),
            answers=self._looking.answers,
            pixel_sizes=dict(self._own_sizes),
            val=validation.names,
            cases=validation.cases or {},
        )

    def value(self) -> NewProject:
        """What a new project is made of; only where the form says that it is ready.

        Raises
        ------
        UserError: it is not.
        """
        files = self.files()
        return NewProject(
            images=files.images,
            **files.options(),
            folder=new_folder(self.dialog.folder()),
            classes=self._values.classes()[0],
        )

    def refresh(self) -> None:
        """Say what is missing or wrong, field by field."""
        dialog, looked = self.dialog, self._looked
        is_bad_masks = looked is not None and bool(looked.masks_problem)
        reasons = [
            "" if looked is not None and looked.overview.images else tr("Choose images that can be read."),
            self._values.nothing_new(),
            self._looking.open_question,
            tr("Choose other masks, or none.") if is_bad_masks else "",
            self._check(Field.CLASSES, self._values.classes),
            self._check(Field.PIXEL_SIZE, self._values.mpp_um),
            self._check(Field.CASES, self._values.cases, lambda: self._values.validation_words()[0]),
            self._check(Field.VALIDATION, self._values.validation, lambda: self._values.validation_words()[1]),
            self._check(Field.FOLDER, self._values.folder),
        ]
        if not self.is_settled:
            reasons.insert(0, tr("The files are still being looked at."))
        self._show_lines()
        self._show_tissue()
        dialog.set_ready(next(filter(None, reasons), ""))

    def _close(self) -> None:
        self._looking.close()
        self.tissue.close()

    def _check(self, field: Field, ask: Callable[[], object], words: Callable[[], str] = lambda: "") -> str:
        """Ask a field for its value; what is wrong with it stands below it, and is returned."""
        try:
            ask()
        except UserError as error:
            said = in_a_sentence(error)
            self.dialog.say(field, said, is_error=True)
            return said
        self.dialog.say(field, words())
        return ""

    # --- files -------------------------------------------------------------------------------------------------------

    def _on_images(self) -> None:
        self._own_sizes = {}
        self.dialog.say(Field.IMAGES, "")
        self._forget(answers=True)

    def _on_masks(self) -> None:
        self._forget(answers=False)

    def _forget(self, *, answers: bool) -> None:
        self.dialog.say(Field.MASKS, "")
        self.dialog.show_masks(False)
        self._looking.forget(answers=answers)
        self.dialog.show_questions(self._looking.rows())

    def _correct_sizes(self) -> None:
        looked = self._looked
        if looked is None:
            return
        sizes = SizesOfFiles(looked.overview.files, self._own_sizes)
        self.dialog.ask_sizes(lambda view: PixelSizes(view, sizes))
        if sizes.own != self._own_sizes:
            self._own_sizes = sizes.own
            self._looking.again()

    def given(self, answers: FileAnswers) -> Given | None:
        """The files that are named, to be read like this; None: no images are."""
        images, masks = self.dialog.images(), self.dialog.masks()
        if not images:
            return None
        if masks is not None:
            self.dialog.say(Field.MASKS, tr("Looking at the masks …"))
        return Given(images, masks, answers=answers.over(self._values.kept), pixel_sizes=dict(self._own_sizes))

    def on_looked(self) -> None:
        """Show what was found."""
        looked = self._looked
        assert looked is not None
        self._show_images(looked)
        self._show_masks(looked)
        self.dialog.show_questions(self._looking.rows())
        self.refresh()

    def on_refused(self, error: UserError) -> None:
        """The files cannot be looked at, or not closer."""
        if self._looked is None:
            self.dialog.say(Field.MASKS, "")
        self.dialog.say(Field.IMAGES, in_a_sentence(error), is_error=True)
        self.refresh()

    def _show_images(self, looked: Looked) -> None:
        words = images_sentence(looked.overview)
        if words:
            self.dialog.say(Field.IMAGES, words)
        elif looked.overview.bad:
            self.dialog.say(Field.IMAGES, in_a_sentence(looked.overview.bad[0].error), is_error=True)
        else:
            self.dialog.say(Field.IMAGES, tr("None of the files is taken for an image."), is_error=True)
        self.dialog.show_slides(bool(looked.overview.of(Becomes.SLIDE)))

    def _show_masks(self, looked: Looked) -> None:
        overview = looked.overview
        self.dialog.say(
            Field.MASKS, looked.masks_problem or masks_sentence(overview), is_error=bool(looked.masks_problem)
        )
        if overview.mask_values:
            proposed = self._values.proposed(dict(overview.mask_values))
            if [each.range for each in proposed] != [each.range for each in self.dialog.mask_values()]:
                self.dialog.set_mask_values(proposed)  # else the names that were typed stay
        self.dialog.show_masks(bool(overview.mask_values))

    def _show_tissue(self) -> None:
        """How slides would be cut, as far as the fields are right."""
        looked = self._looked
        try:
            options = self.dialog.slide_options(self._values.mpp_um())
        except UserError:
            looked = None
        if looked is None:
            self.tissue.show(())
        else:
            answers = looked.given.answers.image
            self.tissue.show(slides_to_cut(looked.overview, options, answers, self._own_sizes))

    def _show_lines(self) -> None:
        overview = self._looked.overview if self._looked is not None else None
        pattern = overview.matches.pattern if overview is not None and overview.matches is not None else None
        self.dialog.offer_pattern(*(pattern or ("", 0)))
        if overview is None:
            self.dialog.show_overview(())
            return
        try:
            on_sides = self._values.validation().on_both_sides(overview, self._project)
        except UserError:
            on_sides = ()
        there = [name for name in self._values.names() if name in self._values.names_there]
        folder = self._project.path if self._project is not None else self.dialog.folder() or Path.home()
        disk = disk_line(overview, self.dialog.slide_options(None), folder)
        lines = (*sides_line(on_sides), *overview_lines(overview), *there_line(there), *disk)
        self.dialog.show_overview(sorted(lines, key=lambda line: not line.is_warning))
