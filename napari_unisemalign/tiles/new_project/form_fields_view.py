"""The fields of the form for a new project, and where they stand."""

from __future__ import annotations

from qtpy.QtWidgets import QDialogButtonBox, QGridLayout, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_unisemalign.tiles.new_project.contracts import Field
from napari_unisemalign.tiles.new_project.import_overview_view import ImportOverview
from napari_unisemalign.tiles.new_project.import_questions_view import ImportQuestions
from napari_unisemalign.tiles.new_project.mask_values_view import MaskValuesTable
from napari_unisemalign.tiles.new_project.slide_fields_view import SlideFields
from napari_unisemalign.tiles.new_project.tissue_view import TissueView
from napari_unisemalign.tiles.new_project.validation_fields_view import CasesField, ValidationField
from napari_unisemalign.widgets.common import Hint, caption
from napari_unisemalign.widgets.deliberate import DeliberateDialog
from training_core.base.i18n import tr

BESIDE_PX = 440
"""What files become, and what they leave open, stands beside the fields: screens are wide and low."""


class Note(Hint):
    """What is known of the field above it, or what is wrong with it."""

    def say(self, text: str, *, is_error: bool = False) -> None:
        """Show this sentence; an error stands out in both themes."""
        self.setProperty("error", is_error)
        self.set_text(f"\u26a0 {text}" if is_error else text)


class FormFields(DeliberateDialog):
    """The fields, the notes below them and the buttons.

    is_new: a project has no classes and no folder yet.
    """

    def __init__(self, parent: QWidget | None = None, *, is_new: bool) -> None:
        super().__init__(parent)
        self._is_new = is_new
        self.setMinimumWidth(600)
        self._make_fields()
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        self.ok_button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.ok_button.setText(tr("Create project") if is_new else tr("Add to the project"))
        self._lay_out()

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
        self.tissue = TissueView(self)
        self.reason = Hint(parent=self)
        self._notes = {
            Field.IMAGES: self.images_note,
            Field.PIXEL_SIZE: self.mpp_note,
            Field.MASKS: self.masks_note,
            Field.CLASSES: self.classes_note,
            Field.CASES: self.cases_note,
            Field.VALIDATION: self.val_note,
            Field.FOLDER: self.folder_note,
        }

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
        found.addWidget(self.tissue)
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


def _explain(edit: QLineEdit, words: str) -> None:
    """What belongs into a field: in it as long as it is empty, and whenever somebody asks."""
    edit.setPlaceholderText(words)
    edit.setToolTip(words)


def _named(button: QPushButton, words: str) -> QPushButton:
    """A button whose own words tell what it is for only by what stands beside it."""
    button.setAccessibleName(words)
    return button
