"""Works the real window without a user: real buttons, the labels layer's own brush, the real training process.

The commands `drive`, `screenshots` and `responsiveness` and the end-to-end test share it. It waits by letting Qt work,
never by blocking, and it takes every exception that a slot raises for a failure.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from qtpy.compat import isalive
from qtpy.QtCore import QEventLoop, QPoint, QRect, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QMainWindow, QWidget

from napari_unisemalign.app.layer_values import PREDICTION, U8
from napari_unisemalign.plugin import UniSemAlignPanel
from napari_unisemalign.shell.pages import Place
from napari_unisemalign.tools.strokes import StrokePoint, mistakes, strokes_inside
from training_core.project import UNLABELED, Project

if TYPE_CHECKING:
    from napari import Viewer

POLL_MS = 30
PATIENCE_S = 900.0
"""What says that something hangs, on a busy machine too: the training process gives way to every other."""


class DriveError(RuntimeError):
    """The window did not do what it should have done."""


def let_qt_work(milliseconds: int) -> None:
    """What QTest.qWait does; but in PySide6 that holds back every other thread of Python meanwhile."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


class Driver:
    """Hands and eyes for one window."""

    def __init__(self, viewer: Viewer, panel: UniSemAlignPanel) -> None:
        self.viewer, self.panel = viewer, panel
        self.session, self.layers = panel.controller.session, panel.controller.layers
        self._errors: list[BaseException] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside, an exception in a slot is remembered and raised by the next `wait`, and at the end."""
        former = sys.excepthook

        def remember(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
            self._errors.append(error)

        sys.excepthook = remember
        try:
            yield
            self._raise_errors()
        finally:
            sys.excepthook = former

    def wait(self, until: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
        """Let Qt work until the condition holds.

        Raises
        ------
        DriveError: it did not in time; says what was waited for and what the panel says.
        """
        deadline = time.monotonic() + timeout_s
        while not until():
            self._raise_errors()
            if time.monotonic() > deadline:
                said = self.panel.messages.text or self.panel.train.status.text()
                raise DriveError(f"waited {timeout_s:.0f} s for {what} in vain; the panel says: {said}")
            let_qt_work(POLL_MS)
        self._raise_errors()

    def pause(self, seconds: float) -> None:
        """Let Qt work for a while."""
        let_qt_work(round(1000 * seconds))

    # --- what a hand does ----------------------------------------------------------------------------------------

    def click(self, button: QAbstractButton) -> None:
        """Scroll to a button and press it with the mouse.

        Raises
        ------
        DriveError: the button is disabled; says why.
        """
        if not button.isEnabled():
            raise DriveError(f"the button {button.text()} is disabled: {button.toolTip()}")
        self.reveal(button)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def activate(self) -> None:
        """Make the main window the active one, without which Qt runs no shortcut."""
        window = self.panel.window()
        window.activateWindow()
        self.wait(window.isActiveWindow, "the window to be active")

    def press(
        self,
        key: Qt.Key,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
        on: QWidget | None = None,
    ) -> None:
        """Press a key in the window while it is active: where the focus is, on this widget, or on the image."""
        self.activate()
        if on is not None:
            on.setFocus(Qt.FocusReason.MouseFocusReason)
        QTest.keyClick(on or self.viewer.window._qt_viewer.canvas.native, key, modifiers)

    def reveal(self, widget: QWidget) -> None:
        """Open the page and the fold of a widget and scroll to it."""
        page = self.panel.pages.page_of(widget)
        if page is None:
            return
        self.open_place(page.place)
        for fold in page.folds:
            if (fold.body is widget or fold.body.isAncestorOf(widget)) and not fold.is_open:
                page.scroll_area.ensureWidgetVisible(fold.header, 0, 8)
                QTest.mouseClick(fold.header, Qt.MouseButton.LeftButton)
                let_qt_work(1)
        if page.body.isAncestorOf(widget):
            page.scroll_area.ensureWidgetVisible(widget, 0, 8)

    def open_place(self, place: Place) -> None:
        """Click the button of a page."""
        if self.panel.pages.place is not place:
            QTest.mouseClick(self.panel.pages.button(place), Qt.MouseButton.LeftButton)
        let_qt_work(1)  # the layout must know the places of what came to light

    def show_tile(self, name: str) -> None:
        """Click a tile in the list."""
        view = self.panel.tiles.list
        self.reveal(view)
        index = view.model().index(self.panel.tiles.model.row_of(name), 0)
        view.scrollTo(index)
        _click_in(view.viewport(), view.visualRect(index))
        self.wait(lambda: self.session.tile == name, f"tile {name} on the screen")
        self.wait(lambda: not self.panel.controller.overlays.pending, f"the overlays of tile {name}")

    def choose_class(self, class_id: int) -> None:
        """Click the chip of a class."""
        self.click(self.panel.chips.chips[class_id].button)
        self.wait(lambda: self.session.class_id == class_id, f"class {class_id} to be chosen")

    def stroke(self, points: Sequence[StrokePoint], brush_px: int) -> None:
        """One stroke of the brush through (row, column) points with the chosen class, as one undo step."""
        layer = self.layers.labels
        if layer is None:
            raise DriveError("there is no labels layer to paint on")
        layer.brush_size = brush_px
        with layer.block_history():
            for point in points:
                layer.paint(point, layer.selected_label)
        let_qt_work(1)

    def paint_strokes(self, truth: U8, strokes_per_class: int = 3, brush_px: int = 14, length_px: int = 90) -> None:
        """Paint a few strokes of every class inside its true area, (H, W) class ids."""
        for each in self.session.classes():
            strokes = strokes_inside(truth == each.id, strokes_per_class, brush_px, length_px)
            if strokes:
                self.choose_class(each.id)
                for points in strokes:
                    self.stroke(points, brush_px)
        self.wait_saved()

    def correct(self, truth: U8, strokes: int = 4, brush_px: int = 10) -> int:
        """Paint over the largest mistakes of the label on screen; returns how many pixels changed."""
        before = self.label()
        for points, class_id in mistakes(before, truth, strokes):
            self.choose_class(class_id)
            self.stroke(points, brush_px)
        self.wait_saved()
        return int(np.count_nonzero(self.label() != before))

    # --- what an eye sees ----------------------------------------------------------------------------------------

    def label(self) -> U8:
        """The label on screen, (H, W) class ids."""
        label = self.session.label.ids()
        if label is None:
            raise DriveError("there is no labels layer")
        return label

    def prediction(self) -> U8 | None:
        """The prediction on screen, (H, W) class ids; None where nothing is shown."""
        self.panel.controller.overlays.settle()
        ids = self.layers.overlay_ids(PREDICTION)
        return None if ids is None or (ids == UNLABELED).all() else ids.copy()

    def image_share(self) -> float:
        """The image's share of the window's width, 0 to 1."""
        window = self.panel.window()
        image = window.centralWidget() if isinstance(window, QMainWindow) else None
        if image is None:
            raise DriveError("the panel is not docked in a window")
        return image.width() / window.width()

    def wait_saved(self) -> None:
        """Wait until the strokes have been saved by themselves."""
        self.wait(lambda: not self.panel.controller.labels.unsaved_names(), "the strokes to be saved")

    def wait_for_new_overlay(self, former: U8 | None, timeout_s: float = PATIENCE_S) -> U8:
        """Wait until the prediction layer shows something else while training runs."""

        def changed() -> bool:
            now = self.prediction()
            return now is not None and (former is None or not np.array_equal(now, former))

        def changed_or_over() -> bool:
            return changed() or not self.session.training.active

        self.wait(changed_or_over, "a new overlay of the tile on screen", timeout_s)
        ids = self.prediction()
        if ids is None or not changed():
            raise DriveError(f"training ended without an overlay: {self.panel.train.status.text()}")
        return ids

    def screenshot(self, path: Path) -> Path:
        """Save a picture of the whole window."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.close_notifications()
        self.layers.activate_labels("pan_zoom")  # no brush in the corner where no mouse is
        let_qt_work(200)
        self.viewer.screenshot(str(path), canvas_only=False, flash=False)
        return path

    def close_notifications(self) -> None:
        """Take napari's notifications off the canvas."""
        from napari._qt.dialogs.qt_notification import NapariQtNotification

        for notification in tuple(NapariQtNotification._instances):
            if isalive(notification):
                notification.close()
            else:  # it went with an earlier window, and napari kept its name
                NapariQtNotification._instances.remove(notification)

    # --- whole pieces of work ------------------------------------------------------------------------------------

    def open_sample(self, folder: Path) -> Project:
        """Open the sample project in `folder`; it is made there the first time."""
        self.panel.controller.open_sample(folder)
        self.wait(lambda: self.session.project is not None, "the sample project to be made and opened", PATIENCE_S)
        assert self.session.project is not None
        return self.session.project

    def start_training(self, minutes: float) -> None:
        """Set the time and press Start."""
        self.panel.train.minutes_spin.setValue(minutes)
        self.click(self.panel.train.start_button)
        if not self.session.training.active:
            raise DriveError(f"training did not start: {self.panel.messages.text}")

    def wait_trained(self, minutes: float) -> str:
        """Wait until the process has ended; returns its run id."""
        self.wait(lambda: not self.session.training.active, "the training to end", 60 * minutes + PATIENCE_S)
        training = self.session.training
        if not training.finished or training.run_id is None:
            raise DriveError(f"training failed: {training.message} {self.panel.messages.text}")
        return training.run_id

    def export(self, folder: Path, content: str = "labels", file_format: str = "png") -> list[Path]:
        """Fill in the export section and press its button; returns the masks."""
        view = self.panel.export
        view.content_combo.setCurrentIndex(view.content_combo.findData(content))
        view.format_combo.setCurrentIndex(view.format_combo.findData(file_format))
        view.set_folder(str(folder))
        self.click(view.export_button)
        self.wait(lambda: view.hint.text().startswith("Wrote"), "the masks to be written", 60.0)
        return sorted(path for path in folder.iterdir() if path.suffix in (".png", ".tif", ".tiff"))

    def _raise_errors(self) -> None:
        if self._errors:
            raise self._errors.pop(0)


def _click_in(viewport: QWidget, rect: QRect) -> None:
    QTest.mouseClick(
        viewport, Qt.MouseButton.LeftButton, pos=QPoint(rect.left() + rect.width() // 2, rect.center().y())
    )
