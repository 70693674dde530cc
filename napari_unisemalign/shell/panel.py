"""The dock's content: the head with project and tile, the pages of work, and the foot with the training."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QShowEvent
from qtpy.QtWidgets import QStyle, QVBoxLayout, QWidget

from napari_unisemalign.annotate.accept_view import CorrectView
from napari_unisemalign.annotate.class_chips_view import ClassChips
from napari_unisemalign.annotate.classes_view import ClassesView
from napari_unisemalign.annotate.clean_up_view import CleanUpView
from napari_unisemalign.annotate.objects_view import ObjectsView
from napari_unisemalign.annotate.overlays_view import OverlaysView
from napari_unisemalign.annotate.painting_view import PaintingView
from napari_unisemalign.app.layer_values import PREDICTION
from napari_unisemalign.results.areas_view import AreasView
from napari_unisemalign.results.confusion_view import ConfusionView
from napari_unisemalign.results.export_view import ExportView
from napari_unisemalign.results.predict_view import PredictView
from napari_unisemalign.results.rounds_view import RoundsView
from napari_unisemalign.results.share_view import ShareView
from napari_unisemalign.shell.contracts import TourTarget
from napari_unisemalign.shell.docking_view import LEAST_WIDTH_PX, Docking
from napari_unisemalign.shell.drops_view import PanelDrops
from napari_unisemalign.shell.head_view import Head
from napari_unisemalign.shell.pages import Page, Pages, Place
from napari_unisemalign.shell.program_view import ProgramView
from napari_unisemalign.shell.report_view import ReportView
from napari_unisemalign.shell.tour_view import TourCard, TourPointer
from napari_unisemalign.tiles.project_view import ProjectView
from napari_unisemalign.tiles.slide_view import SlideView
from napari_unisemalign.tiles.tiles_view import TilesView
from napari_unisemalign.train.settings_view import SettingsForm
from napari_unisemalign.train.train_view import TrainView
from napari_unisemalign.widgets.common import MessageBar, keep_enter
from napari_unisemalign.widgets.deliberate import Deliberate
from napari_unisemalign.widgets.fold import Fold
from napari_unisemalign.widgets.notice import Notice
from napari_unisemalign.widgets.shrinking import ShrinkingArea
from training_core.base.i18n import tr

LEAST_BARS_PX = 72
"""Two lines of a message and its buttons."""
FIT_MS = 50
"""A new theme comes in several steps, and a dock that had to be wide for one of them stays wide."""


class Panel(QWidget):
    """All pages. It only shows; `napari_unisemalign.window` makes it work. `tiles` is for a dock of its own."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("unisemalign_panel")
        self.setAcceptDrops(True)
        self.docking, self.drops = Docking(self), PanelDrops(self)
        self._make_views()
        self._make_pages()
        self.head = Head(self.pages, self.train.footer.details_button, self)
        self.report = ReportView(self, self.messages)
        self._lay_out()
        self._fit_timer = QTimer(self)
        self._fit_timer.setSingleShot(True)
        self._fit_timer.timeout.connect(self._fit)
        self.pages.shown.connect(self._on_place)
        for page in self.pages.all():
            page.body.installEventFilter(self)
        self.pointer = TourPointer(self, self._tour_targets(), self.pages.reveal)
        for part in (self, self.tiles):
            Deliberate(part)

    def _make_views(self) -> None:
        self.messages = MessageBar(self)
        self.notice = Notice(self)
        self.hanging = Notice(self)
        self.tour = TourCard(self)
        self.tiles = TilesView()
        self.slide = SlideView(self)
        self.project = ProjectView(self)
        self.chips = ClassChips(self)
        self.classes = ClassesView(self)
        self.painting = PaintingView(self)
        self.overlays = OverlaysView(self)
        self.cleanup = CleanUpView(self)
        self.correct = CorrectView(self)
        self.objects = ObjectsView(self)
        self.train = TrainView(self)
        self.areas = AreasView(self)
        self.rounds = RoundsView(self)
        self.confusion = ConfusionView(self)
        self.export = ExportView(self)
        self.share = ShareView(self)
        self.predict = PredictView(self)
        self.program = ProgramView(self)
        self.settings = SettingsForm(self)
        self.status = self.train.footer.status

    def _make_pages(self) -> None:
        head = QWidget(self)
        inside = QVBoxLayout(head)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(4)
        inside.addWidget(self.chips)
        inside.addWidget(self.correct.head)
        self.pages = Pages(self)
        annotate = (
            Fold(tr("Painting"), self.painting, is_open=True),
            Fold(tr("Display"), _stacked(self.slide, self.overlays.display), is_open=True),
            Fold(tr("Classes"), self.classes),
            Fold(tr("Regions"), self.correct.regions),
            Fold(tr("Objects"), self.objects),
            Fold(tr("Confidence"), _stacked(self.overlays.confidence, self.correct.confidence_box)),
            Fold(tr("Post-processing"), self.cleanup),
            Fold(tr("Advanced views"), self.overlays.advanced),
        )
        self.pages.add(Page(Place.PROJECT, self.project))
        self.pages.add(Page(Place.ANNOTATE, *annotate, head=head))
        results = (
            Fold(tr("Rounds"), self.rounds, is_open=True),
            Fold(tr("Areas"), self.areas, is_open=True),
            Fold(tr("Confusion matrix"), self.confusion, is_open=True),
            Fold(tr("Export masks"), self.export, is_open=True),
            Fold(tr("Predict slides"), self.predict),
            Fold(tr("Share the model"), self.share),
        )
        self.pages.add(Page(Place.RESULTS, *results))
        self.pages.add(Page(Place.SETTINGS, self.program, self.settings))
        self.pages.add(Page(Place.TRAINING, self.train))

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        bars = ShrinkingArea(self._bars(), least_px=LEAST_BARS_PX, parent=self)
        bars.setAccessibleName(tr("Messages"))
        layout.addWidget(bars)
        layout.addWidget(self.head)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.train.footer)

    def _bars(self) -> QWidget:
        """What has something to say, above everything."""
        bars = QWidget(self)
        inside = QVBoxLayout(bars)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(4)
        for bar in (self.messages, self.notice, self.hanging, self.tour):
            inside.addWidget(bar)
        return bars

    def _tour_targets(self) -> dict[TourTarget, QWidget]:
        return {
            TourTarget.TILES: self.tiles.list,
            TourTarget.CLASSES: self.chips,
            TourTarget.START: self.train.start_button,
            TourTarget.STATUS: self.status,
            TourTarget.PREDICTION: self.overlays.switches[PREDICTION],
            TourTarget.ACCEPT: self.correct.accept_next_button,
            TourTarget.EXPORT: self.export.export_button,
        }

    def _on_place(self, place: Place) -> None:
        """Of the settings nothing else is to be seen, so that nobody should have to unfold them."""
        if place is Place.SETTINGS and self.settings.header.isEnabled():
            self.settings.set_open(True)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: D102
        if not keep_enter(event):
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: D102
        super().showEvent(event)
        self._fit_later()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: D102
        self.drops.welcome(event)

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: D102
        self.drops.take(event)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: D102
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self._fit_later()
        if event is not None and event.type() == QEvent.Type.ParentChange:
            self.docking.look()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: D102
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self._fit_later()  # what was folded away gets its fonts and margins later
        return super().eventFilter(watched, event)

    def _fit_later(self) -> None:
        self._fit_timer.start(FIT_MS)  # when all parts have got the new fonts and margins

    def _fit(self) -> None:
        """Be wide enough that nothing is cut off beside the scroll bar, whichever page is open."""
        style = self.style()
        scroll_bar = style.pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent) if style is not None else 16
        widest = max(page.body.minimumSizeHint().width() for page in self.pages.all())
        self.setMinimumWidth(max(LEAST_WIDTH_PX, widest + scroll_bar + 10))


def _stacked(*parts: QWidget) -> QWidget:
    whole = QWidget()
    layout = QVBoxLayout(whole)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    for part in parts:
        layout.addWidget(part)
    return whole
