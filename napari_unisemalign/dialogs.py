"""Every question that stops the user's work, in one place; a test or a script puts answers in its stead."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QColorDialog,
    QDialog,
    QFileDialog,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unisemalign.widgets.new_project import NewProject, NewProjectDialog


class CloseAnswer(StrEnum):
    """What to do with a training that runs while its window is closed."""

    STOP = "stop"
    WAIT = "wait"
    KILL = "kill"


class Dialogs:
    """Questions over the window `parent`."""

    def __init__(self, parent: QWidget) -> None:
        self._parent = parent

    def project_folder(self, start: str) -> Path | None:
        """Which project to open; None when the user changed their mind."""
        return self._folder("Open a project folder", start)

    def export_folder(self, start: str) -> Path | None:
        """Where to write masks."""
        return self._folder("Folder for the masks", start)

    def new_project(self) -> NewProject | None:
        """What a new project is made of."""
        dialog = NewProjectDialog(self._parent)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        value = dialog.value()
        dialog.deleteLater()
        return value if accepted else None

    def color(self, current: str) -> str | None:
        """Another color for a class, "#rrggbb"."""
        color = QColorDialog.getColor(QColor(current), self._parent, "Color of the class")
        return color.name() if color.isValid() else None

    def confirm(self, title: str, question: str, yes: str) -> bool:
        """Whether to do something that cannot be taken back easily; the safe answer is the default."""
        box = self._box(title, question, QMessageBox.Icon.Question)
        accept = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
        cancel = box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
        return self._ask(box, cancel) is accept

    def close_while_training(self) -> CloseAnswer:
        """Training runs and the window is about to close."""
        box = self._box(
            "Training is running",
            "Training is running. Stop it and keep what it has learned so far, or keep waiting?\n\n"
            "Stopping takes a moment: the model is saved, the tiles are predicted, then the window closes by itself.",
            QMessageBox.Icon.Question,
        )
        stop = box.addButton("Stop and keep", QMessageBox.ButtonRole.AcceptRole)
        wait = box.addButton("Keep waiting", QMessageBox.ButtonRole.RejectRole)
        return CloseAnswer.STOP if self._ask(box, wait) is stop else CloseAnswer.WAIT

    def close_while_stopping(self) -> CloseAnswer:
        """The training is saving, and the user closes the window once more."""
        box = self._box(
            "Training is being saved",
            "What was learned is still being saved. Closing now ends the training at once; "
            "what it learned since its last save is lost. Labels are safe.",
            QMessageBox.Icon.Warning,
        )
        kill = box.addButton("Close now", QMessageBox.ButtonRole.DestructiveRole)
        wait = box.addButton("Keep waiting", QMessageBox.ButtonRole.RejectRole)
        return CloseAnswer.KILL if self._ask(box, wait) is kill else CloseAnswer.WAIT

    def close_unsaved(self, names: tuple[str, ...]) -> bool:
        """Strokes could not be saved. True: close and lose them."""
        box = self._box(
            "Strokes are not saved",
            f"The last strokes on {', '.join(names)} could not be saved. Closing the window loses them.",
            QMessageBox.Icon.Warning,
        )
        close = box.addButton("Close and lose them", QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        return self._ask(box, stay) is close

    def show_details(self, details: str) -> None:
        """The end of the training process's error output."""
        dialog = QDialog(self._parent)
        dialog.setWindowTitle("Details of the training process")
        text = QPlainTextEdit(details, dialog)
        text.setReadOnly(True)
        layout = QVBoxLayout(dialog)
        layout.addWidget(text)
        dialog.resize(700, 360)
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
