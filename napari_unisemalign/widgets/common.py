"""Small parts that all sections share."""

from __future__ import annotations

from itertools import pairwise

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_unisemalign.widgets.colors import (
    ACCENT,
    ACCENT_DARK,
    ACCENT_LIGHT,
    ERROR,
    FOCUS_ALPHA,
    HOVER_ALPHA,
    ON_ACCENT,
    WARNING,
    veil,
)
from napari_unisemalign.widgets.shrinking import ShrinkingArea
from training_core.base.i18n import tr

SPACING = 6
FLUSH_STYLE = "padding: 0; margin: 0;"
"""napari's style sheet moves labels to the right of buttons."""

NUMBER_ALONE_STYLE = """
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; height: 0; }
QAbstractSpinBox::up-arrow, QAbstractSpinBox::down-arrow { width: 0; height: 0; image: none; }
"""
"""No + and -. With `ButtonSymbols.NoButtons` and napari's style, Qt 6.11 leaves no room for the number."""

PRIMARY_STYLE = f"""
QPushButton:enabled {{ background-color: {ACCENT}; color: {ON_ACCENT}; font-weight: 600; }}
QPushButton:enabled:hover {{ background-color: {ACCENT_LIGHT}; }}
QPushButton:enabled:pressed {{ background-color: {ACCENT_DARK}; }}
"""


TAB_STYLE = f"""
QToolButton {{ border: none; border-bottom: 3px solid transparent; padding: 4px 6px; }}
QToolButton:hover {{ background-color: {veil(HOVER_ALPHA)}; }}
QToolButton:checked {{ border-bottom: 3px solid {ACCENT}; }}
QToolButton:focus {{ background-color: {veil(FOCUS_ALPHA)}; }}
"""


def keep_enter(event: QKeyEvent | None) -> bool:
    """Whether a key was Enter, which goes no further: `Deliberate` has done what it does.

    napari hands what nobody takes on to the canvas, where Enter accepts a tile: not from a field in a panel.
    """
    if event is None or event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
        return False
    event.accept()
    return True


def verbatim(name: str) -> str:
    """A name as a button, an action or a menu shows it with its ampersands; `&E` alone would underline the E."""
    return name.replace("&", "&&")


class Hint(QLabel):
    """A wrapped sentence that says what to do next; takes no room when empty."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setMinimumWidth(1)
        self.setStyleSheet(FLUSH_STYLE)
        self.setVisible(bool(text))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        # Qt would ask for the height of a column one letter wide, and make the window higher than the screen
        return QSize(1, self.fontMetrics().lineSpacing())

    def set_text(self, text: str) -> None:
        """Show this sentence; an empty one hides the label."""
        self.setText(text)
        self.setVisible(bool(text))


def caption(text: str, parent: QWidget, field: QWidget | None = None) -> QLabel:
    """The words before a field, as far left as the buttons; they are the field's name for a screen reader."""
    label = QLabel(text, parent)
    if field is not None:
        label.setBuddy(field)
    label.setStyleSheet(FLUSH_STYLE)
    return label


class ElidedLabel(QLabel):
    """One line that shows its end with an ellipsis in the middle when it is too long, and all of it as a tooltip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._full = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def set_text(self, text: str) -> None:
        """Show this text."""
        self._full = text
        self.setToolTip(text)
        self._elide()

    def resizeEvent(self, event: object) -> None:  # noqa: D102
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = max(self.width() - 4, 0)
        self.setText(self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideMiddle, room))


class MessageBar(QWidget):
    """The last error or warning; stays until it is closed or replaced."""

    details_clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._details = ""
        self._text = QLabel(self)
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setMinimumWidth(1)
        self._text.setStyleSheet(FLUSH_STYLE)
        line = self._text.fontMetrics().lineSpacing()
        scrolled = ShrinkingArea(self._text, least_px=2 * line + 3, most_px=5 * line + 3, parent=self)
        scrolled.setAccessibleName(tr("Message"))
        self.details_button = QPushButton(tr("Details …"), self)
        self.details_button.clicked.connect(lambda: self.details_clicked.emit(self._details))
        self.close_button = QPushButton(tr("Close"), self)
        self.close_button.clicked.connect(self.hide)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACING)
        buttons.addStretch()
        buttons.addWidget(self.details_button)
        buttons.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 4, 10, 4)
        layout.setSpacing(2)
        layout.addWidget(scrolled)
        layout.addLayout(buttons)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("unisemalign_message")
        self.hide()

    @property
    def text(self) -> str:
        """What is shown; empty when the bar is closed."""
        return "" if self.isHidden() else self._text.text()

    @property
    def details(self) -> str:
        """What is behind the button; empty when the bar is closed."""
        return "" if self.isHidden() else self._details

    def show_message(self, text: str, *, details: str = "", is_error: bool = False) -> None:
        """Show a text, with a button for the details if there are any."""
        self._details = details
        self._text.setText(text)
        self.details_button.setVisible(bool(details))
        edge = ERROR if is_error else WARNING
        self.setStyleSheet(f"#unisemalign_message {{ border-left: 4px solid {edge}; border-radius: 2px; }}")
        self.show()


def set_available(button: QAbstractButton, reason: str, tip: str = "") -> None:
    """Enable a button, or disable it with the reason as its tooltip."""
    button.setEnabled(not reason)
    button.setToolTip(reason or tip)


def primary(button: QPushButton) -> QPushButton:
    """Style the one button of a section that is pressed most."""
    button.setStyleSheet(PRIMARY_STYLE)
    return button


def row(*parts: QWidget, stretch: bool = True) -> QHBoxLayout:
    """Widgets beside each other; with `stretch`, buttons share the width evenly. A label names the field after it."""
    for label, field in pairwise(parts):
        if isinstance(label, QLabel) and label.buddy() is None and not isinstance(field, (QLabel, QAbstractButton)):
            label.setBuddy(field)
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACING)
    for part in parts:
        layout.addWidget(part, 1 if stretch else 0)
    return layout


def body_layout(widget: QWidget) -> QVBoxLayout:
    """The layout of a section's body, with the margins that all share."""
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(10, 0, 4, 6)
    layout.setSpacing(SPACING)
    return layout


def stacked(*parts: QWidget) -> QWidget:
    """Widgets below each other in one."""
    whole = QWidget()
    layout = QVBoxLayout(whole)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACING)
    for part in parts:
        layout.addWidget(part)
    layout.addStretch(1)
    return whole
