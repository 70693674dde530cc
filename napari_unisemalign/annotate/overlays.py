"""The trainer's maps over the tile on screen.

Reading and comparing happen in a thread; layers are made and filled one per turn of the event loop, each of which takes
napari some tens of milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable

from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_unisemalign.actions.shortcuts import Shortcuts, shown
from napari_unisemalign.annotate.flicker import Flicker
from napari_unisemalign.annotate.overlay_maps import Comparison, Confused, Maps, Picture, blank, compose, read_maps
from napari_unisemalign.annotate.overlay_switches import OverlaySwitches
from napari_unisemalign.annotate.review_contracts import OverlaysSurface
from napari_unisemalign.app import availability
from napari_unisemalign.app.background import Background
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.layer_values import (
    COMPARISON,
    CONFIDENCE,
    OPACITY,
    OVERLAY_ROLES,
    PREDICTION,
    PSEUDO_LABEL,
    U8,
)
from napari_unisemalign.app.notify import guarded
from training_core.base.errors import UserError
from training_core.base.i18n import tr

SLIDER_MS = 30
"""A drag of the slider is answered this often."""
CLEAR_MS = 150
"""So long the former tile's overlays may stay while those of the new one are read."""


class OverlaysController:
    """Loads overlays as they come, and shows them."""

    shown = Signal()
    """What `pending` waited for is on the screen, or cannot be read, or there is nothing to be shown."""

    below_changed = Signal(float)
    """The confidence, 0 to 1, below which pixels are left open."""

    def __init__(self, context: Context, view: OverlaysSurface) -> None:
        self._session, self._layers, self.reporter = context.session, context.layers, context.reporter
        self._view, self._notes = view, context.notes
        self._background = Background(context.owner)
        self._number = 0
        """Of the last request: answers to earlier ones are stale."""
        self._work: Callable[[], tuple[Maps, Picture]] | None = None
        """What the thread does now, and what `settle` would do itself."""
        self._maps: Maps | None = None
        self._picture: Picture | None = None
        """What the layers show, or are about to: whoever accepts goes by this, and no layer is asked."""
        self._confused: Confused | None = None
        """What is marked of the confusion matrix; None: nothing."""
        self._marked_words = ""
        self._turns: list[Callable[[], None]] = []
        self._turn_timer = self._timer(context, self._take_turn)
        self._slider_timer = self._timer(context, self._compose)
        self._clear_timer = self._timer(context, self._layers.clear_overlays)
        self._load_timer = self._timer(context, self.load)
        self.flicker = Flicker(context, view)
        self._switches = OverlaySwitches(context, view, self.flicker)
        self._connect(context)
        self._refresh_available()

    def _connect(self, context: Context) -> None:
        view, session = self._view, self._session
        view.comparison_changed.connect(lambda _comparison: self._compose())
        view.below_changed.connect(lambda _below: self._slider_timer.start(SLIDER_MS))
        view.below_changed.connect(self.below_changed.emit)
        session.tile_changed.connect(self._on_tile)
        session.overlays_changed.connect(self._on_overlays)
        session.label_saved.connect(self._on_label)
        session.project_changed.connect(self._on_tile)
        session.training_changed.connect(self._refresh_available)

    @staticmethod
    def _timer(context: Context, call: Callable[[], None]) -> QTimer:
        timer = QTimer(context.owner)
        timer.setSingleShot(True)
        timer.timeout.connect(call)
        return timer

    # --- what others may ask ------------------------------------------------------------------------------------------

    def shown_prediction(self, tile: str) -> U8 | None:
        """The prediction of the tile on screen exactly as it is to be seen: (H, W) class ids, 255 where left open.

        It is not to be written into. None where another tile is on screen, or nothing is predicted.
        """
        picture = self._shown(tile)
        return None if picture is None else picture.prediction

    @property
    def prediction_so_far(self) -> U8 | None:
        """The same without waiting for what is to come, which would be read at once, in the window's thread."""
        return None if self._picture is None else self._picture.prediction

    def shown_pseudo_label(self, tile: str) -> U8 | None:
        """The same of the fused pseudo-label."""
        picture = self._shown(tile)
        return None if picture is None else picture.pseudo_label

    @property
    def below(self) -> float:
        """The confidence, 0 to 1, below which pixels are left open, and so not accepted."""
        return self._view.below

    def leave_nothing_open(self) -> None:
        """Every pixel is shown and accepted, however sure the model is."""
        self._view.show_from_confidence(0.0)

    def mark_confusion(self, confused: Confused | None) -> None:
        """Mark a cell of the confusion matrix on this tile and those that follow, until something else is chosen."""
        if confused is None and self._confused is None:
            return
        self._confused = confused
        self._view.set_confusion(confused.title(self._session.classes()) if confused is not None else "")
        if confused is not None:
            self._view.set_overlay(COMPARISON, True, OPACITY[COMPARISON])
            self._switches.set_visible(COMPARISON, True)
        self._compose()

    def confusion_words(self) -> str:
        """What is marked of the confusion matrix on the tile on screen, or why nothing is."""
        if self._confused is None or self._session.tile is None:
            return ""
        if self._session.overlays(self._session.tile) is None:
            return tr("Nothing is marked: this tile has no prediction, or it was rejected.")
        if self._view.comparison is not Comparison.CONFUSION or not self._view.is_shown(COMPARISON):
            return ""
        return self._marked_words

    @property
    def pending(self) -> bool:
        """Something of the last change is still to come: it is read, composed or put on the screen."""
        waiting = self._load_timer.isActive() or self._slider_timer.isActive()
        return waiting or self._work is not None or bool(self._turns)

    def settle(self) -> None:
        """Finish now what is still to come of the last change: whoever accepts gets what is about to be seen."""
        if not self.pending:
            return
        if self._load_timer.isActive():
            self._load_timer.stop()
            self.load()
        if self._slider_timer.isActive():
            self._slider_timer.stop()
            self._compose()
        if self._work is not None:
            work, self._work = self._work, None
            self._number += 1
            try:
                self._show(*work())
            except UserError as error:
                self._give_up(error)
        while self._turns:
            self._turns.pop(0)()
        self.shown.emit()

    def _shown(self, tile: str) -> Picture | None:
        if tile != self._session.tile or self._session.overlays(tile) is None:
            return None
        self.settle()
        return self._picture

    # --- from the files to the layers ---------------------------------------------------------------------------------

    @guarded
    def load(self) -> None:
        """Show the overlays of the tile on screen, or nothing where there are none."""
        project, name = self._session.project, self._session.tile
        overlays = self._session.overlays(name) if name is not None else None
        self._refresh_available()
        self._tell_source()
        self._maps = self._picture = None
        if project is None or name is None or overlays is None:
            self._number += 1
            self._work, self._turns = None, []
            self._clear_timer.stop()
            self._layers.clear_overlays()
            self._view.set_words("")
            self._warm()
            self.shown.emit()
            return
        self._request(lambda: read_maps(project, name, overlays))

    def _tell_source(self) -> None:
        """On the image: which prediction is seen, and the key for the other one."""
        words = self._session.overlays_in_words(self._session.tile)
        if words and self._session.has_other_overlays(self._session.tile):
            key = Shortcuts().keys()[0]["other-overlay"]
            words = tr("{source}   ({key}: the other)").format(source=words, key=shown(key)) if key else words
        self._notes.set("source", words)

    def _compose(self) -> None:
        """The same maps with other settings, or another label beside them."""
        maps = self._maps
        if maps is not None:
            self._request(lambda: maps)

    def _request(self, read: Callable[[], Maps]) -> None:
        label, classes = self._session.label.ids(), self._session.classes()
        below, comparison = self._view.below, self._view.comparison
        confused = (self._confused, self._session.tile or "") if self._confused is not None else None
        self._number += 1
        number = self._number

        def work() -> tuple[Maps, Picture]:
            maps = read()
            return maps, compose(maps, label, below, comparison, classes, confused)

        def done(answer: tuple[Maps, Picture]) -> None:
            if number == self._number:
                self._work = None
                self._show(*answer)

        def failed(error: UserError) -> None:
            if number == self._number:
                self._work = None
                self._give_up(error)

        self._work = work
        self._background.run(work, done, failed)

    def _give_up(self, error: UserError) -> None:
        """A map cannot be read: nothing is shown or can be accepted, and the user hears why."""
        label = self._session.label.ids()
        self._picture = None if label is None else blank(label.shape)
        self._layers.clear_overlays()
        self.reporter.error(error)
        self.shown.emit()

    def _show(self, maps: Maps, picture: Picture) -> None:
        self._clear_timer.stop()
        self._maps, self._picture = maps, picture
        self._marked_words = picture.words
        self._view.set_words(picture.words)
        values = (
            (PREDICTION, picture.prediction),
            (PSEUDO_LABEL, picture.pseudo_label),
            (CONFIDENCE, picture.confidence),
            (COMPARISON, picture.marked),
        )
        classes = self._session.classes()

        def turn(role: str, shown: U8) -> Callable[[], None]:
            return lambda: self._layers.show_overlay(role, shown, classes)

        self._turns = [turn(role, shown) for role, shown in values]
        self._turn_timer.start(0)

    def _take_turn(self) -> None:
        if self._turns:
            self._turns.pop(0)()
            self._turn_timer.start(0)
            if not self.pending:
                self.shown.emit()
        else:
            self._warm()

    def _warm(self) -> None:
        """Make the next layer that is not there yet, so that the first overlay finds all of them."""
        for role in OVERLAY_ROLES:
            if self._layers.make_overlay(role, self._session.classes()) is not None:
                self._turn_timer.start(0)
                return

    # --- what changes -------------------------------------------------------------------------------------------------

    def _on_tile(self, _change: object = None) -> None:
        self._number += 1
        self._work, self._maps, self._picture, self._turns = None, None, None, []
        self._clear_timer.start(CLEAR_MS)
        self._load_timer.start(0)  # in a turn of its own, after the tile itself

    def _on_overlays(self, name: str) -> None:
        if name == self._session.tile:
            self.load()

    def _on_label(self, name: str) -> None:
        if name == self._session.tile:
            self._compose()

    def _refresh_available(self, _training: object = None) -> None:
        self._view.set_available(availability.why_no_overlays(self._session))
