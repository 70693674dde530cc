"""The guided tour: a card that explains, and a frame around the part that it speaks of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qtpy.QtCore import QPoint, QRect, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unisemalign.shell.contracts import TourTarget
from napari_unisemalign.widgets.colors import ACCENT
from napari_unisemalign.widgets.common import FLUSH_STYLE, SPACING, Hint, primary, row
from training_core.base.i18n import tr

FOLLOW_MS = 100
EDGE_PX = 3


class TourCard(QWidget):
    """What is shown and why, with a way on, a way back and a way out. It is in the panel and stops nothing."""

    next_clicked = Signal()
    back_clicked = Signal()
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("unisemalign_tour")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(f"#unisemalign_tour {{ border-left: 4px solid {ACCENT}; border-radius: 2px; }}")
        self.setAccessibleName(tr("Guided tour"))
        self.title = QLabel("", self)
        self.title.setStyleSheet(f"{FLUSH_STYLE} font-weight: 600;")
        self.text = Hint("", self)
        self.back_button = QPushButton(tr("Back"), self)
        self.next_button = primary(QPushButton(tr("Next"), self))
        self.leave_button = QPushButton(tr("Leave the tour"), self)
        self.leave_button.setToolTip(tr("Everything stays as it is. The tour starts again from napari's File menu."))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(SPACING)
        layout.addWidget(self.title)
        layout.addWidget(self.text)
        layout.addLayout(row(self.leave_button, self.back_button, self.next_button))
        self.back_button.clicked.connect(lambda: self.back_clicked.emit())
        self.next_button.clicked.connect(lambda: self.next_clicked.emit())
        self.leave_button.clicked.connect(lambda: self.left.emit())
        self.hide()

    def show_stop(self, number: int, count: int, title: str, text: str) -> None:
        """Show one stop of the tour, `number` of `count`."""
        self.title.setText(tr("{number} of {count}: {title}").format(number=number, count=count, title=title))
        self.text.set_text(text)
        self.back_button.setEnabled(number > 1)
        self.next_button.setText(tr("Next") if number < count else tr("Done"))
        self.leave_button.setEnabled(number < count)
        self.show()

    def take_focus(self) -> None:
        """Let Enter go on from here."""
        self.next_button.setFocus()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: D102
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class Spotlight(QWidget):
    """A frame around what is in sight of a widget of `parent`; it takes no clicks."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self._target: QWidget | None = None
        # folding, scrolling, resizing and new texts all move a widget: looking is simpler than listening to all
        self._timer = QTimer(self)
        self._timer.setInterval(FOLLOW_MS)
        self._timer.timeout.connect(self._follow)
        self.hide()

    @property
    def target(self) -> QWidget | None:
        """What the frame is around."""
        return self._target

    def point_at(self, target: QWidget | None) -> None:
        """Put the frame around this widget; None takes it away."""
        self._target = target
        if target is not None and self.parent() is not target.window():
            self.setParent(target.window())  # what it points at may be in another dock
        if target is None:
            self._timer.stop()
            self.hide()
        else:
            self._timer.start()
            self._follow()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(ACCENT), EDGE_PX))
        inset = EDGE_PX // 2 + 1
        painter.drawRoundedRect(self.rect().adjusted(inset, inset, -inset, -inset), 4, 4)
        painter.end()

    def _follow(self) -> None:
        parent = self.parentWidget()
        if self._target is None or parent is None:
            return
        if not parent.isAncestorOf(self._target):  # its dock was closed or moved into a window of its own
            self.hide()
            return
        seen = self._target.visibleRegion().boundingRect()
        if seen.isEmpty() or not self._target.isVisible():
            self.hide()
            return
        place = QRect(self._target.mapTo(parent, QPoint(0, 0)) + seen.topLeft(), seen.size())
        self.setGeometry(place.adjusted(-EDGE_PX, -EDGE_PX, EDGE_PX, EDGE_PX).intersected(parent.rect()))
        self.show()
        self.raise_()


class TourPointer:
    """What the tour speaks of, brought into sight and framed."""

    def __init__(
        self, parent: QWidget, targets: Mapping[TourTarget, QWidget], reveal: Callable[[QWidget], None]
    ) -> None:
        """reveal: brings a widget into sight."""
        self.targets, self._reveal = targets, reveal
        self.spotlight = Spotlight(parent)

    def point_at(self, target: TourTarget | None) -> None:
        """Bring this into sight and put a frame around it; None takes the frame away."""
        part = None if target is None else self.targets[target]
        if part is not None:
            self._reveal(part)
        self.spotlight.point_at(part)
