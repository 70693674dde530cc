"""What every controller needs, handed over as one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_unisemalign.app.background import Background
from napari_unisemalign.app.dialogs import Dialogs
from napari_unisemalign.app.drawn_shapes import DrawnShapes
from napari_unisemalign.app.image_notes import ImageNotes
from napari_unisemalign.app.layers import TileLayers
from napari_unisemalign.app.notify import Reporter
from napari_unisemalign.app.pictures import Pictures
from napari_unisemalign.app.session import Session

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtCore import QObject


class Connections:
    """What listens to something that outlives the panel: to napari's viewer."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, Callable[..., Any]]] = []

    def listen(self, emitter: Any, callback: Callable[..., Any]) -> None:
        """Call this at each of these events, until `close`."""
        emitter.connect(callback)
        self._made.append((emitter, callback))

    def close(self) -> None:
        """Listen to nothing any more."""
        for emitter, callback in self._made:
            emitter.disconnect(callback)
        self._made.clear()


@dataclass
class Context:
    """The parts of one window."""

    viewer: Viewer
    owner: QObject
    """The panel: what its timers and processes belong to. Views come to a controller one by one."""
    session: Session
    layers: TileLayers
    drawn: DrawnShapes
    reporter: Reporter
    dialogs: Dialogs
    background: Background
    """For what the user waits for."""
    thumbnails: Background
    """For what comes when it comes."""
    pictures: Pictures
    notes: ImageNotes
    """What is written on the image."""
    connections: Connections = field(default_factory=Connections)
    """Whatever listens to the viewer does so through these."""
