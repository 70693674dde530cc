"""The window when this program opens it: napari's viewer without napari's own notices about PyQt5."""

from __future__ import annotations

import warnings

from napari import Viewer
from napari._qt import qt_main_window


def open_viewer() -> Viewer:
    """A shown viewer. On PyQt5 napari says at every start that it will drop it, which no user can act on here.

    pyproject.toml holds napari below the release that does so. Where napari was opened by the user, its notices stay.
    """
    warnings.filterwarnings("ignore", "System theme detection requires a Qt6 backend", UserWarning)
    qt_main_window.SHOW_QT_WARNING = False
    return Viewer()
