"""The guided tour: on the sample project where none is open, along the steps of the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

from napari_unisemalign.app.context import Context
from napari_unisemalign.shell.contracts import PointingSurface, TourSurface, TourTarget
from training_core.base.i18n import tr

if TYPE_CHECKING:
    from napari_unisemalign.tiles.making import MakingController


@dataclass(frozen=True)
class TourStop:
    """One stop: what is said, and what is meant."""

    title: str
    text: str
    target: TourTarget


STOPS = (
    TourStop(
        tr("Tiles"),
        tr(
            "These are the tiles of the project. A click shows one. The dot says how far it is: unannotated, "
            "annotated, predicted or accepted. The arrows in the panel go to the neighbours."
        ),
        TourTarget.TILES,
    ),
    TourStop(
        tr("Paint"),
        tr(
            "Choose a class, here or with its number key, and paint over the tile with the left mouse button. A few "
            "strokes of every class on two tiles are enough. They are saved by themselves."
        ),
        TourTarget.CLASSES,
    ),
    TourStop(
        tr("Train"),
        tr(
            "The model learns from your strokes and from the tiles without any. Go on working meanwhile: the first "
            "prediction appears over the tile within seconds, and gets better."
        ),
        TourTarget.START,
    ),
    TourStop(
        tr("What goes on"),
        tr("Here you always see what happens, on which device and how long it takes, or what to do next."),
        TourTarget.STATUS,
    ),
    TourStop(
        tr("Look"),
        tr(
            "Each map of the model has a switch and an opacity. The prediction is what the model would annotate; its "
            "confidence is under Confidence."
        ),
        TourTarget.PREDICTION,
    ),
    TourStop(
        tr("Accept or correct"),
        tr(
            "Accept what is right, reject what is wrong, or paint over it. Only what you accept becomes an annotation. "
            "Then train again: the next round learns from it."
        ),
        TourTarget.ACCEPT,
    ),
    TourStop(
        tr("Export"),
        tr(
            "Write the masks when you are content. F1 lists all keys. This tour is in napari's menu under File, "
            "IO Utilities, UniSemAlign."
        ),
        TourTarget.EXPORT,
    ),
)


class TourController:
    """Shows one stop after the other. It opens steps and points at things, and does nothing else."""

    def __init__(self, context: Context, card: TourSurface, pointer: PointingSurface, making: MakingController) -> None:
        self._card, self._pointer, self._session, self._making = card, pointer, context.session, making
        self._index: int | None = None
        self._waits = False
        card.next_clicked.connect(lambda: self._go(1))
        card.back_clicked.connect(lambda: self._go(-1))
        card.left.connect(self.leave)
        self._session.project_changed.connect(self._on_project)

    def start(self) -> None:
        """Begin at the first stop; without a project, the sample is opened first."""
        if self._session.project is None:
            self._waits = True
            self._making.open_sample()
        else:
            self._show(0)

    def leave(self) -> None:
        """End the tour; everything stays as it is."""
        self._index = None
        self._card.hide()
        self._pointer.point_at(None)

    @property
    def stop(self) -> TourStop | None:
        """The stop that is shown; None while there is no tour."""
        return None if self._index is None else STOPS[self._index]

    def _on_project(self, project: object) -> None:
        if project is not None and self._waits:
            self._waits = False
            # the list is filled after this signal, and must have its place before it is pointed at
            QTimer.singleShot(0, lambda: self._show(0))

    def _go(self, step: int) -> None:
        if self._index is None:
            return
        if self._index + step >= len(STOPS):
            self.leave()
        else:
            self._show(max(self._index + step, 0))

    def _show(self, index: int) -> None:
        starts = self._index is None
        self._index = index
        stop = STOPS[index]
        self._card.show_stop(index + 1, len(STOPS), stop.title, stop.text)
        self._pointer.point_at(stop.target)
        if starts:
            self._card.take_focus()
