"""The form for a new project: a view; `form.py` checks what is filled in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unisemalign.tiles.new_project.import_overview_view import ImportOverview, OverviewLine
from napari_unisemalign.tiles.new_project.import_questions_view import ImportQuestions, QuestionRow
from napari_unisemalign.tiles.new_project.mask_values_view import MaskValuesTable
from napari_unisemalign.tiles.new_project.slide_fields_view import SlideFields
from napari_unisemalign.tiles.new_project.typed_paths import SEPARATOR, typed_path, typed_paths
from napari_unisemalign.tiles.new_project.validation_fields_view import CasesField, ValidationField
from napari_unisemalign.widgets.common import Hint, caption, set_available
from napari_unisemalign.widgets.deliberate import DeliberateDialog
from training_core.base.i18n import tr
from training_core.base.printable import printable
from training_core.io.files import IMAGE_SUFFIXES
from training_core.io.slides import SLIDE_SUFFIXES
from training_core.project.class_text import split_names

BESIDE_PX = 440
"""What files become, and what they leave open, stands beside the fields: screens are wide and low."""
"""Between the paths of several files."""
_PICTURES = " ".join(f"*{suffix}" for suffix in sorted(IMAGE_SUFFIXES | SLIDE_SUFFIXES))


class Note(Hint):
    """What is known of the field above it, or what is wrong with it."""

    def say(self, text: str, *, is_error: bool = False) -> None:
        """Show this sentence; an error stands out in both themes."""
        self.setProperty("error", is_error)
        self.set_text(f"\u26a0 {text}" if is_error else text)


class NewProjectDialog(DeliberateDialog):
    """Which images and masks, how large a pixel is, which classes, where to put the project.

    adding_to: the name of the project that gets the images; it has its classes and its folder already.
    """

    images_changed = Signal()
    masks_changed = Signal()
    changed = Signal()
    """Any other field."""
    sizes_clicked = Signal()
    """The pixel sizes of single files are to be looked at."""

    def __init__(self, parent: QWidget | None = None, adding_to: str | None = None) -> None:
        super().__init__(parent)
        self._is_new = adding_to is None
        self.setWindowTitle(
            tr("New project") if adding_to is None else tr("Add images to “{project}”").format(project=adding_to)
        )
        self.setMinimumWidth(600)
        self._folder_typed = False
        self._chosen: tuple[str, tuple[Path, ...]] = "", ()
        self._make_fields()
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        self.ok_button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.ok_button.setText(tr("Create project") if self._is_new else tr("Add to the project"))
        self._lay_out()
        self._connect()
        self.show_slides(False)
        self.show_masks(False)
        self.set_ready(tr("Choose the images first."))

    def _make_fields(self) -> None:
        self.images_edit, self.images_note = QLineEdit(self), Note(parent=self)
        _explain(self.images_edit, tr("Folder or files: PNG, TIFF, JPEG, or slides"))
        self.images_button = _named(QPushButton(tr("Folder …"), self), tr("Choose the folder of images"))
        self.files_button = _named(QPushButton(tr("Files …"), self), tr("Choose files of images"))
        self.mpp_edit, self.mpp_note = QLineEdit(self), Note(parent=self)
        self.mpp_edit.setPlaceholderText(tr("as the files state"))
        self.mpp_edit.setToolTip(tr("For the files that state none, in µm/px; what a file states stays"))
        self.sizes_button = _named(QPushButton(tr("By file …"), self), tr("Pixel sizes by file"))
        self.sizes_button.setToolTip(tr("What each file states, and correct one that is wrong"))
        self.slides = SlideFields(self)
        self.slide_words = caption(tr("Tiles of slides"), self, self.slides.tile_px_spin)
        self.masks_edit, self.masks_note = QLineEdit(self), Note(parent=self)
        _explain(self.masks_edit, tr("Not needed: a folder of masks named like their images"))
        self.masks_button = _named(QPushButton(tr("Choose …"), self), tr("Choose the folder of masks"))
        self.values_table = MaskValuesTable(self)
        self.classes_words = caption(tr("Classes"), self)
        self.classes_edit, self.classes_note = QLineEdit(tr("background, gland"), self), Note(parent=self)
        self.classes_words.setBuddy(self.classes_edit)
        self.classes_edit.setToolTip(
            tr('Names with commas between them; one with a comma in quotation marks: "gland, benign", stroma')
        )
        self.cases, self.cases_note = CasesField(self), Note(parent=self)
        self.validation, self.val_note = ValidationField(self), Note(parent=self)
        self.folder_words = caption(tr("Project folder"), self)
        self.folder_edit, self.folder_note = QLineEdit(self), Note(parent=self)
        _explain(self.folder_edit, tr("New folder for annotations, runs and copies of the images"))
        self.folder_button = _named(QPushButton(tr("Choose …"), self), tr("Choose the folder of the project"))
        self.folder_words.setBuddy(self.folder_edit)
        self.questions, self.overview = ImportQuestions(self), ImportOverview(self)
        self.reason = Hint(parent=self)

    def _lay_out(self) -> None:
        fields = QVBoxLayout()
        fields.addLayout(self._grid())
        fields.addStretch(1)
        self.beside = QWidget(self)
        self.beside.setMinimumWidth(BESIDE_PX)
        found = QVBoxLayout(self.beside)
        found.setContentsMargins(0, 0, 0, 0)
        found.setSpacing(10)
        found.addWidget(self.questions)
        found.addWidget(self.overview, 1)
        self.beside.hide()
        columns = QHBoxLayout()
        columns.setSpacing(16)
        columns.addLayout(fields, 1)
        columns.addWidget(self.beside, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(10)
        layout.addLayout(columns, 1)
        layout.addWidget(Hint(tr("The images are copied, so the project can be moved to another folder or machine.")))
        layout.addWidget(self.reason)
        layout.addWidget(self.buttons)

    def _grid(self) -> QGridLayout:
        """A line for each field: its words, the field with what belongs to it, and the note below."""
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        um = caption(tr("µm/px"), self)
        lines: tuple[tuple[QWidget, tuple[QWidget, ...], Note | None], ...] = (
            (caption(tr("Images"), self, self.images_edit),
             (self.images_edit, self.images_button, self.files_button), self.images_note),
            (caption(tr("Pixel size"), self, self.mpp_edit), (self.mpp_edit, um, self.sizes_button), self.mpp_note),
            (self.slide_words, (self.slides,), None),
            (caption(tr("Masks"), self, self.masks_edit), (self.masks_edit, self.masks_button), self.masks_note),
            (self.classes_words, (self._classes_field(),), self.classes_note),
            (caption(tr("Patients"), self, self.cases.edit), (self.cases,), self.cases_note),
            (caption(tr("Validation"), self, self.validation.share_spin), (self.validation,), self.val_note),
            (self.folder_words, (self.folder_edit, self.folder_button), self.folder_note),
        )  # fmt: skip
        for number, (words, (field, *beside), note) in enumerate(lines):
            grid.addWidget(words, 2 * number, 0)
            grid.addWidget(field, 2 * number, 1, 1, 3 - len(beside))
            for place, each in enumerate(beside):
                grid.addWidget(each, 2 * number, 4 - len(beside) + place)
            if note is not None:
                grid.addWidget(note, 2 * number + 1, 1, 1, 3)
        for each in (self.folder_words, self.folder_edit, self.folder_button):
            each.setVisible(self._is_new)
        return grid

    def _classes_field(self) -> QWidget:
        """Either the line of names or the table."""
        field = QWidget(self)
        layout = QVBoxLayout(field)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.classes_edit)
        layout.addWidget(self.values_table)
        return field

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
        for each in (self.values_table, self.cases, self.validation):
            each.changed.connect(self.changed)
        self.sizes_button.clicked.connect(lambda: self.sizes_clicked.emit())
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

    # --- what is shown -----------------------------------------------------------------------------------------------

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
        notes = (self.images_note, self.mpp_note, self.masks_note, self.classes_note, self.cases_note, self.val_note,
                 self.folder_note)  # fmt: skip
        self.reason.set_text("" if any(reason in note.text() for note in notes) else reason)

    def _on_images(self, _text: str) -> None:
        paths = self.images()
        if paths and not self._folder_typed:
            first = paths[0]
            name = first.name if first.is_dir() or not first.suffix else first.parent.name
            name = first.stem if len(paths) == 1 and not first.is_dir() and first.suffix else name
            beside = first.parent if len(paths) == 1 or first.is_dir() else first.parent.parent
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
            self, tr("Images or slides"), "", f"{tr('Images and slides')} ({_PICTURES})"
        )
        if chosen:
            self.set_images([Path(each) for each in chosen])


def _explain(edit: QLineEdit, words: str) -> None:
    """What belongs into a field: in it as long as it is empty, and whenever somebody asks."""
    edit.setPlaceholderText(words)
    edit.setToolTip(words)


def _named(button: QPushButton, words: str) -> QPushButton:
    """A button whose own words tell what it is for only by what stands beside it."""
    button.setAccessibleName(words)
    return button
