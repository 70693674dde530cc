"""Puts the parts of one window together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

from napari_unisemalign.actions.keys import KeysController
from napari_unisemalign.actions.keys_view import KeysDialog
from napari_unisemalign.actions.window_keys import WindowKeys
from napari_unisemalign.annotate.accept import CorrectionController
from napari_unisemalign.annotate.accept_several import SeveralTilesController
from napari_unisemalign.annotate.branches import PartsController
from napari_unisemalign.annotate.brush import BrushController
from napari_unisemalign.annotate.class_removal import ClassRemovalController
from napari_unisemalign.annotate.classes import ClassesController
from napari_unisemalign.annotate.foreign_layers import ForeignLayersController
from napari_unisemalign.annotate.joins import JoinWatch
from napari_unisemalign.annotate.label_history import LabelHistoryController
from napari_unisemalign.annotate.modes import ModesController
from napari_unisemalign.annotate.object_edits import ObjectEdits
from napari_unisemalign.annotate.object_review import ObjectReview
from napari_unisemalign.annotate.object_split import ObjectSplit
from napari_unisemalign.annotate.overlays import OverlaysController
from napari_unisemalign.annotate.painting import PaintingController
from napari_unisemalign.annotate.selection import ObjectSelection
from napari_unisemalign.annotate.undo import UndoController
from napari_unisemalign.app.background import Background
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.drawn_shapes import DrawnShapes
from napari_unisemalign.app.image_notes import ImageNotes
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.layers import TileLayers
from napari_unisemalign.app.notify import Reporter
from napari_unisemalign.app.pictures import Pictures
from napari_unisemalign.app.process import TrainerProcess
from napari_unisemalign.app.session import Session
from napari_unisemalign.results.areas_table import AreasController
from napari_unisemalign.results.confusion import ConfusionController
from napari_unisemalign.results.export import ExportController
from napari_unisemalign.results.hold_out import HoldOutController
from napari_unisemalign.results.predict import PredictController
from napari_unisemalign.results.rounds_table import RoundsController
from napari_unisemalign.results.share import ShareController
from napari_unisemalign.shell.closing import ClosingController
from napari_unisemalign.shell.closing_view import ClosingView
from napari_unisemalign.shell.dialogs import WindowDialogs
from napari_unisemalign.shell.docks import DocksController
from napari_unisemalign.shell.docks_view import DocksView
from napari_unisemalign.shell.drops import DropsController
from napari_unisemalign.shell.drops_view import CanvasDrops
from napari_unisemalign.shell.headers import GuideController
from napari_unisemalign.shell.left_off import LeftOffController
from napari_unisemalign.shell.panel import Panel
from napari_unisemalign.shell.report import ReportController
from napari_unisemalign.shell.tour import TourController
from napari_unisemalign.tiles.elsewhere import ElsewhereController
from napari_unisemalign.tiles.making import MakingController
from napari_unisemalign.tiles.new_tile import NewTileController
from napari_unisemalign.tiles.opened_slides import OpenedSlides
from napari_unisemalign.tiles.slide import SlideController
from napari_unisemalign.tiles.tile_list import GalleryController
from napari_unisemalign.tiles.tiles import TilesController
from napari_unisemalign.train.chart import ChartController
from napari_unisemalign.train.hanging import HangingController
from napari_unisemalign.train.live_preview import LiveController
from napari_unisemalign.train.run_controls import RunControls
from napari_unisemalign.train.settings import SettingsController
from napari_unisemalign.train.training import TrainingController

if TYPE_CHECKING:
    from napari import Viewer


class Controller:
    """One window's session, layers and controllers.

    The order matters: on a new tile, its labels are watched before its overlays are read and the buttons are set.
    """

    def __init__(self, viewer: Viewer, panel: Panel, perform: Callable[[str], object]) -> None:
        """perform: does the action of this id in this window."""
        self._title = viewer.title
        session, thumbnails = Session(), Background(panel)
        layers = TileLayers(viewer, session.label)
        self.context = Context(
            viewer=viewer,
            owner=panel,
            session=session,
            layers=layers,
            drawn=DrawnShapes(viewer, layers),
            reporter=Reporter(panel.messages),
            dialogs=WindowDialogs(panel),
            background=Background(panel),
            thumbnails=thumbnails,
            pictures=Pictures(thumbnails),
            notes=ImageNotes(viewer),
        )
        panel.destroyed.connect(self.context.notes.end)
        panel.messages.details_clicked.connect(lambda details: self.context.dialogs.show_details(details))
        self.labels = LabelsController(self.context, panel.painting.set_saved)
        self.classes = ClassesController(self.context, panel.classes, panel.chips)
        self.tiles = TilesController(self.context, panel.tiles, panel.project, self.labels)
        self.elsewhere = ElsewhereController(self.context, self.tiles, self.labels)
        self.making = MakingController(self.context, panel.project, self.tiles, self.labels)
        panel.tiles.sizes_wanted.connect(self.making.correct_pixel_sizes)
        self._canvas_drops = CanvasDrops(panel)
        self.drops = DropsController(
            self.context, panel.drops, panel.docking, self._canvas_drops, panel.project, self.tiles, self.making
        )
        self.slide = SlideController(self.context, panel.slide, self.tiles.show)
        self.new_tile = NewTileController(self.context, panel.slide, self.slide, self.tiles)
        self.opened_slides = OpenedSlides(self.context)
        self.gallery = GalleryController(self.context, panel.tiles)
        self.overlays = OverlaysController(self.context, panel.overlays)
        self.parts = PartsController(self.context, panel.overlays, self.overlays)
        self.undo = UndoController(self.context, panel.painting, self.labels, self.tiles)
        self.history = LabelHistoryController(self.context, self.labels, self.undo)
        self.brush = BrushController(self.context, panel.painting, panel.chips)
        self.class_removal = ClassRemovalController(self.context, panel.classes, self.labels, self.undo)
        self.correction = CorrectionController(
            self.context, panel.correct, panel.cleanup, self.labels, self.tiles, self.overlays, self.undo
        )
        self.painting = PaintingController(
            self.context, panel.painting, self.labels, self.undo, self.overlays, self.correction.show_change
        )
        self.selection = ObjectSelection(self.context, panel.objects, self.correction)
        self.object_edits = ObjectEdits(
            self.context, panel.objects, self.selection, self.correction, self.labels, self.undo
        )
        self.object_split = ObjectSplit(self.context, panel.objects, self.selection, self.object_edits, self.correction)
        self.object_review = ObjectReview(
            self.context, panel.objects, self.selection, self.object_edits, self.object_split, self.labels, self.tiles
        )
        self.joins = JoinWatch(self.context, self.correction)
        self.several = SeveralTilesController(self.context, self.correction, self.tiles, self.undo)
        panel.tiles.accept_wanted.connect(self.several.accept)
        panel.tiles.reject_wanted.connect(self.several.reject)
        helper = TrainerProcess(panel, "live preview")
        self.training = TrainingController(
            self.context, panel.train, self.labels, panel.settings.finish_editing, helper
        )
        self.hanging = HangingController(self.context, panel.hanging, self.training)
        self.chart = ChartController(self.context, panel.train.chart)
        self.confusion = ConfusionController(self.context, panel.confusion, panel.overlays, self.tiles, self.overlays)
        self.settings = SettingsController(self.context, panel.settings)
        self.run_controls = RunControls(self.context, panel.train.controls, self.labels, self.training)
        views = (panel.train.controls.hold_out, panel.rounds.hold_out)
        self.hold_out = HoldOutController(self.context, views, self.labels)
        self.live = LiveController(self.context, panel.train, self.labels, helper)
        self.areas = AreasController(self.context, panel.areas, self.labels, self.tiles)
        self.rounds = RoundsController(self.context, panel.rounds)
        self.export = ExportController(self.context, panel.export, panel.cleanup, self.labels)
        self.share = ShareController(self.context, panel.share)
        self.predict = PredictController(self.context, panel.predict)
        self.docks = DocksController(self.context, DocksView(panel, panel.docking, panel.tiles))
        self.left_off = LeftOffController(self.context, panel.pages)
        self.guide = GuideController(self.context, panel.head, panel.head.tile_bar, panel.status, self.tiles)
        self.tour = TourController(self.context, panel.tour, panel.pointer, self.making)
        panel.project.tour_clicked.connect(self.tour.start)
        self.report = ReportController(self.context, panel.report)
        self.modes = ModesController(
            self.context,
            self.correction.areas,
            self.selection,
            self.object_split,
            self.overlays.flicker,
            lambda: self.correction.is_going_on,
        )
        self._one_mode_at_a_time()
        self.foreign_layers = ForeignLayersController(self.context, panel.notice, self.labels.doubt)
        self.keys = KeysController(
            self.context, WindowKeys(panel, perform), lambda: KeysDialog(panel), self.classes.set_keys
        )
        panel.program.keys_clicked.connect(lambda: perform("show-keys"))
        panel.program.report_clicked.connect(lambda: perform("report-problem"))
        panel.docking.docked.connect(lambda: QTimer.singleShot(0, self.keys.on_docked))
        self.closing = ClosingController(
            self.context,
            ClosingView(
                panel,
                panel.docking,
                lambda widget, name: viewer.window.add_dock_widget(widget, name=name, area="right"),
            ),
            self.labels,
            self.training,
            (self.live, self.parts, self.tiles.sharing, self.share, self.predict),
            self._put_away,
        )

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
        self.making.open_sample(folder)

    def _one_mode_at_a_time(self) -> None:
        """The mouse adds tiles, or does one of the things that a review knows."""
        new_tile, selection, split = self.new_tile, self.selection, self.object_split
        new_tile.began.connect(self._leave_review_modes)
        self.correction.areas.began.connect(new_tile.leave)
        selection.changed.connect(lambda: new_tile.leave() if selection.pointing else None)
        split.changed.connect(lambda: new_tile.leave() if split.drawing else None)

    def _leave_review_modes(self) -> None:
        while self.correction.areas.leave():
            pass
        self.object_split.draw(False)
        self.selection.point(False)

    def _put_away(self) -> None:
        """The panel goes and the window stays: no layer, text or key of ours, and nothing that listens."""
        context = self.context
        self.new_tile.leave()
        self._leave_review_modes()
        self.modes.leave()  # napari draws the brush of a layer that is gone
        self.keys.close()
        self.brush.close()
        self._canvas_drops.close()
        context.connections.close()
        self.labels.release()
        context.session.set_project(None)
        context.layers.clear()
        context.notes.close()
        context.viewer.title = self._title
        for each in (context.background, context.thumbnails):
            each.abandon()
