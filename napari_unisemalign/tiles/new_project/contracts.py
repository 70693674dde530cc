"""What the form's controller needs of the form, and all that it may touch: no widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from qtpy.QtCore import QObject

from napari_unisemalign.app.contracts import Told
from napari_unisemalign.tiles.contracts import PixelSizesSurface
from napari_unisemalign.tiles.new_project.import_overview_view import OverviewLine
from napari_unisemalign.tiles.new_project.import_questions_view import QuestionRow
from training_core.base.arrays import Rgb8
from training_core.io.slides import SlideOptions
from training_core.project.classes import MaskValue


class Field(StrEnum):
    """The fields that have a sentence below them."""

    IMAGES = "images"
    PIXEL_SIZE = "pixel size"
    MASKS = "masks"
    CLASSES = "classes"
    CASES = "cases"
    VALIDATION = "validation"
    FOLDER = "folder"


class TissueSurface(Protocol):
    """What would be cut from slides."""

    @property
    def chosen(self) -> Told:
        """With the number of the slide to look at."""

    def set_slides(self, names: Sequence[str]) -> None:
        """Which slides there are; none hides all of it."""

    def show_cut(self, picture: Rgb8 | None, words: str) -> None:
        """Show a picture (h, w, 3) and a sentence; None for no picture."""


class NewProjectSurface(Protocol):
    """The form for a new project, or for more images."""

    @property
    def images_changed(self) -> Told:
        """Other images are named."""

    @property
    def masks_changed(self) -> Told:
        """Other masks are named."""

    @property
    def changed(self) -> Told:
        """Any other field was changed."""

    @property
    def sizes_clicked(self) -> Told:
        """The pixel sizes of single files are to be looked at."""

    @property
    def answered(self) -> Told:
        """With the key of a question, and which answer was chosen."""

    @property
    def pattern_taken(self) -> Told:
        """The pattern that is offered is to match images and masks."""

    @property
    def tissue(self) -> TissueSurface:
        """What would be cut from slides."""

    @property
    def finished(self) -> Told:
        """The form is closed."""

    @property
    def owner(self) -> QObject:
        """What lives as long as the form: timers and threads belong to it."""

    def images(self) -> tuple[Path, ...]:
        """The files and folders that are named."""

    def masks(self) -> Path | None:
        """The folder of masks, if one is named."""

    def folder(self) -> Path | None:
        """The project's folder, if one is named."""

    def class_names(self) -> tuple[str, ...]:
        """The names that are typed."""

    def mask_values(self) -> tuple[MaskValue, ...]:
        """What the values of the masks mean, as the table has it."""

    def typed_pixel_size(self) -> str:
        """The pixel size as it is typed."""

    def typed_cases(self) -> str:
        """What tells which images belong together, as it is typed."""

    def validation_percent(self) -> int:
        """The share of the annotated images that is drawn for validation; 0 for none."""

    def validation_list(self) -> Path | None:
        """The file with the names of the images for validation, if one is named."""

    def slide_options(self, mpp_um: float | None) -> SlideOptions:
        """How slides are cut; mpp_um: their own pixel size, where they state none."""

    def set_images(self, paths: Sequence[Path]) -> None:
        """Fill in files and folders."""

    def set_mask_values(self, values: Sequence[MaskValue]) -> None:
        """Fill the table of values."""

    def offer_classes(self, names: Sequence[str]) -> None:
        """The classes that a value can mean."""

    def offer_pattern(self, pattern: str, count: int) -> None:
        """Offer to match so many masks by this pattern; an empty one for none."""

    def say(self, field: Field, text: str, *, is_error: bool = False) -> None:
        """What is known of a field, or what is wrong with it."""

    def ask_sizes(self, work: Callable[[PixelSizesSurface], object]) -> None:
        """Show the table of pixel sizes until it is closed; work: makes it work."""

    def show_slides(self, shown: bool) -> None:
        """Show how slides are cut, where there are any."""

    def show_masks(self, shown: bool) -> None:
        """Show the table of values in the place of the line of names."""

    def show_questions(self, rows: Sequence[QuestionRow]) -> None:
        """Show what has to be answered."""

    def show_overview(self, lines: Sequence[OverviewLine]) -> None:
        """Show what the files become."""

    def set_ready(self, reason: str) -> None:
        """Allow to make the project, or say why not."""
