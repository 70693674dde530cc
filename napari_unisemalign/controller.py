"""Puts the parts of one window together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unisemalign.background import Background
from napari_unisemalign.controllers.brush import BrushController
from napari_unisemalign.controllers.chart import ChartController
from napari_unisemalign.controllers.class_removal import ClassRemovalController
from napari_unisemalign.controllers.classes import ClassesController
from napari_unisemalign.controllers.closing import ClosingController
from napari_unisemalign.controllers.confusion import ConfusionController
from napari_unisemalign.controllers.context import Context
from napari_unisemalign.controllers.correction import CorrectionController
from napari_unisemalign.controllers.drops import DropsController
from napari_unisemalign.controllers.export import ExportController
from napari_unisemalign.controllers.gallery import GalleryController
from napari_unisemalign.controllers.guide import GuideController
from napari_unisemalign.controllers.keys import KeysController
from napari_unisemalign.controllers.labels import LabelsController
from napari_unisemalign.controllers.live import LiveController
from napari_unisemalign.controllers.overlays import OverlaysController
from napari_unisemalign.controllers.painting import PaintingController
from napari_unisemalign.controllers.parts import PartsController
from napari_unisemalign.controllers.run_controls import RunControls
from napari_unisemalign.controllers.settings import SettingsController
from napari_unisemalign.controllers.tiles import TilesController
from napari_unisemalign.controllers.tour import TourController
from napari_unisemalign.controllers.training import TrainingController
from napari_unisemalign.controllers.undo import UndoController
from napari_unisemalign.dialogs import Dialogs
from napari_unisemalign.layers import TileLayers
from napari_unisemalign.notify import Reporter
from napari_unisemalign.pictures import Pictures
from napari_unisemalign.session import Session
from napari_unisemalign.widgets.panel import Panel

if TYPE_CHECKING:
    from napari import Viewer


class Controller:
    """One window's session, layers and controllers.

    The order matters: on a new tile, its labels are watched before its overlays are read and the buttons are set.
    """

    def __init__(self, viewer: Viewer, panel: Panel, perform: Callable[[str], object]) -> None:
        """perform: does the action of this id in this window."""
        thumbnails = Background(panel)
        self.context = Context(
            viewer=viewer,
            panel=panel,
            session=Session(),
            layers=TileLayers(viewer),
            reporter=Reporter(panel.messages),
            dialogs=Dialogs(panel),
            background=Background(panel),
            thumbnails=thumbnails,
            pictures=Pictures(thumbnails),
        )
        panel.messages.details_clicked.connect(lambda details: self.context.dialogs.show_details(details))
        self.labels = LabelsController(self.context)
        self.classes = ClassesController(self.context)
        self.tiles = TilesController(self.context, self.labels)
        self.drops = DropsController(self.context, self.tiles)
        self.gallery = GalleryController(self.context)
        self.overlays = OverlaysController(self.context)
        self.parts = PartsController(self.context, self.overlays)
        self.undo = UndoController(self.context, self.labels, self.tiles)
        self.brush = BrushController(self.context)
        self.painting = PaintingController(self.context, self.labels, self.undo)
        self.class_removal = ClassRemovalController(self.context, self.labels, self.undo)
        self.correction = CorrectionController(self.context, self.labels, self.tiles, self.overlays, self.undo)
        self.training = TrainingController(self.context, self.labels)
        self.chart = ChartController(self.context)
        self.confusion = ConfusionController(self.context, self.tiles, self.overlays)
        self.settings = SettingsController(self.context)
        self.run_controls = RunControls(self.context, self.labels, self.training)
        self.live = LiveController(self.context, self.labels)
        self.export = ExportController(self.context, self.labels)
        self.guide = GuideController(self.context, self.tiles)
        self.tour = TourController(self.context, self.tiles)
        self.keys = KeysController(self.context, self.classes, perform)
        self.closing = ClosingController(self.context, self.labels, self.training, (self.live, self.parts))

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
