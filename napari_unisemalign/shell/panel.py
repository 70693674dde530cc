"""The dock's content: the tile on screen, the five steps in the order of work, and the status line."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QTimer, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from qtpy.QtWidgets import QStyle, QVBoxLayout, QWidget

from napari_unisemalign.annotate.accept_view import CorrectView
from napari_unisemalign.annotate.classes_view import ClassesView
from napari_unisemalign.annotate.clean_up_view import CleanUpView
from napari_unisemalign.annotate.overlays_view import OverlaysView
from napari_unisemalign.annotate.painting_view import PaintingView
from napari_unisemalign.results.export_view import ExportView
from napari_unisemalign.shell.status import StatusLine, TileBar
from napari_unisemalign.shell.steps import Steps
from napari_unisemalign.shell.tour_view import Spotlight, TourCard
from napari_unisemalign.tiles.tiles_view import TilesView
from napari_unisemalign.train.train_view import TrainView
from napari_unisemalign.widgets.common import MessageBar, stacked
from napari_unisemalign.widgets.deliberate import Deliberate
from napari_unisemalign.widgets.drops import local_paths
from training_core.base.i18n import tr


class Panel(QWidget):
    """All steps. It only shows; `napari_unisemalign.window` makes it work."""

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
        self.messages = MessageBar(self)
        self.tour = TourCard(self)
        self.tile_bar = TileBar(self)
        self.tiles = TilesView(self)
        self.classes = ClassesView(self)
        self.painting = PaintingView(self)
        self.train = TrainView(self)
        self.overlays = OverlaysView(self)
        self.cleanup = CleanUpView(self)
        self.correct = CorrectView(self)
        self.export = ExportView(self)
        self.steps = Steps(
            (
                (tr("Project and tiles"), self.tiles),
                (tr("Classes and painting"), stacked(self.classes, self.painting)),
                (tr("Train"), stacked(self.train)),
                (tr("Review"), stacked(self.overlays, self.cleanup, self.correct)),
                (tr("Export"), stacked(self.export)),
            ),
            self,
        )
        self.sections = self.steps.steps
        self._fit_timer = QTimer(self)
        self._fit_timer.setSingleShot(True)
        self._fit_timer.timeout.connect(self._fit)
        self._revealed: QWidget | None = None
        self._reveal_timer = QTimer(self)
        self._reveal_timer.setSingleShot(True)
        self._reveal_timer.timeout.connect(self._scroll)
        for step in self.sections:
            step.body.installEventFilter(self)
        self.status = StatusLine(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.messages)
        layout.addWidget(self.tour)
        layout.addWidget(self.tile_bar)
        layout.addWidget(self.steps, 1)
        layout.addWidget(self.status)
        self.spotlight = Spotlight(self)
        Deliberate(self)

    def reveal(self, part: QWidget) -> None:
        """Open the step that holds this part, fold the others away, and scroll to it."""
        for step in self.sections:
            if step.isAncestorOf(part):
                if not step.is_open:
                    self.steps.open_only(step)
                self._revealed = part
                self._reveal_timer.start(0)  # the layout must know the places of what came to light
                return

    def _scroll(self) -> None:
        for step in self.sections:
            if self._revealed is not None and step.isAncestorOf(self._revealed):
                step.scroll_area.ensureWidgetVisible(self._revealed, 0, 8)

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
            self._fit_later()  # a folded step gets its fonts and margins later than the open one
        return super().eventFilter(watched, event)

    def _fit_later(self) -> None:
        self._fit_timer.start(0)  # when all parts have got the new fonts and margins

    def _fit(self) -> None:
        """Be wide enough that nothing is cut off beside the scroll bar, whichever step is open."""
        style = self.style()
        scroll_bar = style.pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent) if style is not None else 16
        widest = max(step.body.minimumSizeHint().width() for step in self.sections)
        self.setMinimumWidth(widest + scroll_bar + 10)
