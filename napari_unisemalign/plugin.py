"""What the manifest names: the widget, the reader of project folders, the writer of labels, and the sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.viewer import Viewer, current_viewer
from qtpy.QtCore import QTimer

from napari_unisemalign.app.layer_values import CLASS_ROLES, ROLE_KEY, SAMPLE_KEY, class_colormap, to_layer
from napari_unisemalign.app.layers import TileLayers
from napari_unisemalign.app.user_folders import sample_folder
from napari_unisemalign.handlers import perform
from napari_unisemalign.results.layer_files import class_mask_bytes, plain_bytes
from napari_unisemalign.shell.drops_view import may_become_project, project_folder
from napari_unisemalign.shell.panel import Panel
from napari_unisemalign.window import Controller
from training_core.base.addresses import path_or_address
from training_core.base.errors import ImageError
from training_core.demo import make_demo
from training_core.io import atomic_write
from training_core.io.zarr_folders import is_zarr_folder
from training_core.project import Project, Tile

DOCK_NAME = "Train a tissue segmenter (UniSemAlign)"
"""The name that napari's Plugins menu gives the dock, so that the menu finds the one that is there."""
NO_LAYERS: list[Any] = [(None,)]
"""How a reader says that it has read the path and has no layer to add."""


class UniSemAlignPanel(Panel):
    """The dock widget."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.controller = Controller(napari_viewer, self, self.perform)

    def perform(self, action_id: str) -> bool:
        """Do this of `ACTIONS`, or say why it is not possible now; returns whether it was done."""
        return perform(action_id, self.controller)


def panel_in(viewer: Viewer) -> UniSemAlignPanel:
    """The panel docked in this viewer; docked now where there is none."""
    for widget in viewer.window.dock_widgets.values():
        if isinstance(widget, UniSemAlignPanel):
            return widget
    panel = UniSemAlignPanel(viewer)
    viewer.window.add_dock_widget(panel, name=DOCK_NAME, area="right").show()
    return panel


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[Any]] | None:
    """A reader for a project folder (or its project.json), for slides, and for folders of images, which may become one.

    None for anything else, and for the latter where no window could ask. napari asks which reader to use where
    it has one of its own, so nothing is taken from it.
    """
    if _project_folder(path) is not None:
        return _read
    try:
        paths = _paths(path)
    except ImageError:
        return None
    return _open if current_viewer() is not None and all(may_become_project(each) for each in paths) else None


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a layer of labels; what shows classes of the open project becomes a mask of class ids in their colours."""
    out, values = Path(path), np.asarray(data)
    role, shown = attributes.get("metadata", {}).get(ROLE_KEY), _on_screen()
    if role in CLASS_ROLES and shown is not None and values.shape == (shown[1].height_px, shown[1].width_px):
        project, tile, layers = shown
        atomic_write(out, class_mask_bytes(out, layers.ids_of(role, values), role, project, tile))
    else:
        atomic_write(out, plain_bytes(out, values))
    return [path]


def _on_screen() -> tuple[Project, Tile, TileLayers] | None:
    viewer = current_viewer()
    docked = viewer.window.dock_widgets.values() if viewer is not None else ()
    for panel in (each for each in docked if isinstance(each, UniSemAlignPanel)):
        session = panel.controller.session
        if session.project is not None and session.tile is not None:
            return session.project, session.project.tile(session.tile), panel.controller.layers
    return None


def sample() -> list[Any]:
    """Open the sample project in the panel; it is made the first time. Returns the layers of its first tile.

    napari wants layers from a sample. They make way for the panel's own as soon as it has opened the project.
    """
    folder, viewer = sample_folder(), current_viewer()
    if not (folder / "project.json").exists():
        if viewer is None:
            make_demo(folder)
        else:
            panel_in(viewer).controller.making.make_sample_now(folder)
    if viewer is not None:
        QTimer.singleShot(0, lambda: panel_in(viewer).controller.open_project(folder))
    return _first_tile(folder)


def _read(path: str | list[str]) -> list[Any]:
    folder = _project_folder(path)
    assert folder is not None
    viewer = current_viewer()
    if viewer is None:
        return _first_tile(folder)
    panel_in(viewer).controller.open_project(folder)
    return NO_LAYERS


def _open(path: str | list[str]) -> list[Any]:
    """Layers of slides; of folders the form for a new project, when napari is done with reading."""
    viewer = current_viewer()
    if viewer is None:
        return NO_LAYERS
    paths, controller = _paths(path), panel_in(viewer).controller
    folders = [each for each in paths if each.is_dir() and not is_zarr_folder(each)]
    if folders:
        controller.drops.offer(folders)
    slides = controller.opened_slides.new_among([each for each in paths if each not in folders])
    return [controller.opened_slides.layer_data(each) for each in slides] or NO_LAYERS


def _paths(path: str | list[str]) -> list[Path]:
    """Paths and addresses; it raises an `ImageError` for an address that is none."""
    return [path_or_address(each) for each in (path if isinstance(path, list) else [path])]


def _first_tile(folder: Path) -> list[Any]:
    project = Project.open(folder)
    name = project.tiles[0].name
    labels = {"name": f"{name} labels", "colormap": class_colormap(project.classes), "metadata": {SAMPLE_KEY: True}}
    return [
        (project.image(name), {"name": name, "rgb": True, "metadata": {SAMPLE_KEY: True}}, "image"),
        (to_layer(project.label(name)), labels, "labels"),
    ]


def _project_folder(path: str | list[str]) -> Path | None:
    if isinstance(path, list):
        return _project_folder(path[0]) if len(path) == 1 else None
    return project_folder(Path(path))
