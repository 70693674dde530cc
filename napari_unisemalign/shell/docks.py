"""What stands around the image: the tiles in their own dock, and napari's docks, folded while a project is open."""

from __future__ import annotations

from napari_unisemalign.app.context import Context
from napari_unisemalign.shell.contracts import DocksSurface


class DocksController:
    """Docks the tiles beside the image as long as the panel is docked; folds napari's docks, and brings them back."""

    def __init__(self, context: Context, view: DocksSurface) -> None:
        self._view, self._session, self._viewer = view, context.session, context.viewer
        view.docked.connect(self._on_docked)
        view.undocked.connect(self._on_undocked)
        self._session.project_changed.connect(self._on_project)

    def toggle_napari(self) -> None:
        """Bring napari's layer list and layer controls back, or fold them away again."""
        if self._view.napari_is_folded:
            self._view.unfold_napari()
        else:
            self._view.fold_napari()

    def _on_docked(self) -> None:
        if not self._view.has_tiles:
            self._view.dock_tiles()
            self._on_project(self._session.project)

    def _on_undocked(self) -> None:
        self._view.unfold_napari()
        self._viewer.canvas.overlays.scale_bar.visible = False
        self._view.release_tiles()

    def _on_project(self, project: object) -> None:
        if not self._view.has_tiles:
            return
        if project is None:
            self._view.hide_tiles()
            self._view.unfold_napari()
            return
        self._view.fold_napari()
        self._view.show_tiles()
        self._viewer.canvas.overlays.scale_bar.visible = True
