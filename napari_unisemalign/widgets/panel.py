"""The dock's content: the six sections in the order of work, in a column that scrolls."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt, QTimer, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QStyle, QVBoxLayout, QWidget

from napari_unisemalign.widgets.classes import ClassesView
from napari_unisemalign.widgets.common import MessageBar, Section
from napari_unisemalign.widgets.correct import CorrectView
from napari_unisemalign.widgets.export import ExportView
from napari_unisemalign.widgets.overlays import OverlaysView
from napari_unisemalign.widgets.tiles import TilesView
from napari_unisemalign.widgets.train import TrainView


class Panel(QWidget):
    """All sections. It only shows; `napari_unisemalign.controller` makes it work."""

    docked = Signal()
    """napari has put this widget into a dock."""
    undocked = Signal()
    """The dock was closed for good; napari has let go of this widget."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.dock_name = "UniSemAlign"
        self.setObjectName("unisemalign_panel")
        self.messages = MessageBar(self)
        self.tiles = TilesView(self)
        self.classes = ClassesView(self)
        self.train = TrainView(self)
        self.overlays = OverlaysView(self)
        self.correct = CorrectView(self)
        self.export = ExportView(self)
        self.sections = tuple(
            Section(number, title, body, self)
            for number, (title, body) in enumerate(
                (
                    ("Project and tiles", self.tiles),
                    ("Classes", self.classes),
                    ("Train", self.train),
                    ("Overlays", self.overlays),
                    ("Accept and correct", self.correct),
                    ("Export", self.export),
                ),
                start=1,
            )
        )
        column = QWidget(self)
        stack = QVBoxLayout(column)
        stack.setContentsMargins(4, 4, 4, 4)
        stack.setSpacing(4)
        for section in self.sections:
            stack.addWidget(section)
        stack.addStretch(1)
        self.scroll_area = QScrollArea(self)
        self.scroll_area.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll_area.setWidgetResizable(True)
        self.scroll_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll_area.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.scroll_area.setWidget(column)
        self._column = column
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.messages)
        layout.addWidget(self.scroll_area, 1)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: D102
        super().showEvent(event)
        self._fit_later()

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

    def _fit_later(self) -> None:
        QTimer.singleShot(0, self._fit)  # when all parts have got the new fonts and margins

    def _fit(self) -> None:
        """Be wide enough that nothing is cut off beside the scroll bar."""
        style = self.style()
        scroll_bar = style.pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent) if style is not None else 16
        self.setMinimumWidth(self._column.minimumSizeHint().width() + scroll_bar + 2)
