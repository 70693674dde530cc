"""The docks around the image, in napari's main window: ours with the tiles, the panel's, and napari's own."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QDockWidget, QLabel, QMainWindow, QPushButton, QWidget

from napari_unisemalign.shell.docking_view import LEAST_WIDTH_PX, Docking
from training_core.base.i18n import tr

NAPARI_DOCKS = ("layer list", "layer controls")
"""The names that napari gives its two docks at the left."""
TILES_PX = 160
HIDE, FLOAT, CLOSE = "QTitleBarHideButton", "QTitleBarFloatButton", "QTitleBarCloseButton"
"""The names that napari gives the buttons of a dock."""
TITLE = "UniSemAlign"
"""On the panel's dock, whose name in napari's menus is longer than a narrow panel has room for."""
_ROUNDING_PX = 3
WIDEST_PX = 400
"""Of the panel at first; the user may make it wider."""


class DocksView(QObject):
    """Makes the dock of the tiles, shares the width, and names what napari has no names for."""

    docked = Signal()
    """The panel is in the main window."""
    undocked = Signal()
    """The panel has left the main window for good."""

    def __init__(self, panel: QWidget, docking: Docking, tiles: QWidget) -> None:
        super().__init__(panel)
        self._panel, self._docking, self._tiles = panel, docking, tiles
        self.dock: QDockWidget | None = None
        """What holds the tiles; None while the panel is in no window."""
        self._folded: tuple[QDockWidget, ...] = ()
        self._given_px: int | None = None
        """The width that the panel was given last; another one is the user's own choice."""
        docking.docked.connect(lambda: QTimer.singleShot(0, self._on_docked))
        docking.undocked.connect(self.undocked)

    @property
    def has_tiles(self) -> bool:
        """Whether the tiles have a dock."""
        return self.dock is not None

    @property
    def napari_is_folded(self) -> bool:
        """Whether napari's own docks are hidden by us."""
        return bool(self._folded)

    def _window(self) -> QMainWindow | None:
        window = self._panel.window()
        return window if isinstance(window, QMainWindow) else None

    def _on_docked(self) -> None:
        """The dock is in the main window by now."""
        if self._window() is not None:
            self.docked.emit()

    def dock_tiles(self) -> None:
        """Give the tiles a dock, out of sight, if they have none."""
        window = self._window()
        if window is None or self.dock is not None:
            return
        self.dock = QDockWidget(window)
        self.dock.setObjectName("unisemalign_tiles")
        self.dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        self.dock.setTitleBarWidget(QWidget(self.dock))
        self.dock.setWidget(self._tiles)
        self.dock.hide()  # three docks below each other would make the window higher than a low screen
        window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, self.dock)
        window.installEventFilter(self)
        panel_dock = self._panel.parentWidget()
        if isinstance(panel_dock, QDockWidget):
            for moved in (panel_dock.dockLocationChanged, panel_dock.topLevelChanged):  # napari makes another title bar
                moved.connect(lambda _change: QTimer.singleShot(0, self._on_title_bar))
        self._on_title_bar()

    def _on_title_bar(self) -> None:
        """Write what has room, with all of it as the tooltip; name napari's buttons, which have no names."""
        dock = self._panel.parentWidget()
        bar = dock.titleBarWidget() if isinstance(dock, QDockWidget) else None
        if bar is None:
            return
        floating = tr("Dock the panel") if dock.isFloating() else tr("Float the panel in a window of its own")
        names = {HIDE: tr("Hide the panel"), FLOAT: floating, CLOSE: tr("Close the panel and its project")}
        for button in bar.findChildren(QPushButton):
            button.setAccessibleName(names.get(button.objectName(), button.toolTip()))
        for label in bar.findChildren(QLabel):
            if label.text() == dock.windowTitle() or label.text() == self._docking.name:
                label.setToolTip(label.text())
                label.setText(TITLE)

    def release_tiles(self) -> None:
        """Take the dock of the tiles away."""
        self._tiles.hide()
        self._tiles.setParent(self._panel)
        if self.dock is not None:
            self.dock.setParent(None)
            self.dock.deleteLater()
            self.dock = None

    def show_tiles(self) -> None:
        """Bring the tiles into sight, and share the width with the image."""
        if self.dock is not None:
            self._tiles.show()
            self.dock.show()
            QTimer.singleShot(0, self._share_width)

    def hide_tiles(self) -> None:
        """Take the tiles out of sight."""
        if self.dock is not None:
            self.dock.hide()

    def fold_napari(self) -> None:
        """Hide napari's own docks."""
        window = self._window()
        if window is not None and not self._folded:
            docks = (window.findChild(QDockWidget, name) for name in NAPARI_DOCKS)
            self._folded = tuple(dock for dock in docks if dock is not None and dock.isVisible())
            for dock in self._folded:
                dock.hide()

    def unfold_napari(self) -> None:
        """Bring back of napari's docks what was hidden."""
        for dock in self._folded:
            dock.show()
        self._folded = ()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: D102
        if event is not None and event.type() == QEvent.Type.Resize and self._has_given_width:
            QTimer.singleShot(0, self._share_width)
        return False

    @property
    def _has_given_width(self) -> bool:
        if self._given_px is None:
            return False
        return abs(self._panel.width() - max(self._given_px, self._panel.minimumWidth())) <= _ROUNDING_PX

    def _share_width(self) -> None:
        """As much as possible for the image; again in a window of another size, until the user chooses a width."""
        window, panel = self._window(), self._panel.parentWidget()
        if window is not None and self.dock is not None and isinstance(panel, QDockWidget):
            width = max(LEAST_WIDTH_PX, min(window.width() // 4, WIDEST_PX))
            window.resizeDocks([self.dock, panel], [TILES_PX, width], Qt.Orientation.Horizontal)
            self._given_px = width
