"""The dock's content: the project and the tile on screen, the pages of work, and the foot with the training."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QStyle, QToolButton, QVBoxLayout, QWidget

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
from napari_unisemalign.shell.pages import Page, Pages, Place
from napari_unisemalign.shell.program_view import ProgramView
from napari_unisemalign.shell.report_view import picture
from napari_unisemalign.shell.tile_bar import TileBar
from napari_unisemalign.shell.tour_view import Spotlight, TourCard
from napari_unisemalign.tiles.project_view import ProjectView
from napari_unisemalign.tiles.slide_view import SlideView
from napari_unisemalign.tiles.tiles_view import TilesView
from napari_unisemalign.train.settings_view import SettingsForm
from napari_unisemalign.train.train_view import TrainView
from napari_unisemalign.widgets.common import TAB_STYLE, MessageBar, keep_enter, verbatim
from napari_unisemalign.widgets.deliberate import Deliberate
from napari_unisemalign.widgets.drops import local_paths
from napari_unisemalign.widgets.fold import Fold
from napari_unisemalign.widgets.notice import Notice
from training_core.base.i18n import tr

LEAST_WIDTH_PX = 320
FIT_MS = 50
"""A new theme comes in several steps, and a dock that had to be wide for one of them stays wide."""


class Panel(QWidget):
    """All pages. It only shows; `napari_unisemalign.window` makes it work. `tiles` is for a dock of its own."""

    docked = Signal()
    """napari has put this widget into a dock."""
    dropped = Signal(list)
    """Files or folders were dropped here: their paths."""
    undocked = Signal()
    """The dock was closed for good; napari has let go of this widget."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.dock_name = "UniSemAlign"
        self.setObjectName("unisemalign_panel")
        self.setAcceptDrops(True)
        self._make_views()
        self._make_pages()
        self._lay_out()
        self._fit_timer = QTimer(self)
        self._fit_timer.setSingleShot(True)
        self._fit_timer.timeout.connect(self._fit)
        self._revealed: QWidget | None = None
        self._reveal_timer = QTimer(self)
        self._reveal_timer.setSingleShot(True)
        self._reveal_timer.timeout.connect(self._scroll)
        self.pages.shown.connect(self._on_place)
        for page in self.pages.all():
            page.body.installEventFilter(self)
        self.spotlight = Spotlight(self)
        for part in (self, self.tiles):
            Deliberate(part)
        self.set_project("")

    def _make_views(self) -> None:
        self.messages = MessageBar(self)
        self.notice = Notice(self)
        self.hanging = Notice(self)
        self.tour = TourCard(self)
        self.tile_bar = TileBar(self)
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
        self.project_button = _tab(tr("Project"), tr("Open or create a project; what is in this one"))
        self.tabs = {
            Place.ANNOTATE: _tab(tr("Annotate && review"), tr("Paint, look at predictions, accept or reject them")),
            Place.RESULTS: _tab(tr("Results"), tr("What the rounds found, and the export of masks")),
            Place.SETTINGS: _tab(tr("Settings"), tr("What the project's trainings do otherwise than by default")),
        }
        self.project_button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        first, second = QHBoxLayout(), QHBoxLayout()
        for line in (first, second):
            line.setContentsMargins(4, 0, 4, 0)
            line.setSpacing(2)
        first.addWidget(self.project_button)
        first.addWidget(self.tile_bar, 1)
        self.pages.add_button(Place.PROJECT, self.project_button)
        for place, button in self.tabs.items():
            second.addWidget(button)
            self.pages.add_button(place, button)
        second.addStretch()
        self.pages.add_button(Place.TRAINING, self.train.footer.details_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.messages)
        layout.addWidget(self.notice)
        layout.addWidget(self.hanging)
        layout.addWidget(self.tour)
        layout.addLayout(first)
        layout.addLayout(second)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.train.footer)

    def set_project(self, name: str) -> None:
        """Name the open project on its button; an empty text for none, where only it can be chosen."""
        words = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, LEAST_WIDTH_PX // 3)
        self.project_button.setText(f"{verbatim(words) or tr('Project')} ▾")
        self.project_button.setAccessibleName(tr("Project {name}").format(name=name) if name else tr("Project"))
        for button in self.tabs.values():
            button.setEnabled(bool(name))
        self.train.footer.details_button.setEnabled(bool(name))
        self.pages.show_place(Place.ANNOTATE if name else Place.PROJECT)

    def reveal(self, part: QWidget) -> None:
        """Show the page that holds this widget, unfold what it is in, and scroll to it."""
        page = self.pages.page_of(part)
        if page is None:
            return
        self.pages.show_place(page.place)
        for fold in page.folds:
            if fold.body.isAncestorOf(part) or fold.body is part:
                fold.set_open(True)
        self._revealed = part
        self._reveal_timer.start(0)  # the layout must know the places of what came to light

    def tour_target(self, target: TourTarget) -> QWidget:
        """What the tour means."""
        return {
            TourTarget.TILES: self.tiles.list,
            TourTarget.CLASSES: self.chips,
            TourTarget.START: self.train.start_button,
            TourTarget.STATUS: self.status,
            TourTarget.PREDICTION: self.overlays.switches[PREDICTION],
            TourTarget.ACCEPT: self.correct.accept_next_button,
            TourTarget.EXPORT: self.export.export_button,
        }[target]

    def point_at(self, target: TourTarget | None) -> None:
        """Bring this into sight and put a frame around it; None takes the frame away."""
        part = None if target is None else self.tour_target(target)
        if part is not None:
            self.reveal(part)
        self.spotlight.point_at(part)

    @property
    def said(self) -> tuple[str, str]:
        """The message that is shown, and its details."""
        return self.messages.text, self.messages.details

    def picture(self, tells: Callable[[str], bool]) -> bytes:
        """The panel as PNG. tells: whether a text must not be seen, so that it is painted over."""
        return picture(self, tells)

    def _on_place(self, place: Place) -> None:
        """Of the settings nothing else is to be seen, so that nobody should have to unfold them."""
        if place is Place.SETTINGS and self.settings.header.isEnabled():
            self.settings.set_open(True)

    def _scroll(self) -> None:
        page = None if self._revealed is None else self.pages.page_of(self._revealed)
        if page is not None and self._revealed is not None and page.body.isAncestorOf(self._revealed):
            page.scroll_area.ensureWidgetVisible(self._revealed, 0, 8)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: D102
        if not keep_enter(event):
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: D102
        super().showEvent(event)
        self._fit_later()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: D102
        if event is not None and local_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: D102
        if event is not None and (paths := local_paths(event.mimeData())):
            event.acceptProposedAction()
            self.dropped.emit(paths)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: D102
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self._fit_later()
        if event is None or event.type() != QEvent.Type.ParentChange:
            return
        parent = self.parentWidget()
        if parent is None:
            self.undocked.emit()
        elif parent.windowTitle():
            self.dock_name = parent.windowTitle()
            self.docked.emit()

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


def _tab(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setAccessibleName(text.replace("&&", "&"))
    button.setToolTip(tip)
    button.setStyleSheet(TAB_STYLE)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button


def _stacked(*parts: QWidget) -> QWidget:
    whole = QWidget()
    layout = QVBoxLayout(whole)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    for part in parts:
        layout.addWidget(part)
    return whole
