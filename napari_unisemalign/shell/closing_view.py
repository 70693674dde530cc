"""napari's main window and the dock of the panel, when somebody closes them."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_unisemalign.shell.docking_view import Docking


class ClosingView(QObject):
    """Holds back the window's closing until it may close; puts the panel back where it is still needed."""

    left = Signal()
    """The dock was closed, and the window stays."""

    def __init__(self, panel: QWidget, docking: Docking, dock: Callable[[QWidget, str], object]) -> None:
        """dock: puts a widget into a dock at the right, under this name."""
        super().__init__(panel)
        self._panel, self._docking, self._dock = panel, docking, dock
        self._may_close: Callable[[], bool] = lambda: True
        self._closed: Callable[[], None] = lambda: None
        self._window_ref: weakref.ref[QWidget] | None = None
        docking.docked.connect(lambda: QTimer.singleShot(0, self._watch))
        docking.undocked.connect(lambda: QTimer.singleShot(0, self._on_undocked))

    def ask_first(self, may_close: Callable[[], bool], closed: Callable[[], None]) -> None:
        """Let the window close only where `may_close` says so; closed: called where nothing can keep it."""
        self._may_close, self._closed = may_close, closed

    @property
    def is_left(self) -> bool:
        """Whether the panel is in no dock."""
        return self._panel.parent() is None

    def close_window(self) -> None:
        """Have the window closed; that is asked about as any closing."""
        window = self._window()
        if window is not None:
            window.close()

    def let_go(self) -> None:
        """Let the window close without being asked."""
        window = self._window()
        if window is not None:
            window.removeEventFilter(self)

    def delete(self) -> None:
        """The panel is not needed any more."""
        self._panel.deleteLater()

    def dock_again(self) -> None:
        """Put the panel back as it was: a dock that is new would be as narrow as it can be."""
        panel, width_px = self._panel, self._panel.width()
        self._dock(panel, self._docking.name)
        panel.show()
        window, dock = self._window(), panel.parentWidget()
        if isinstance(window, QMainWindow) and isinstance(dock, QDockWidget):
            window.resizeDocks([dock], [width_px], Qt.Orientation.Horizontal)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hold back the window's close event while something must be asked or saved."""
        if event is None or event.type() != QEvent.Type.Close or watched is not self._window():
            return False
        if watched is not None and watched._qt_viewer.isHidden():
            # `viewer.close()` in a script: napari has closed its canvas before, so the window cannot stay
            self._closed()
            return False
        if self._may_close():
            return False
        event.ignore()
        return True

    def _watch(self) -> None:
        """The dock is in the main window by now; it is the same one after the dock was closed and opened."""
        window = self._panel.window()
        if window is not None and window is not self._window() and window is not self._panel:
            self._window_ref = weakref.ref(window)
            window.installEventFilter(self)

    def _window(self) -> QWidget | None:
        """The main window; held weakly, or napari's canvas would outlive it."""
        return self._window_ref() if self._window_ref is not None else None

    def _on_undocked(self) -> None:
        window = self._window()
        if self.is_left and window is not None and not window.isHidden():
            self.left.emit()
