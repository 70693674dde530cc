"""The form for a new project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unisemalign.i18n import tr
from napari_unisemalign.widgets.common import Hint, caption


@dataclass(frozen=True)
class NewProject:
    """What the form holds when it is accepted."""

    images: Path
    folder: Path
    class_names: tuple[str, ...]


class NewProjectDialog(QDialog):
    """Which images, which classes, where to put the project."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("New project"))
        self.setMinimumWidth(520)
        self._folder_typed = False
        self.images_edit = QLineEdit(self)
        self.images_edit.setPlaceholderText(tr("Folder with PNG, TIFF or JPEG images"))
        self.folder_edit = QLineEdit(self)
        self.folder_edit.setPlaceholderText(tr("New folder for labels, runs and copies of the images"))
        self.classes_edit = QLineEdit("background, gland", self)
        self.classes_edit.setToolTip(tr("Names with commas between them; they can be changed later"))
        images_button, folder_button = QPushButton(tr("Choose …"), self), QPushButton(tr("Choose …"), self)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        self._ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._ok.setText(tr("Make project"))
        grid = QGridLayout()
        grid.setSpacing(8)
        for line, (title, edit, button) in enumerate(
            (
                (tr("Images"), self.images_edit, images_button),
                (tr("Classes"), self.classes_edit, None),
                (tr("Project folder"), self.folder_edit, folder_button),
            )
        ):
            grid.addWidget(caption(title, self, edit), line, 0)
            grid.addWidget(edit, line, 1, 1, 1 if button else 2)
            if button:
                grid.addWidget(button, line, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(grid)
        layout.addWidget(Hint(tr("The images are copied, so the project can be moved to another folder or machine.")))
        layout.addWidget(self.buttons)
        images_button.clicked.connect(lambda: self._choose(self.images_edit, "Folder of images"))
        folder_button.clicked.connect(lambda: self._choose(self.folder_edit, "Folder for the project"))
        self.images_edit.textChanged.connect(self._on_images)
        self.folder_edit.textEdited.connect(self._on_folder_typed)
        for edit in (self.images_edit, self.folder_edit, self.classes_edit):
            edit.textChanged.connect(lambda _text: self._refresh())
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self._refresh()

    def value(self) -> NewProject:
        """What was filled in."""
        names = tuple(name.strip() for name in self.classes_edit.text().split(",") if name.strip())
        images, folder = self.images_edit.text().strip(), self.folder_edit.text().strip()
        return NewProject(Path(images).expanduser(), Path(folder).expanduser(), names)

    def _on_images(self, text: str) -> None:
        if text.strip() and not self._folder_typed:
            images = Path(text.strip())
            self.folder_edit.setText(str(images.parent / f"{images.name}-unisemalign"))

    def _on_folder_typed(self, _text: str) -> None:
        self._folder_typed = True

    def _choose(self, edit: QLineEdit, title: str) -> None:
        chosen = QFileDialog.getExistingDirectory(self, title, edit.text())
        if chosen:
            self._folder_typed = self._folder_typed or edit is self.folder_edit
            edit.setText(chosen)

    def _refresh(self) -> None:
        missing = [
            what
            for what, edit in (
                (tr("images"), self.images_edit),
                (tr("classes"), self.classes_edit),
                (tr("a project folder"), self.folder_edit),
            )
            if not edit.text().strip()
        ]
        self._ok.setEnabled(not missing)
        self._ok.setToolTip(tr("Still missing: {parts}.").format(parts=", ".join(missing)) if missing else "")
