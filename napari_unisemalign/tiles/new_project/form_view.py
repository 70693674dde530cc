"""The form for a new project: a view; `form.py` checks what is filled in."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QLineEdit, QWidget

from napari_unisemalign.tiles.contracts import PixelSizesSurface
from napari_unisemalign.tiles.new_project.contracts import Field
from napari_unisemalign.tiles.new_project.form_fields_view import FormFields
from napari_unisemalign.tiles.new_project.import_overview_view import OverviewLine
from napari_unisemalign.tiles.new_project.import_questions_view import QuestionRow
from napari_unisemalign.tiles.new_project.typed_paths import SEPARATOR, typed_path, typed_paths
from napari_unisemalign.tiles.pixel_sizes_view import PixelSizesDialog
from napari_unisemalign.widgets.common import set_available
from training_core.base.addresses import is_address
from training_core.base.i18n import tr
from training_core.base.printable import printable
from training_core.io.files import IMAGE_SUFFIXES
from training_core.io.slides import SLIDE_SUFFIXES, SlideOptions
from training_core.io.zarr_folders import is_zarr_folder
from training_core.project.class_text import split_names
from training_core.project.classes import MaskValue

PICTURES = " ".join(f"*{suffix}" for suffix in sorted(IMAGE_SUFFIXES | SLIDE_SUFFIXES))


class NewProjectDialog(FormFields):
    """Which images and masks, how large a pixel is, which classes, where to put the project.

    adding_to: the name of the project that gets the images; it has its classes and its folder already.
    """

    images_changed = Signal()
    masks_changed = Signal()
    changed = Signal()
    """Any other field."""
    sizes_clicked = Signal()
    """The pixel sizes of single files are to be looked at."""
    answered = Signal(object, int)
    """A question's key, and the number of the answer."""
    pattern_taken = Signal()
    """The pattern that is offered is to match images and masks."""

    def __init__(self, parent: QWidget | None = None, adding_to: str | None = None) -> None:
        super().__init__(parent, is_new=adding_to is None)
        self.setWindowTitle(
            tr("New project") if adding_to is None else tr("Add images to “{project}”").format(project=adding_to)
        )
        self._folder_typed = False
        self._chosen: tuple[str, tuple[Path, ...]] = "", ()
        self._connect()
        self.show_slides(False)
        self.show_masks(False)
        self.set_ready(tr("Choose the images first."))

    def _connect(self) -> None:
        self.images_button.clicked.connect(lambda: self._choose(self.images_edit, tr("Folder of images")))
        self.files_button.clicked.connect(self._choose_files)
        self.masks_button.clicked.connect(lambda: self._choose(self.masks_edit, tr("Folder of masks")))
        self.folder_button.clicked.connect(lambda: self._choose(self.folder_edit, tr("Folder for the project")))
        self.images_edit.textChanged.connect(self._on_images)
        self.masks_edit.textChanged.connect(lambda _text: self.masks_changed.emit())
        self.folder_edit.textEdited.connect(self._on_folder_typed)
        for edit in (self.mpp_edit, self.classes_edit, self.folder_edit):
            edit.textChanged.connect(lambda _text: self.changed.emit())
        for each in (self.values_table, self.cases, self.validation, self.slides):
            each.changed.connect(self.changed)
        self.sizes_button.clicked.connect(lambda: self.sizes_clicked.emit())
        self.questions.answered.connect(self.answered)
        self.overview.pattern_taken.connect(self.pattern_taken)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

    # --- what is filled in -------------------------------------------------------------------------------------------

    def images(self) -> tuple[Path, ...]:
        """The files and folders that are named."""
        text = self.images_edit.text()
        return self._chosen[1] if text == self._chosen[0] else typed_paths(text)

    def masks(self) -> Path | None:
        """The folder of masks, if one is named."""
        return typed_path(self.masks_edit.text())

    def folder(self) -> Path | None:
        """The project's folder, if one is named."""
        return typed_path(self.folder_edit.text())

    def class_names(self) -> tuple[str, ...]:
        """The names that are typed."""
        return split_names(self.classes_edit.text())

    def mask_values(self) -> tuple[MaskValue, ...]:
        """What the values of the masks mean, as the table has it."""
        return self.values_table.values()

    def typed_pixel_size(self) -> str:
        """The pixel size as it is typed."""
        return self.mpp_edit.text()

    def typed_cases(self) -> str:
        """What tells which images belong together, as it is typed."""
        return self.cases.edit.text()

    def validation_percent(self) -> int:
        """The share of the annotated images that is drawn for validation; 0 for none."""
        return self.validation.percent()

    def validation_list(self) -> Path | None:
        """The file with the names of the images for validation, if one is named."""
        return self.validation.listed()

    def slide_options(self, mpp_um: float | None) -> SlideOptions:
        """How slides are cut; mpp_um: their own pixel size, where they state none."""
        return self.slides.options(mpp_um)

    # --- what is shown -----------------------------------------------------------------------------------------------

    @property
    def owner(self) -> QObject:
        """What lives as long as the form: the form itself."""
        return self

    def say(self, field: Field, text: str, *, is_error: bool = False) -> None:
        """What is known of a field, or what is wrong with it."""
        self._notes[field].say(text, is_error=is_error)

    def ask_sizes(self, work: Callable[[PixelSizesSurface], object]) -> None:
        """Show the table of pixel sizes until it is closed; work: makes it work."""
        dialog = PixelSizesDialog(self)
        work(dialog)
        dialog.exec()
        dialog.deleteLater()

    def set_mask_values(self, values: Sequence[MaskValue]) -> None:
        """Fill the table of values."""
        self.values_table.set_values(values)

    def offer_classes(self, names: Sequence[str]) -> None:
        """The classes that a value can mean."""
        self.values_table.offer(names)

    def offer_pattern(self, pattern: str, count: int) -> None:
        """Offer to match so many masks by this pattern; an empty one for none."""
        self.overview.offer_pattern(pattern, count)

    def set_images(self, paths: Sequence[Path]) -> None:
        """Fill in files and folders."""
        text = printable(SEPARATOR.join(os.fspath(path) for path in paths))
        self._chosen = text, tuple(paths)  # what no field can hold, such as a line break in a name, is kept beside it
        self.images_edit.setText(text)

    def show_slides(self, shown: bool) -> None:
        """Show how slides are cut, where there are any."""
        self.slide_words.setVisible(shown)
        self.slides.setVisible(shown)
        self._grow()

    def show_masks(self, shown: bool) -> None:
        """With masks, the table of their values names the classes; without, the line of names does."""
        self.values_table.setVisible(shown)
        self.classes_edit.setVisible(not shown and self._is_new)
        self.classes_words.setVisible(shown or self._is_new)
        self._grow()

    def show_questions(self, rows: Sequence[QuestionRow]) -> None:
        """Show what has to be answered."""
        self.questions.set_rows(rows)
        self._show_beside()

    def show_overview(self, lines: Sequence[OverviewLine]) -> None:
        """Show what the files become."""
        self.overview.set_lines(lines)
        self._show_beside()

    def _show_beside(self) -> None:
        """The second column, where it has something to say."""
        shown = not self.overview.isHidden() or not self.questions.isHidden()
        if shown == self.beside.isHidden():
            self.beside.setVisible(shown)
        if shown:
            self._grow()

    def _grow(self) -> None:
        """Make room for what came to light; the user's own size is not made smaller."""
        layout = self.layout()
        if layout is not None:
            layout.activate()
            self.resize(self.size().expandedTo(layout.totalSizeHint()))

    def set_ready(self, reason: str) -> None:
        """Allow to make the project, or say why not."""
        set_available(self.ok_button, reason)
        self.reason.set_text("" if any(reason in note.text() for note in self._notes.values()) else reason)

    def _on_images(self, _text: str) -> None:
        paths = self.images()
        if paths and not self._folder_typed:
            first = paths[0]
            is_folder = first.is_dir() and not is_zarr_folder(first)
            name = first.name if is_folder or not first.suffix else first.parent.name
            name = first.stem if len(paths) == 1 and not is_folder and first.suffix else name
            beside = first.parent if len(paths) == 1 or is_folder else first.parent.parent
            if is_address(str(first)):
                beside = Path.home()
            self.folder_edit.setText(str(beside / f"{name}-unisemalign"))
        self.images_changed.emit()

    def _on_folder_typed(self, _text: str) -> None:
        self._folder_typed = True

    def _choose(self, edit: QLineEdit, title: str) -> None:
        chosen = QFileDialog.getExistingDirectory(self, title, edit.text())
        if chosen:
            self._folder_typed = self._folder_typed or edit is self.folder_edit
            edit.setText(chosen)

    def _choose_files(self) -> None:
        chosen, _filter = QFileDialog.getOpenFileNames(
            self, tr("Images or slides"), "", f"{tr('Images and slides')} ({PICTURES})"
        )
        if chosen:
            self.set_images([Path(each) for each in chosen])
