"""Every question that stops the user's work, in one place; a test or a script puts answers in its stead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QColorDialog,
    QDialog,
    QFileDialog,
    QMessageBox,
    QPushButton,
    QWidget,
)

from napari_unisemalign.annotate.class_removal_view import RemoveClassDialog
from napari_unisemalign.annotate.label_history_view import LabelHistoryDialog
from napari_unisemalign.app.dialogs import Access, ClassUse, CloseAnswer, FilesToAdd, ImportChoice, NewProject
from napari_unisemalign.shell.details_view import DetailsDialog
from napari_unisemalign.tiles.import_classes_view import ImportClassesDialog
from napari_unisemalign.tiles.new_project.form import NewProjectForm
from napari_unisemalign.tiles.new_project.form_view import PICTURES, NewProjectDialog
from napari_unisemalign.tiles.pixel_sizes import PixelSizes, SizesOfProject
from napari_unisemalign.tiles.pixel_sizes_view import PixelSizesDialog
from training_core.base.arrays import Rgb8
from training_core.base.i18n import tr
from training_core.io.drawings import DRAWING_SUFFIXES
from training_core.project import Project, TissueClass
from training_core.project.drawn_classes import FoundClass


class WindowDialogs:
    """Questions over the window `parent`."""

    def __init__(self, parent: QWidget) -> None:
        self._parent = parent

    def project_folder(self, start: str) -> Path | None:
        """Which project to open; None when the user changed their mind."""
        return self._folder(tr("Open a project folder"), start)

    def open_beside(self, others: Sequence[str]) -> Access | None:
        """How to open a project that others, each named in words, have open; None: not at all."""
        box = self._box(
            tr("The project is open elsewhere"),
            tr(
                "This project is open in another window:\n{others}\n\n"
                "Open beside: both can annotate; strokes of both are kept.\n"
                "Read only: look at it and change nothing.\n"
                "Take over: the other window saves its strokes and can then only look."
            ).format(others="\n".join(others)),
            QMessageBox.Icon.Question,
        )
        beside = box.addButton(tr("Open beside"), QMessageBox.ButtonRole.AcceptRole)
        look = box.addButton(tr("Read only"), QMessageBox.ButtonRole.AcceptRole)
        take = box.addButton(tr("Take over"), QMessageBox.ButtonRole.AcceptRole)
        cancel = box.addButton(tr("Cancel"), QMessageBox.ButtonRole.RejectRole)
        answers = {beside: Access.BESIDE, look: Access.READ_ONLY, take: Access.TAKE_OVER}
        return answers.get(self._ask(box, cancel))

    def export_folder(self, start: str) -> Path | None:
        """Where to write masks."""
        return self._folder(tr("Folder for the masks"), start)

    def files_to_predict(self, start: str) -> tuple[Path, ...]:
        """Which slides and images to predict; empty when the user changed their mind."""
        kinds = f"{tr('Images and slides')} ({PICTURES})"
        chosen, _ = QFileDialog.getOpenFileNames(self._parent, tr("Slides and images to predict"), start, kinds)
        return tuple(Path(each) for each in chosen)

    def folder_to_predict(self, start: str) -> Path | None:
        """Which folder of slides and images to predict."""
        return self._folder(tr("Folder of slides and images to predict"), start)

    def folder_for_predictions(self, start: str) -> Path | None:
        """Where to write predictions."""
        return self._folder(tr("Folder for the predictions"), start)

    def table_file(self, start: str) -> Path | None:
        """Where to write a table."""
        chosen, _ = QFileDialog.getSaveFileName(self._parent, tr("Save the table"), start, tr("Table (*.csv)"))
        return Path(chosen) if chosen else None

    def report_file(self, start: str) -> Path | None:
        """Where to write the report of a problem."""
        chosen, _ = QFileDialog.getSaveFileName(self._parent, tr("Report a problem"), start, tr("Archive (*.zip)"))
        return Path(chosen) if chosen else None

    def new_project(self, images: Sequence[Path] = ()) -> NewProject | None:
        """What a new project is made of; `images` are filled in at first."""
        dialog = NewProjectDialog(self._parent)
        form = NewProjectForm(dialog, images)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        value = form.value() if accepted else None
        dialog.deleteLater()
        return value

    def add_images(self, project: Project, images: Sequence[Path] = ()) -> FilesToAdd | None:
        """What is added to a project; `images` are filled in at first."""
        dialog = NewProjectDialog(self._parent, project.name)
        form = NewProjectForm(dialog, images, project)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        files = form.files() if accepted else None
        dialog.deleteLater()
        return files

    def annotation_files(self, start: str) -> tuple[Path, ...]:
        """Which files of annotations to import; empty when the user changed their mind."""
        kinds = f"{tr('Annotations')} ({' '.join(f'*{suffix}' for suffix in sorted(DRAWING_SUFFIXES))})"
        chosen, _ = QFileDialog.getOpenFileNames(self._parent, tr("Annotations to import"), start, kinds)
        return tuple(Path(each) for each in chosen)

    def annotation_folder(self, start: str) -> Path | None:
        """Which folder of such files to import, or which OME-Zarr folder."""
        return self._folder(tr("Folder of annotations to import"), start)

    def pixel_sizes(self, project: Project, names: Sequence[str] = ()) -> bool:
        """Look at the pixel sizes of a project and correct them, `names` chosen at first; whether some changed."""
        sizes = SizesOfProject(project)
        dialog = PixelSizesDialog(self._parent)
        PixelSizes(dialog, sizes).choose(sizes.rows_of(names))
        dialog.exec()
        dialog.deleteLater()
        return sizes.has_changed

    def color(self, current: str) -> str | None:
        """Another color for a class, "#rrggbb"."""
        color = QColorDialog.getColor(QColor(current), self._parent, tr("Colour of the class"))
        return color.name() if color.isValid() else None

    def confirm(self, title: str, question: str, yes: str) -> bool:
        """Whether to do something that cannot be taken back easily; the safe answer is the default."""
        box = self._box(title, question, QMessageBox.Icon.Question)
        accept = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
        cancel = box.addButton(tr("Cancel"), QMessageBox.ButtonRole.RejectRole)
        return self._ask(box, cancel) is accept

    def fate_of_class(self, use: ClassUse) -> int | None:
        """What the pixels of a class to remove become: a class id, or 255 for not labelled; None: the class stays."""
        dialog = RemoveClassDialog(use, self._parent)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        value = dialog.value()
        dialog.deleteLater()
        return value if accepted else None

    def import_classes(self, found: Sequence[FoundClass], classes: Sequence[TissueClass]) -> ImportChoice | None:
        """What the classes of annotations from another program become; None: nothing is imported."""
        dialog = ImportClassesDialog(found, classes, self._parent)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        value = dialog.value()
        dialog.deleteLater()
        return value if accepted else None

    def label_history(
        self, tile: str, versions: Sequence[str], picture: Callable[[int], Rgb8], why_not: str
    ) -> int | None:
        """Which of these versions of a tile's annotations to restore, by its place; None: none."""
        dialog = LabelHistoryDialog(tile, versions, picture, why_not, self._parent)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        value = dialog.value()
        dialog.deleteLater()
        return value if accepted else None

    def close_while_training(self) -> CloseAnswer:
        """Training runs, or predicts, and the window is about to close."""
        box = self._box(
            tr("Training is still running"),
            tr(
                "Training is still running.\n\n"
                "Finish and close: training ends now, the tiles are predicted, then the window closes.\n"
                "Close, resume later: it is saved and goes on when you open the project again."
            ),
            QMessageBox.Icon.Question,
        )
        finish = box.addButton(tr("Finish and close"), QMessageBox.ButtonRole.AcceptRole)
        later = box.addButton(tr("Close, resume later"), QMessageBox.ButtonRole.AcceptRole)
        cancel = box.addButton(tr("Cancel"), QMessageBox.ButtonRole.RejectRole)
        answers = {finish: CloseAnswer.FINISH, later: CloseAnswer.LATER}
        return answers.get(self._ask(box, cancel), CloseAnswer.CANCEL)

    def close_unsaved(self, names: tuple[str, ...]) -> bool:
        """Strokes could not be saved. True: close and lose them."""
        box = self._box(
            tr("Strokes are not saved"),
            tr("The last strokes on {tiles} could not be saved. Closing the window loses them.").format(
                tiles=", ".join(names)
            ),
            QMessageBox.Icon.Warning,
        )
        close = box.addButton(tr("Close and lose them"), QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton(tr("Stay"), QMessageBox.ButtonRole.RejectRole)
        return self._ask(box, stay) is close

    def show_details(self, details: str) -> None:
        """What a programmer needs to know of an error."""
        dialog = DetailsDialog(details, self._parent)
        dialog.exec()
        dialog.deleteLater()

    def _folder(self, title: str, start: str) -> Path | None:
        chosen = QFileDialog.getExistingDirectory(self._parent, title, start)
        return Path(chosen) if chosen else None

    def _box(self, title: str, text: str, icon: QMessageBox.Icon) -> QMessageBox:
        box = QMessageBox(icon, title, text, parent=self._parent)
        box.setMinimumWidth(420)
        return box

    def _ask(self, box: QMessageBox, safe: QPushButton | None) -> object:
        """The pressed button; Enter and Escape mean the safe one."""
        box.setDefaultButton(safe)
        box.setEscapeButton(safe)
        box.exec()
        clicked = box.clickedButton()
        box.deleteLater()
        return clicked
