"""Puts the parts of one window together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_unisemalign.background import Background
from napari_unisemalign.controllers.classes import ClassesController
from napari_unisemalign.controllers.closing import ClosingController
from napari_unisemalign.controllers.context import Context
from napari_unisemalign.controllers.correction import CorrectionController
from napari_unisemalign.controllers.export import ExportController
from napari_unisemalign.controllers.labels import LabelsController
from napari_unisemalign.controllers.live import LiveController
from napari_unisemalign.controllers.overlays import OverlaysController
from napari_unisemalign.controllers.tiles import TilesController
from napari_unisemalign.controllers.training import TrainingController
from napari_unisemalign.dialogs import Dialogs
from napari_unisemalign.layers import TileLayers
from napari_unisemalign.notify import Reporter
from napari_unisemalign.session import Session
from napari_unisemalign.widgets.panel import Panel

if TYPE_CHECKING:
    from napari import Viewer


class Controller:
    """One window's session, layers and controllers.

    The order matters: on a new tile, its labels are watched before its overlays are read and the buttons are set.
    """

    def __init__(self, viewer: Viewer, panel: Panel) -> None:
        self.context = Context(
            viewer=viewer,
            panel=panel,
            session=Session(),
            layers=TileLayers(viewer),
            reporter=Reporter(panel.messages),
            dialogs=Dialogs(panel),
            background=Background(panel),
            thumbnails=Background(panel),
        )
        panel.messages.details_clicked.connect(self.context.dialogs.show_details)
        self.labels = LabelsController(self.context)
        self.classes = ClassesController(self.context, self.labels)
        self.tiles = TilesController(self.context, self.labels)
        self.overlays = OverlaysController(self.context)
        self.correction = CorrectionController(self.context, self.labels, self.tiles)
        self.training = TrainingController(self.context, self.labels)
        self.live = LiveController(self.context, self.labels)
        self.export = ExportController(self.context, self.labels)
        self.closing = ClosingController(self.context, self.labels, self.training, self.live)

    @property
    def session(self) -> Session:
        """The window's state."""
        return self.context.session

    @property
    def layers(self) -> TileLayers:
        """The layers of the tile on screen."""
        return self.context.layers

    def open_project(self, path: Path) -> None:
        """Open a project folder; a problem becomes a notification."""
        self.tiles.open_project(path)

    def open_sample(self, folder: Path | None = None) -> None:
        """Open the sample project, made in the background the first time."""
        self.tiles.open_sample(folder)
