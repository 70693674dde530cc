"""What is rejected, and what the button under the mouse would do, drawn over the tile and counted before it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from napari_unisemalign.annotate.accept_plan import (
    Cleaner,
    Deed,
    Plan,
    Scene,
    Where,
    cleaning_in_words,
    in_words,
    plan,
    scene,
)
from napari_unisemalign.annotate.accept_view import PointedAt
from napari_unisemalign.annotate.marks import ACCEPT, REJECT, MarksLayer, draw_marks
from napari_unisemalign.annotate.overlays import OverlaysController
from napari_unisemalign.annotate.review_contracts import CleanUpSurface, CorrectSurface
from napari_unisemalign.app.background import run_while_painting
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.latest import Latest
from napari_unisemalign.app.layer_values import U8, Mask
from napari_unisemalign.app.tile_overlays import Overlays
from training_core.base.i18n import ntr
from training_core.project import Project, TissueClass
from training_core.project.classes import background_ids

Wish = tuple[Deed, Where]


@dataclass(frozen=True)
class _Picture:
    scene: Scene
    planned: Plan | None
    marks: U8
    words: str
    cleaning: str


class PreviewController:
    """Draws in a thread, for the wish that came last."""

    def __init__(
        self,
        context: Context,
        view: CorrectSurface,
        cleanup: CleanUpSurface,
        overlays: OverlaysController,
        ids: Callable[[], U8 | None],
    ) -> None:
        """ids: the class ids (H, W) of the tile on screen that could be accepted now, None where there are none."""
        self._session, self._layers, self._drawn = context.session, context.layers, context.drawn
        self._overlays, self._ids = overlays, ids
        self._view, self._cleanup = view, cleanup
        self._cleaner = Cleaner()
        self.marks = MarksLayer(context.viewer)
        self._latest = Latest(context.owner, context.reporter.error)
        self._wish: Wish | None = None
        self._plan: Plan | None = None
        self._scene: Scene | None = None
        """The tile as it was drawn last: what a moving mouse asks needs no file again."""
        session = self._session
        for signal in (session.tile_changed, session.project_changed):
            signal.connect(self._on_tile)
        for signal in (session.overlays_changed, session.label_saved):
            signal.connect(self._on_change)
        overlays.shown.connect(self.refresh)
        self._cleanup.changed.connect(self.refresh)
        self._view.overwrite_toggled.connect(self.refresh)

    @property
    def busy(self) -> bool:
        """The picture on screen is not yet what was wished for."""
        return self._latest.busy or self._overlays.pending

    def show(self, wish: Wish | None) -> None:
        """Show what this would do from now on; None: only what is rejected."""
        if wish is None and self._wish is None:
            return
        if self._is_shown(wish):
            return
        self._wish = wish
        self._ask()

    def show_pointed(self, at: PointedAt | None) -> None:
        """Over a button: show what it would do; elsewhere what is drawn, if anything is."""
        drawn = self._drawn
        wish: Wish | None = None
        if at in (PointedAt.ACCEPT_TILE, PointedAt.REJECT_TILE):
            wish = (Deed.REJECT if at is PointedAt.REJECT_TILE else Deed.ACCEPT, None)
        elif at is PointedAt.ACCEPT_SURE:
            wish = (Deed.ACCEPT, self._view.confidence)
        elif drawn.has_area():
            wish = (Deed.REJECT if at is PointedAt.REJECT_AREA else Deed.ACCEPT, drawn.area_mask())
        self.show(wish if self._ids() is not None else None)

    def show_area(self, wish: Wish | None) -> None:
        """What the mouse on the image means; None: what is drawn there, if anything is."""
        if wish is None:
            self.show_pointed(None)
        else:
            self.show(wish)

    def show_change(self, where: Mask | None, words: str) -> None:
        """Draw pixels that something else would change, with what is said of it; None: as it was."""
        if where is None:
            self._ask()
            return
        self._latest.drop()
        rejected = self._scene.rejected if self._scene is not None else np.zeros_like(where)
        self.marks.show(draw_marks(rejected, where, ACCEPT, None))
        self._view.set_preview(words)

    def refresh(self) -> None:
        """Something that the picture depends on has changed."""
        self._scene = None
        if not self._overlays.pending:  # to ask for what is to come would have it read at once, in the window's thread
            self._ask()

    def _ask(self) -> None:
        project, name, label = self._session.project, self._session.tile, self._session.label.ids()
        self._plan = None
        if project is None or name is None or label is None:
            self._latest.drop()
            self.marks.clear()
            self._view.set_preview("")
            self._cleanup.set_words("")
            return
        cleaning, background = self._cleanup.value, background_ids(self._session.classes())
        wish, ids, replace, classes = self._wish, self._ids(), self._view.overwrite, self._session.classes()
        overlays, known = self._session.overlays(name), self._scene
        mpp_um, rejection = self._layers.mpp_um, self._session.waiting_rejection(name)

        def work() -> _Picture:
            cleaned = None if ids is None else self._cleaner.clean(ids, cleaning, background)
            now = known
            if now is None or not np.array_equal(now.label, label):
                now = scene(project, name, cleaned, label, overlays, rejection)
            planned = None if wish is None else plan(*wish, now, replace=replace)
            if wish:
                words = in_words(planned, classes, mpp_um)
            else:
                words = _idle_words(now, classes, mpp_um, is_predicted=ids is not None, replace=replace)
            changed, said = None, ""
            if ids is not None and cleaned is not None and not cleaning.is_nothing:
                changed, said = cleaned != ids, cleaning_in_words(ids, cleaned, background)
            value = REJECT if wish and wish[0] is Deed.REJECT else ACCEPT
            target = None if planned is None else planned.target
            return _Picture(now, planned, draw_marks(now.rejected, target, value, changed), words, said)

        self._latest.ask(work, self._draw)

    def cleaned(self, ids: U8) -> U8:
        """`ids` (H, W) cleaned up as the user set it; the window waits where the preview is not that far."""
        asked = ids, self._cleanup.value, background_ids(self._session.classes())
        known = self._cleaner.known(*asked)
        if known is None:
            known = run_while_painting(lambda: self._cleaner.clean(*asked))
        return known

    def scene(self, project: Project, name: str, ids: U8 | None, label: U8, overlays: Overlays | None) -> Scene:
        """What an accept goes by: as it was drawn last, or read in a thread; ids: None where there is no prediction.

        Raises
        ------
        MaskError: a file of the project or of the run is damaged.
        """
        known = self._scene
        is_shown = known is not None and ids is not None and np.array_equal(known.ids, ids)
        if known is not None and is_shown and np.array_equal(known.label, label):
            return known
        rejection = self._session.waiting_rejection(name)
        read: Scene = run_while_painting(lambda: scene(project, name, ids, label, overlays, rejection))
        return read

    def _draw(self, picture: _Picture) -> None:
        self._plan, self._scene = picture.planned, picture.scene
        self.marks.show(picture.marks)
        self._view.set_preview(picture.words)
        self._cleanup.set_words(picture.cleaning)

    def _is_shown(self, wish: Wish | None) -> bool:
        """The mouse moved within the area that is drawn already."""
        if wish is None or self._wish is None or self._plan is None or self._latest.busy:
            return False
        (deed, where), (former, _) = wish, self._wish
        if not isinstance(where, tuple) or not isinstance(self._wish[1], tuple) or deed is not former:
            return False
        inside = all(0 <= each < side for each, side in zip(where, self._plan.target.shape, strict=True))
        return inside and bool(self._plan.target[where])

    def _on_tile(self, _change: object = None) -> None:
        self._wish = None
        project, name = self._session.project, self._session.tile
        self._cleanup.set_pixel_size(project.tile(name).mpp_um if project is not None and name is not None else None)
        self.marks.clear()
        self.refresh()

    def _on_change(self, name: str) -> None:
        if name == self._session.tile:
            self.refresh()


def _idle_words(
    now: Scene, classes: Iterable[TissueClass], mpp_um: float | None, *, is_predicted: bool, replace: bool
) -> str:
    """What accepting the tile would do, before anybody points at the button; and what is rejected."""
    words = in_words(plan(Deed.ACCEPT, None, now, replace=replace), classes, mpp_um) if is_predicted else ""
    pixels = int(np.count_nonzero(now.rejected))
    if not pixels:
        return words
    return (
        words
        + (" " if words else "")
        + ntr(
            "{count} pixel is rejected (hatched): training learns nothing from what it guesses there.",
            "{count} pixels are rejected (hatched): training learns nothing from what it guesses there.",
            pixels,
        ).format(count=f"{pixels:,}")
    )
