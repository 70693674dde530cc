"""A header that shows and hides what belongs under it."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_unisemalign.widgets.colors import HEADER_ALPHA, HEADER_HOVER_ALPHA, veil
from napari_unisemalign.widgets.common import FLUSH_STYLE

_HEADER_STYLE = f"""
QToolButton {{ border: 1px solid transparent; border-radius: 2px; padding: 3px 4px; font-weight: 600; text-align: left;
 background-color: {veil(HEADER_ALPHA)}; }}
QToolButton:hover {{ background-color: {veil(HEADER_HOVER_ALPHA)}; }}
QToolButton:focus {{ border: 1px solid palette(text); }}
"""


class Fold(QWidget):
    """A titled group of tools, folded away until it is wanted.

    Space, and Enter where `Deliberate` guards, work on the header as a click does.
    """

    toggled = Signal(bool)
    """By the user or by `set_open`."""

    def __init__(self, title: str, body: QWidget, parent: QWidget | None = None, *, is_open: bool = False) -> None:
        super().__init__(parent)
        self.title, self.body = title, body
        self.header = QToolButton(self)
        self.header.setText(title)
        self.header.setAccessibleName(title)
        self.header.setCheckable(True)
        self.header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.header.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.header.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.header.setStyleSheet(_HEADER_STYLE)
        self.header.clicked.connect(self.set_open)
        self._summary = QLabel("", self.header)
        self._summary.setStyleSheet(FLUSH_STYLE)
        self._summary.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        inside = QHBoxLayout(self.header)
        inside.setContentsMargins(0, 0, 8, 0)
        inside.addStretch()
        inside.addWidget(self._summary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.header)
        layout.addWidget(body)
        self._is_open = not is_open
        self.set_open(is_open)

    @property
    def is_open(self) -> bool:
        """Whether the body shows."""
        return self._is_open

    def set_open(self, is_open: bool) -> None:
        """Show the body, or fold it away."""
        self.header.setChecked(is_open)
        self.header.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self.body.setVisible(is_open)
        if is_open != self._is_open:
            self._is_open = is_open
            self.toggled.emit(is_open)

    @property
    def summary(self) -> str:
        """The words at the right of the header."""
        return self._summary.text()

    def set_summary(self, text: str) -> None:
        """What is set inside, in two or three words, so that nobody has to look."""
        self._summary.setText(text)
        self.header.setAccessibleName(f"{self.title}, {text}" if text else self.title)
