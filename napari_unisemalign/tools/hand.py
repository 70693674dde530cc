"""A mouse and a keyboard that count: what is pressed has to be in sight, and nothing is done in another way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication, QComboBox, QDialog, QWidget

from napari_unisemalign.tools.driver import DriveError, Driver, let_qt_work
from napari_unisemalign.tools.strokes import StrokePoint

ActKind = Literal["click", "drag", "key", "character", "stroke", "wheel"]
NOTCH = 120
"""What Qt calls one notch of a wheel."""
MOST_NOTCHES = 60
MOVE_MS = 12
"""Between two positions of a hand that paints."""
LOOK_MS = 30
_DialogT = TypeVar("_DialogT", bound=QDialog)


@dataclass(frozen=True)
class Act:
    """One press; `name` is what a text calls it: `*Start training*` for a button, `` `PageDown` `` for a key."""

    kind: ActKind
    name: str = ""


@dataclass
class Acts:
    """What was done in one step, and how long it took, of which `waited_s` were spent waiting."""

    done: list[Act] = field(default_factory=list)
    seconds: float = 0.0
    waited_s: float = 0.0

    def count(self, kind: ActKind) -> int:
        """How often."""
        return sum(act.kind == kind for act in self.done)

    @property
    def names(self) -> tuple[str, ...]:
        """Buttons and keys in their order; the same key again at once, as for several strokes, is named once."""
        named: list[str] = []
        for act in self.done:
            if act.kind in ("click", "key") and [act.name] != named[-1:]:
                named.append(act.name)
        return tuple(named)


class Hand:
    """Presses with the mouse and the keyboard, and writes it down in `acts`."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.acts = Acts()

    # --- the mouse ----------------------------------------------------------------------------------------------------

    def click(self, widget: QWidget, name: str = "", at: QPoint | None = None) -> None:
        """Press the left button over the middle of a widget, or at `at` in it.

        Parameters
        ----------
        name
            What a text calls it; of a button its own words.

        Raises
        ------
        DriveError: it is disabled, or something else is where it should be.
        """
        words = name or (widget.text().replace("&&", "&") if isinstance(widget, QAbstractButton) else "")
        if not widget.isEnabled():
            raise DriveError(f"{words} is disabled: {widget.toolTip()}")
        place = at or widget.rect().center()
        hit = QApplication.widgetAt(widget.mapToGlobal(place))
        if hit is None or not (hit is widget or widget.isAncestorOf(hit)):
            raise DriveError(f"{words} is not in sight: a click there would hit {hit}")
        self.acts.done.append(Act("click", f"*{words}*"))
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place)

    def drop(self, path: Path, widget: QWidget) -> None:
        """Drag a file or folder from a file manager onto a widget."""
        self.acts.done.append(Act("drag"))
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
        place = widget.rect().center()
        enter = QDragEnterEvent(place, *how)
        QApplication.sendEvent(widget, enter)
        if not enter.isAccepted():
            raise DriveError(f"{widget} takes no files that are dropped")
        QApplication.sendEvent(widget, QDropEvent(QPointF(place), *how))

    def in_dialog(self, opened_by: Callable[[], None], kind: type[_DialogT], then: Callable[[_DialogT], None]) -> None:
        """Do what opens a dialog of this kind, and then `then` in it, which has to close the dialog.

        Raises
        ------
        DriveError: no such dialog opened.
        """
        timer, outcome = QTimer(), list[BaseException | None]()

        def look() -> None:
            dialog = QApplication.activeModalWidget()
            if not isinstance(dialog, kind):
                return
            timer.stop()
            try:
                then(dialog)
                outcome.append(None)
            except BaseException as error:  # goes on when the dialog is closed
                outcome.append(error)
                dialog.reject()

        timer.timeout.connect(look)
        timer.start(LOOK_MS)
        try:
            opened_by()  # where the dialog opens at once, it goes on when it is closed
            self._driver.wait(lambda: bool(outcome), f"a {kind.__name__}")
        finally:
            timer.stop()
        if outcome[0] is not None:
            raise outcome[0]

    def choose(self, combo: QComboBox, text: str, name: str) -> None:
        """Unfold a drop-down and click one of its lines."""
        self.click(combo, name)
        view = combo.view()
        assert view is not None
        self._driver.wait(view.isVisible, f"{name} to unfold")
        let_qt_work(QApplication.doubleClickInterval() + 200)  # before, Qt leaves the list open
        index = combo.model().index(combo.findText(text), 0)
        self.click(view.viewport(), text, view.visualRect(index).center())
        self._driver.wait(lambda: not view.isVisible(), f"{name} to fold")  # it would take the next click

    def stroke(self, points: Sequence[StrokePoint]) -> None:
        """Paint through (row, column) points of the tile on screen, with the button held down.

        Raises
        ------
        DriveError: a point is outside of the image in sight.
        """
        canvas = self._driver.viewer.window._qt_viewer.canvas
        to_screen = canvas.view.camera.transform
        native, layer = canvas.native, self._driver.layers.labels
        assert layer is not None
        places = []
        for point in points:
            row, column = layer.data_to_world(point)
            x, y = to_screen.map((column, row))[:2]
            places.append(QPoint(round(float(x)), round(float(y))))
        if not all(native.rect().contains(place) for place in places):
            raise DriveError(f"a stroke through {points} leaves what is in sight of the image")
        self.acts.done.append(Act("stroke"))
        QTest.mouseMove(native, places[0])
        QTest.mousePress(native, Qt.MouseButton.LeftButton, pos=places[0])
        for place in places[1:]:
            QTest.mouseMove(native, place)
            let_qt_work(MOVE_MS)
        QTest.mouseRelease(native, Qt.MouseButton.LeftButton, pos=places[-1])
        let_qt_work(MOVE_MS)

    def scroll_to(self, widget: QWidget) -> None:
        """Turn the wheel over the page until all of a widget is in sight.

        Raises
        ------
        DriveError: it does not come.
        """
        page = self._driver.panel.pages.page_of(widget)
        if page is None or not page.body.isAncestorOf(widget):
            return
        viewport = page.scroll_area.viewport()
        assert viewport is not None
        for _notch in range(MOST_NOTCHES):
            top = widget.mapTo(viewport, QPoint(0, 0)).y()
            if top >= 0 and top + widget.height() <= viewport.height():
                return
            self.acts.done.append(Act("wheel"))
            _turn(viewport, NOTCH if top < 0 else -NOTCH)
            let_qt_work(MOVE_MS)
        raise DriveError(f"{widget} did not come in sight by scrolling")

    # --- the keyboard -------------------------------------------------------------------------------------------------

    def key(self, key: Qt.Key, name: str, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key where the focus is; `name` is what a text calls it."""
        self.acts.done.append(Act("key", f"`{name}`"))
        QTest.keyClick(self._focused(), key, modifiers)

    def write(self, text: str) -> None:
        """Type a text where the focus is, over what is selected there."""
        for letter in text:
            self.acts.done.append(Act("character"))
            QTest.keyClick(self._focused(), letter)

    def _focused(self) -> QWidget:
        """Where a key goes: in the dialog that is open, else in the window."""
        dialog = QApplication.activeModalWidget()
        if dialog is None:
            self._driver.activate()
        elif not _has_focus(dialog):
            dialog.activateWindow()
            self._driver.wait(lambda: _has_focus(dialog), "the dialog to have the focus")
        focused: QWidget | None = QApplication.focusWidget()
        return focused or dialog or self._driver.viewer.window._qt_viewer.canvas.native

    # --- the eyes -----------------------------------------------------------------------------------------------------

    def wait(self, until: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Wait for something, as `Driver.wait`; the time is written down apart."""
        began = time.monotonic()
        self._driver.wait(until, what, timeout_s)
        self.acts.waited_s += time.monotonic() - began


def _has_focus(dialog: QWidget) -> bool:
    focused = QApplication.focusWidget()
    return focused is not None and dialog.isAncestorOf(focused)


def _turn(widget: QWidget, notch: int) -> None:
    middle = widget.rect().center()
    event = QWheelEvent(
        QPointF(middle),
        QPointF(widget.mapToGlobal(middle)),
        QPoint(0, 0),
        QPoint(0, notch),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)
