"""Every question that stops the user's work, and its answers; `shell/dialogs.py` asks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from training_core.base.arrays import Rgb8
from training_core.base.i18n import ntr
from training_core.io.slides import SlideOptions
from training_core.project import Project, TissueClass
from training_core.project.drawn_classes import FoundClass
from training_core.project.file_records import NO_ANSWERS, FileAnswers
from training_core.project.inputs.matching import Matches


class CloseAnswer(StrEnum):
    """What to do with a training that runs while its window is closed."""

    FINISH = "finish"
    LATER = "later"
    """Close; the training goes on from where it is when the project is opened again."""
    CANCEL = "cancel"


class Access(StrEnum):
    """How to open a project that another window has open."""

    BESIDE = "beside"
    READ_ONLY = "read only"
    TAKE_OVER = "take over"


@dataclass(frozen=True, kw_only=True)
class FilesToAdd:
    """What the form holds about files when it is accepted: what `Project.create` and `add_files` take alike."""

    images: tuple[Path, ...]
    masks: Matches | None = None
    mask_values: Mapping[str, int] | None = None
    mpp_um: float | None = None
    slides: SlideOptions = field(default_factory=SlideOptions)
    answers: FileAnswers = NO_ANSWERS
    pixel_sizes: Mapping[str, float] = field(default_factory=dict)
    """Those of single files, by name, whatever they state."""
    val: tuple[str, ...] = ()
    cases: Mapping[str, str] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """All but the images, by the names of arguments."""
        return {each.name: getattr(self, each.name) for each in fields(FilesToAdd) if each.name != "images"}


@dataclass(frozen=True, kw_only=True)
class NewProject(FilesToAdd):
    """What the form for a new project holds."""

    folder: Path
    classes: tuple[TissueClass, ...]


@dataclass(frozen=True)
class ClassUse:
    """A class, how much is labelled as it, and the classes that could take that over."""

    removed: TissueClass
    tiles: int
    pixels: int
    others: Sequence[TissueClass]

    def in_words(self) -> str:
        """Such as "“stroma” is labelled on 12 tiles, 1,204,331 pixels."."""
        words = ntr(
            "“{name}” is annotated on {tiles} tile, {pixels} pixels.",
            "“{name}” is annotated on {tiles} tiles, {pixels} pixels.",
            self.tiles,
        )
        return words.format(name=self.removed.name, tiles=f"{self.tiles:,}", pixels=f"{self.pixels:,}")


@dataclass(frozen=True)
class ImportChoice:
    """What classes of another program's annotations become, and what of the project's own may change.

    Attributes
    ----------
    given
        By a name in the files: a class of the project, `LEAVE_OUT` or `NOT_LABELLED`; a name that is missing here and
        means nothing in the project becomes a new class.
    unclassified
        The same for areas without a class.
    replace
        Whether areas count where something is annotated already.
    """

    given: Mapping[str, str] = field(default_factory=dict)
    unclassified: str | None = None
    replace: bool = False


class Dialogs(Protocol):
    """Every question that stops the user's work."""

    def project_folder(self, start: str) -> Path | None:
        """Which project to open; None when the user changed their mind."""

    def open_beside(self, others: Sequence[str]) -> Access | None:
        """How to open a project that others, each named in words, have open; None: not at all."""

    def export_folder(self, start: str) -> Path | None:
        """Where to write masks."""

    def files_to_predict(self, start: str) -> tuple[Path, ...]:
        """Which slides and images to predict; empty when the user changed their mind."""

    def folder_to_predict(self, start: str) -> Path | None:
        """Which folder of slides and images to predict."""

    def folder_for_predictions(self, start: str) -> Path | None:
        """Where to write predictions."""

    def table_file(self, start: str) -> Path | None:
        """Where to write a table."""

    def report_file(self, start: str) -> Path | None:
        """Where to write the report of a problem."""

    def new_project(self, images: Sequence[Path] = ()) -> NewProject | None:
        """What a new project is made of; `images` are filled in at first."""

    def add_images(self, project: Project, images: Sequence[Path] = ()) -> FilesToAdd | None:
        """What is added to a project; `images` are filled in at first."""

    def annotation_files(self, start: str) -> tuple[Path, ...]:
        """Which files of annotations to import; empty when the user changed their mind."""

    def annotation_folder(self, start: str) -> Path | None:
        """Which folder of such files to import, or which OME-Zarr folder."""

    def pixel_sizes(self, project: Project, names: Sequence[str] = ()) -> bool:
        """Look at the pixel sizes of a project and correct them, `names` chosen at first; whether some changed."""

    def color(self, current: str) -> str | None:
        """Another color for a class, "#rrggbb"."""

    def confirm(self, title: str, question: str, yes: str) -> bool:
        """Whether to do something that cannot be taken back easily; the safe answer is the default."""

    def fate_of_class(self, use: ClassUse) -> int | None:
        """What the pixels of a class to remove become: a class id, or 255 for not labelled; None: the class stays."""

    def import_classes(self, found: Sequence[FoundClass], classes: Sequence[TissueClass]) -> ImportChoice | None:
        """What the classes of annotations from another program become; None: nothing is imported."""

    def label_history(
        self, tile: str, versions: Sequence[str], picture: Callable[[int], Rgb8], why_not: str
    ) -> int | None:
        """Which of these versions of a tile's annotations to restore, by its place; None: none.

        picture: what to show of a version. why_not: why none can be restored; empty where one can.
        """

    def close_while_training(self) -> CloseAnswer:
        """Training runs, or predicts, and the window is about to close."""

    def close_unsaved(self, names: tuple[str, ...]) -> bool:
        """Strokes could not be saved. True: close and lose them."""

    def show_details(self, details: str) -> None:
        """What a programmer needs to know of an error."""
