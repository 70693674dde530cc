"""What is filled in in the form for images, and what it means for the files that are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_unisemalign.tiles.new_project.contracts import NewProjectSurface
from napari_unisemalign.tiles.new_project.fields import (
    Validation,
    chosen_cases,
    chosen_validation,
    new_folder,
    proposed_in,
    values_in,
)
from napari_unisemalign.tiles.new_project.import_look import Looked
from napari_unisemalign.tiles.pixel_sizes import typed_pixel_size
from training_core.base.errors import UserError
from training_core.base.i18n import tr
from training_core.project import Project, TissueClass, make_classes
from training_core.project.classes import MaskValue, classes_of_values, propose_mask_values
from training_core.project.file_records import NO_ANSWERS, FileAnswers
from training_core.project.inputs.overview import Becomes, InputFile


class FormValues:
    """The fields' values. What is wrong with one is a `UserError`, which the form says below the field."""

    def __init__(self, dialog: NewProjectSurface, project: Project | None, looked: Callable[[], Looked | None]) -> None:
        """project: the one that gets the images; None: a new one. looked: what is known of the files."""
        self._dialog, self._project, self._looked = dialog, project, looked
        self.names_there = _names_in(project)
        """What the project has."""

    @property
    def with_masks(self) -> bool:
        """Whether values of masks name the classes."""
        looked = self._looked()
        return looked is not None and bool(looked.overview.mask_values)

    @property
    def kept(self) -> FileAnswers:
        """How the project reads files."""
        return NO_ANSWERS if self._project is None else self._project.index.answers

    def classes(self) -> tuple[tuple[TissueClass, ...], dict[str, int]]:
        """The classes that the project has or gets, and the class of each value of the masks."""
        rows = self._dialog.mask_values() if self.with_masks else ()
        if self._project is not None:
            classes = self._project.classes
            return classes, values_in(rows, classes, self.kept.mask.mask_values or {}) if rows else {}
        return classes_of_values(rows) if rows else (make_classes(self._dialog.class_names()), {})

    def proposed(self, counts: dict[str, int]) -> tuple[MaskValue, ...]:
        """What the values of the masks may mean. counts: the pixels of each."""
        if self._project is not None:
            return proposed_in(counts, self._project.classes, self.kept.mask.mask_values or {})
        return propose_mask_values(counts, self._dialog.class_names())

    def mpp_um(self) -> float | None:
        """The pixel size that is typed, for files that state none; None: none is typed."""
        mpp_um, looked = typed_pixel_size(self._dialog.typed_pixel_size()), self._looked()
        unsized = () if looked is None else looked.unsized
        if mpp_um is None and unsized:
            raise UserError(
                tr("The slide {slide} has no pixel size (MPP) in its metadata").format(slide=unsized[0].name),
                tr("its pixel size (µm/px)"),
                tr("type it here: usually 0.25 for a 40x scan and 0.5 for 20x"),
            )
        return mpp_um

    def folder(self) -> Path | None:
        """Of the new project; None: there is one already."""
        return new_folder(self._dialog.folder()) if self._project is None else None

    def names(self) -> list[str]:
        """Of the images and slides that are named."""
        looked = self._looked()
        files: tuple[InputFile, ...] = () if looked is None else looked.overview.files
        return [each.name for each in files if each.becomes in (Becomes.TILE, Becomes.SLIDE)]

    def cases(self) -> dict[str, str]:
        """The case of each image that belongs to one."""
        return chosen_cases(self._dialog.typed_cases(), self.names())

    def validation(self) -> Validation:
        """The images for validation; none before the files are known, or while the cases are wrong."""
        looked, dialog = self._looked(), self._dialog
        if looked is None:
            return Validation()
        try:
            cases = self.cases()
        except UserError:
            return Validation()
        return chosen_validation(dialog.validation_percent(), dialog.validation_list(), looked.overview, cases)

    def validation_words(self) -> tuple[str, str]:
        """Below the cases, and below the validation field."""
        try:
            validation = self.validation()
        except UserError:
            return "", ""
        return validation.on_cases(self.names()), validation.on_names()

    def nothing_new(self) -> str:
        """Whether the project has all of it: new tiles or new masks are needed."""
        names = self.names()
        is_known = self._project is not None and bool(names) and set(names) <= self.names_there and not self.with_masks
        return tr("The project has all of these images already.") if is_known else ""


def _names_in(project: Project | None) -> set[str]:
    """What a project has: tiles, and slides that tiles were cut from."""
    return set() if project is None else {*(tile.name for tile in project.tiles), *project.index.files}
