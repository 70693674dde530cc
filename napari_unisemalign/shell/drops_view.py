"""What is dropped on the panel, and on napari's canvas: of that projects and slides are kept from napari's readers."""

from __future__ import annotations

import weakref
from pathlib import Path

from qtpy.QtCore import QEvent, QObject, QTimer, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QWidget

from napari_unisemalign.widgets.drops import local_paths
from napari_unisemalign.widgets.events import read_as
from training_core.io.files import IMAGE_SUFFIXES
from training_core.io.formats.ome_zarr_file import is_image
from training_core.io.slides import SLIDE_SUFFIXES
from training_core.io.zarr_folders import is_zarr_folder
from training_core.project.index import INDEX_NAME


def project_folder(path: Path) -> Path | None:
    """The project that a path is, or whose project.json it is."""
    folder = path.parent if path.name == INDEX_NAME else path
    return folder if (folder / INDEX_NAME).is_file() else None


def may_become_project(path: Path) -> bool:
    """Whether a path is a slide, or a folder with images or slides in it. Looks at names, and metadata of OME-Zarr."""
    if path.is_dir() and not is_zarr_folder(path):
        return any(each.suffix.lower() in IMAGE_SUFFIXES | SLIDE_SUFFIXES for each in path.iterdir())
    return is_opened_as_slide(path)


def is_opened_as_slide(path: Path) -> bool:
    """Whether a path is a slide by its ending; a folder, if it says that it is an OME-Zarr image."""
    return is_image(path) if is_zarr_folder(path) else path.suffix.lower() in SLIDE_SUFFIXES


class PanelDrops(QObject):
    """The panel as a place where files are dropped; it hands its drops on to this."""

    dropped = Signal(list)
    """Files or folders: their paths."""

    def welcome(self, event: QDragEnterEvent | None) -> None:
        """Something is dragged over the panel."""
        if event is not None and local_paths(event.mimeData()):
            event.acceptProposedAction()

    def take(self, event: QDropEvent | None) -> None:
        """It is dropped."""
        if event is not None and (paths := local_paths(event.mimeData())):
            event.acceptProposedAction()
            self.dropped.emit(paths)


class CanvasDrops(QObject):
    """Watches the canvas of the window that a widget is in."""

    project_dropped = Signal(object)
    """Path of the folder."""
    slides_dropped = Signal(object)
    """Their paths."""

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._panel = panel
        self._watched: list[weakref.ref[QWidget]] = []
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._watch)

    def watch(self) -> None:
        """Look out for what is dropped, from when the panel is in its window."""
        self._later.start(0)  # the dock is not in the window yet

    def close(self) -> None:
        """Look out no longer."""
        for reference in self._watched:
            widget = reference()
            if widget is not None:
                widget.removeEventFilter(self)
        self._watched.clear()

    def _watch(self) -> None:
        for widget in self._panel.window().findChildren(QWidget):
            if widget.metaObject().className() == "QtViewer":  # the one that takes napari's drops
                widget.installEventFilter(self)
                self._watched.append(weakref.ref(widget))

    def eventFilter(self, _watched: QObject | None, event: QEvent | None) -> bool:  # noqa: D102
        if event is None or event.type() != QEvent.Type.Drop:
            return False
        drop = read_as(event, QDropEvent)
        paths = local_paths(drop.mimeData())
        project = project_folder(paths[0]) if len(paths) == 1 else None
        slides = [path for path in paths if is_opened_as_slide(path)]
        if project is None and (not slides or slides != paths):
            return False
        drop.acceptProposedAction()
        if project is not None:
            self.project_dropped.emit(project)
        else:
            self.slides_dropped.emit(slides)
        return True
