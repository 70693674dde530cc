"""The five steps of the work: headers that are always in sight, and under the open one its tools, which scroll."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_unisemalign.widgets.common import ACCENT, FLUSH_STYLE
from training_core.base.i18n import tr

_HEADER_STYLE = """
QToolButton {{ border: none; border-left: 4px solid {edge}; border-radius: 2px; padding: 5px 4px; font-weight: 600;
 text-align: left; background-color: rgba(128, 128, 128, 45); }}
QToolButton:hover {{ background-color: rgba(128, 128, 128, 80); }}
QToolButton:focus {{ background-color: rgba(128, 128, 128, 110); }}
"""


class StepSection(QWidget):
    """One step: a header with a number, a title and how far it is, and the body under it."""

    header_clicked = Signal(object)
    """Step."""

    def __init__(self, number: int, title: str, body: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.number, self.title, self.body = number, title, body
        self.header = QToolButton(self)
        self.header.setText(f"{number}   {title}")
        self.header.setCheckable(True)
        self.header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.header.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.header.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.header.clicked.connect(lambda: self.header_clicked.emit(self))
        self._summary = QLabel("", self.header)
        self._summary.setStyleSheet(FLUSH_STYLE)
        self._summary.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        inside = QHBoxLayout(self.header)
        inside.setContentsMargins(0, 0, 8, 0)
        inside.addStretch()
        inside.addWidget(self._summary)
        self.scroll_area = QScrollArea(self)
        self.scroll_area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it takes the focus, and is scrolled to
        self.scroll_area.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll_area.setWidgetResizable(True)
        self.scroll_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll_area.setWidget(body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.header)
        layout.addWidget(self.scroll_area, 1)
        self._is_next: bool | None = None
        self.set_open(False)
        self.set_next(False)

    @property
    def is_open(self) -> bool:
        """Whether the body shows."""
        return self.header.isChecked()

    def set_open(self, is_open: bool) -> None:
        """Show or fold away the body."""
        self.header.setChecked(is_open)
        self.header.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self.scroll_area.setVisible(is_open)

    def set_summary(self, text: str) -> None:
        """How far the step is, in two or three words at the right of its header."""
        self._summary.setText(text)
        self.header.setAccessibleName(f"{self.number} {self.title}" + (f", {text}" if text else ""))

    @property
    def summary(self) -> str:
        """The words at the right of the header."""
        return self._summary.text()

    def set_next(self, is_next: bool) -> None:
        """Mark the step that the work goes on with."""
        if is_next == self._is_next:
            return  # asked at every step of a training, and a style sheet is dear
        self._is_next = is_next
        self.header.setStyleSheet(_HEADER_STYLE.format(edge=ACCENT if is_next else "transparent"))
        self.header.setToolTip(
            tr("The work goes on here.") if is_next else tr("Ctrl and a click open it beside the others.")
        )


class Steps(QWidget):
    """All steps below each other; a click opens one and folds the others away."""

    def __init__(self, steps: Sequence[tuple[str, QWidget]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.steps = tuple(
            StepSection(number, title, body, self) for number, (title, body) in enumerate(steps, start=1)
        )
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(4, 0, 4, 0)
        self._layout.setSpacing(4)
        for step in self.steps:
            self._layout.addWidget(step)
            step.header_clicked.connect(self._on_header)
        self._layout.addStretch(0)
        self._order_tabs()
        self.open_only(self.steps[0])

    def _order_tabs(self) -> None:
        """Tab goes from each header into its body; the bodies were made before the headers."""
        former = self.steps[0].header
        for step in self.steps:
            for part in (step.header, *step.body.findChildren(QWidget)):
                is_reachable = part.focusPolicy() & Qt.FocusPolicy.TabFocus and part.window() is self.window()
                if part is not former and is_reachable:  # the list of a drop-down is a window of its own
                    QWidget.setTabOrder(former, part)
                    former = part

    def open_only(self, opened: StepSection) -> None:
        """Open this step and fold the others away."""
        for step in self.steps:
            step.set_open(step is opened)
        self._share_height()

    def _on_header(self, step: StepSection) -> None:
        """Clicked, so its check mark has changed already."""
        if not step.is_open:
            step.set_open(False)
        elif QGuiApplication.keyboardModifiers() & Qt.KeyboardModifier.ControlModifier:
            step.set_open(True)
        else:
            self.open_only(step)
        self._share_height()

    def _share_height(self) -> None:
        """The open steps share the height; without one the headers stay at the top."""
        for index, step in enumerate(self.steps):
            self._layout.setStretch(index, int(step.is_open))
        self._layout.setStretch(len(self.steps), int(not any(step.is_open for step in self.steps)))
