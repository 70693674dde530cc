"""What every controller needs, handed over as one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unisemalign.background import Background
from napari_unisemalign.dialogs import Dialogs
from napari_unisemalign.layers import TileLayers
from napari_unisemalign.notify import Reporter
from napari_unisemalign.pictures import Pictures
from napari_unisemalign.session import Session
from napari_unisemalign.widgets.panel import Panel

if TYPE_CHECKING:
    from napari import Viewer


@dataclass
class Context:
    """The parts of one window."""

    viewer: Viewer
    panel: Panel
    session: Session
    layers: TileLayers
    reporter: Reporter
    dialogs: Dialogs
    background: Background
    """For what the user waits for."""
    thumbnails: Background
    """For what comes when it comes."""
    pictures: Pictures
