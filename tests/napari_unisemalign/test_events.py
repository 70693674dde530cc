"""An event is read as what it is, also through the Python object of an earlier event of another kind."""

from __future__ import annotations

from typing import Any

import pytest
import qtpy
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget

from napari_unisemalign.widgets.deliberate import Deliberate
from napari_unisemalign.widgets.events import focus_reason, is_by_keyboard, is_enter

pytestmark = [pytest.mark.binding, pytest.mark.usefixtures("qapp")]


def mistaken(event: QEvent, kind: type[QEvent]) -> Any:
    """The same event as an object of a kind that it is not, as PyQt hands it out."""
    if qtpy.PYSIDE6:
        from qtpy import shiboken

        return shiboken.wrapInstance(shiboken.getCppPointer(event)[0], kind)
    from qtpy import sip

    return sip.cast(sip.cast(event, QEvent), kind)


@pytest.mark.parametrize("kind", [QFocusEvent, QMouseEvent, QKeyEvent])
@pytest.mark.parametrize(
    ("reason", "by_keyboard"),
    [
        (Qt.FocusReason.TabFocusReason, True),
        (Qt.FocusReason.BacktabFocusReason, True),
        (Qt.FocusReason.MouseFocusReason, False),
        (Qt.FocusReason.PopupFocusReason, False),
    ],
)
def test_a_focus_event_keeps_its_reason(kind: type[QEvent], reason: Qt.FocusReason, by_keyboard: bool) -> None:
    event = QFocusEvent(QEvent.Type.FocusIn, reason)
    seen = mistaken(event, kind)
    assert focus_reason(seen) == reason
    assert is_by_keyboard(seen) is by_keyboard


@pytest.mark.parametrize("kind", [QKeyEvent, QMouseEvent, QFocusEvent])
@pytest.mark.parametrize(("key", "enter"), [(Qt.Key.Key_Return, True), (Qt.Key.Key_Enter, True), (Qt.Key.Key_A, False)])
def test_a_key_keeps_its_code(kind: type[QEvent], key: Qt.Key, enter: bool) -> None:
    event = QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier)
    assert is_enter(mistaken(event, kind)) is enter


@pytest.mark.skipif(qtpy.PYSIDE6, reason="PySide6 asks the event for its kind")
def test_enter_presses_what_tab_came_to_while_somebody_holds_a_mouse_event(qtbot: Any) -> None:
    """The focus event comes as a mouse event, and the key as one too."""
    window = QWidget()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    button = QPushButton("Reject", window)
    layout.addWidget(button)
    guard = Deliberate(window)
    pressed: list[bool] = []
    button.clicked.connect(lambda: pressed.append(True))
    focus = QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.TabFocusReason)
    key = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier)
    guard.eventFilter(button, mistaken(focus, QMouseEvent))
    assert guard.eventFilter(button, mistaken(key, QMouseEvent)) is True
    assert pressed == [True]


def test_the_last_event_of_the_mouse_can_be_held_while_the_focus_moves(qtbot: Any) -> None:
    """What napari does: a click's event is kept; Tab afterwards is seen as Tab each time."""
    window = QWidget()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    buttons = [QPushButton(name, window) for name in ("Accept", "Reject")]
    for button in buttons:
        layout.addWidget(button)
    guard = Deliberate(window)
    pressed: list[str] = []
    buttons[1].clicked.connect(lambda: pressed.append("Reject"))
    held: list[QEvent] = []

    class Keeper(QWidget):
        def mousePressEvent(self, event: QMouseEvent | None) -> None:
            assert event is not None
            held.append(event)

    keeper = Keeper(window)
    layout.addWidget(keeper)
    for times in range(1, 21):
        point = QPointF(3, 3)
        no_key, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
        QApplication.sendEvent(keeper, QMouseEvent(QEvent.Type.MouseButtonPress, point, point, left, left, no_key))
        QApplication.sendEvent(buttons[1], QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.TabFocusReason))
        QApplication.sendEvent(buttons[1], QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Return, no_key))
        assert len(pressed) == times
    assert held
    assert guard.parent() is window
