"""A project opens where it was left: tile, page and zoom."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer

from napari_unisemalign.app.context import Context
from napari_unisemalign.app.last_view import LastView, keep_view, last_view
from napari_unisemalign.shell.contracts import PlacesSurface
from napari_unisemalign.shell.pages import Place
from training_core.project import Project

KEEP_MS = 700
"""The camera moves many times a second."""


class LeftOffController:
    """Keeps what is on screen a moment after it changed; `TilesController` chooses the tile when a project opens."""

    def __init__(self, context: Context, pages: PlacesSurface) -> None:
        self._session, self._viewer, self._pages = context.session, context.viewer, pages
        self._layers = context.layers
        self._timer = QTimer(context.owner)
        self._timer.setSingleShot(True)
        self._timer.setInterval(KEEP_MS)
        self._timer.timeout.connect(self.keep)
        self._to_restore: LastView | None = None
        self._session.project_changed.connect(self._on_project)
        self._session.tile_changed.connect(self._on_tile)
        pages.shown.connect(self._later)
        camera = self._viewer.scene.camera
        context.connections.listen(camera.events.zoom, self._later)
        context.connections.listen(camera.events.center, self._later)

    def keep(self) -> None:
        """Keep it now."""
        self._timer.stop()
        project, tile, camera = self._session.project, self._session.tile, self._viewer.scene.camera
        if project is not None and tile is not None:
            size = self._layers.pixel_size
            row, column = (float(each) / size for each in camera.center[-2:])
            view = LastView(tile, self._pages.place, float(camera.zoom) * size, (row, column))
            keep_view(project.path, view)

    def _later(self, _event: Any = None) -> None:
        if self._session.tile is not None and not self._timer.isActive():
            self._timer.start()

    def _on_project(self, project: Project | None) -> None:
        self._timer.stop()
        self._to_restore = last_view(project.path) if project is not None else None

    def _on_tile(self, name: str | None) -> None:
        left, self._to_restore = self._to_restore, None
        if left is not None and left.tile == name:
            if left.place in (Place.ANNOTATE, Place.RESULTS, Place.SETTINGS):
                self._pages.show_place(Place(left.place))
            if left.zoom > 0:
                size, (row, column) = self._layers.pixel_size, left.center
                self._viewer.scene.camera.center = (row * size, column * size)
                self._viewer.scene.camera.zoom = left.zoom / size
        self._later()
