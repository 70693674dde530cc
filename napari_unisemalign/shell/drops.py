"""Folders, images and slides that are dropped or opened: a project opens, anything else is offered to become one.

Where a project is open, they are offered to be added to it.

Of what is dropped on the canvas only project folders and slides are kept from napari's readers; slides, and what is
dropped on the panel, go to the form. Images and slides that napari has opened stay, and a button offers to make a
project of their files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer

from napari_unisemalign.app.context import Context
from napari_unisemalign.app.layer_values import ROLE_KEY, SAMPLE_KEY
from napari_unisemalign.shell.contracts import CanvasSurface, DockingSurface, DropsSurface, OpenedSurface
from napari_unisemalign.shell.drops_view import may_become_project, project_folder
from napari_unisemalign.tiles.making import MakingController
from napari_unisemalign.tiles.tiles import TilesController
from napari_unisemalign.widgets.common import verbatim
from training_core.base.i18n import ntr, tr
from training_core.io.drawings import is_drawing
from training_core.io.files import IMAGE_SUFFIXES
from training_core.io.formats.ome_zarr_file import has_labels, is_image
from training_core.io.zarr_folders import is_zarr_folder

GATHER_MS = 200
"""napari hands several files over one by one and may paint in between; so long after the last the question comes."""


class DropsController:
    """Between what is dropped, napari's readers and the form for a new project."""

    def __init__(
        self,
        context: Context,
        drops: DropsSurface,
        docking: DockingSurface,
        canvas: CanvasSurface,
        opened: OpenedSurface,
        tiles: TilesController,
        making: MakingController,
    ) -> None:
        self._opened_view, self._making = opened, making
        self._context, self._session, self._tiles = context, context.session, tiles
        self._offered: list[Path] = []
        self._later = QTimer(context.owner)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._ask)
        drops.dropped.connect(self.receive)
        docking.docked.connect(canvas.watch)
        canvas.project_dropped.connect(self._open)
        canvas.slides_dropped.connect(self.offer)
        opened.opened_clicked.connect(lambda: self.offer(self._opened()))
        context.connections.listen(context.viewer.layers.events.inserted, self._refresh)
        context.connections.listen(context.viewer.layers.events.removed, self._refresh)
        self._session.project_changed.connect(self._refresh)
        self._refresh()

    def receive(self, paths: Sequence[Path]) -> None:
        """Open a project that was dropped on the panel; anything else may become one, or be added to the open one."""
        project = project_folder(paths[0]) if len(paths) == 1 else None
        if project is not None:
            self._open(project)
        else:
            self.offer(paths)

    def offer(self, paths: Sequence[Path]) -> None:
        """Ask what becomes of these, when whoever dropped them is done; several offers become one."""
        self._offered += [path for path in paths if path not in self._offered]
        self._later.start(GATHER_MS)

    def _ask(self) -> None:
        paths, self._offered = self._offered, []
        if paths and all(self._is_annotation(path) for path in paths):
            self._import(paths)
        elif self._session.project is None:
            self._making.make_project(paths)
        else:
            self._making.add_images(paths)

    def _is_annotation(self, path: Path) -> bool:
        """Labels of an OME-Zarr folder that is also an image are meant where a project is open, which may have it."""
        if not is_zarr_folder(path):
            return is_drawing(path)
        return has_labels(path) and (self._session.project is not None or not is_image(path))

    def _import(self, paths: Sequence[Path]) -> None:
        if self._session.project is None:
            self._context.reporter.warning(tr("Open a project first: annotations are imported into one."))
        else:
            self._making.import_drawings(paths)

    def _open(self, folder: Path) -> None:
        QTimer.singleShot(0, lambda: self._tiles.open_project(folder))

    # --- what napari has opened --------------------------------------------------------------------------------------

    def _opened(self) -> list[Path]:
        """The files of the layers that napari has read."""
        found: dict[Path, None] = {}
        for layer in self._context.viewer.layers:
            path = getattr(layer.source, "path", None)
            if path and ROLE_KEY not in layer.metadata and SAMPLE_KEY not in layer.metadata:
                file = Path(path)
                if file.exists() and (file.suffix.lower() in IMAGE_SUFFIXES or may_become_project(file)):
                    found[file] = None
        return list(found)

    def _refresh(self, _change: Any = None) -> None:
        paths = self._opened()
        if self._session.project is None:
            words = ntr("Make a project of {name} …", "Make a project of the {count} open images …", len(paths))
        else:
            words = ntr("Add {name} to the project …", "Add the {count} open images to the project …", len(paths))
        name = verbatim(paths[0].name) if paths else ""
        self._opened_view.set_opened(words.format(name=name, count=len(paths)) if paths else "")
