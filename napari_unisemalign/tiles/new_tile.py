"""Adds tiles of the slide around the tile on screen: by a click, a rectangle, the arrow keys, or in mid view."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
from psygnal import Signal

from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.slide_layers import Region
from napari_unisemalign.tiles.contracts import NewTileSurface
from napari_unisemalign.tiles.slide import SlideController
from napari_unisemalign.tiles.tiles import TilesController
from training_core.base.errors import UserError
from training_core.base.i18n import tr
from training_core.project import Project
from training_core.project.slide_places import SlidePlaces, Spot, add_tile

NOTE = "new tile"
CLICK_TOLERANCE_PX = 4
"""On the screen: what moves less is a click, not a rectangle."""
STEP_PX = 16
"""On the screen: how far one press of an arrow key goes; finer when zoomed in."""
_PAN = "pan_zoom"


class NewTileController:
    """In its mode the mouse shows where the tile would lie; the one that was added is opened."""

    began = Signal()
    """The mouse adds tiles from now on: what else uses it ends."""

    def __init__(self, context: Context, view: NewTileSurface, slide: SlideController, tiles: TilesController) -> None:
        self._context, self._session, self.reporter = context, context.session, context.reporter
        self._view, self._slide, self._tiles = view, slide, tiles
        self._places: SlidePlaces | None = None
        """Of the slide, while the mode is on."""
        self._frame: Spot | None = None
        """What the arrow keys have placed; the mouse takes over from them."""
        view.add_toggled.connect(self.switch)
        view.frame_moved.connect(self.move_frame)
        view.frame_resized.connect(self.resize_frame)
        session = context.session
        session.tile_changed.connect(lambda _name: self.leave())
        slide.changed.connect(self._refresh)
        session.training_changed.connect(lambda _training: self._refresh())
        self._refresh()

    @property
    def is_on(self) -> bool:
        """Whether a click on the slide adds a tile."""
        return self._places is not None

    def why_not(self) -> str:
        """Why no tile can be added; empty when one can."""
        reason = self._slide.why_not() or availability.why_not_add(self._session) or self._tiles.busy
        if reason:
            return reason
        layer = self._slide.layers.slide
        if layer is None or not layer.visible:
            is_hidden = not self._slide.is_on
            return tr("Show the slide around the tile first.") if is_hidden else tr("The slide is not shown yet.")
        return ""

    def toggle(self) -> None:
        """Begin, or leave it: for a key."""
        self.switch(not self.is_on)

    @guarded
    def switch(self, on: bool) -> None:
        """From now on a click on the slide adds a tile, or no longer."""
        self.leave()
        places, labels = self._places_now() if on else None, self._context.layers.labels
        if places is None or labels is None:
            return
        self.began.emit()
        self._context.layers.activate_labels(_PAN)
        labels.mouse_pan = False  # a drag draws a rectangle
        labels.events.mode.connect(self._on_mode)
        viewer = self._context.viewer
        viewer.mouse_drag_callbacks.append(self._on_drag)
        viewer.mouse_move_callbacks.append(self._on_move)
        self._places = places
        self._view.set_adding(True)
        self._say(tr("A click or a rectangle adds a tile"), tr("Or place it with the arrow keys"))

    def leave(self) -> bool:
        """A click adds no tile any more; False where it did not before."""
        self._view.set_adding(False)
        if self._places is None:
            return False
        self._places = self._frame = None
        viewer, labels = self._context.viewer, self._context.layers.labels
        viewer.mouse_drag_callbacks.remove(self._on_drag)
        viewer.mouse_move_callbacks.remove(self._on_move)
        if labels is not None:
            labels.events.mode.disconnect(self._on_mode)
            labels.mouse_pan = str(labels.mode) == _PAN
        self._slide.layers.show_new(None)
        self._context.notes.set(NOTE, "")
        return True

    @guarded
    def add_in_view(self) -> None:
        """Add a tile in the middle of what is seen."""
        places = self._places_now()
        if places is not None:
            self._add_around(places, self._on_slide(places, self._context.viewer.scene.camera.center))

    def _say(self, words: str, more: str) -> None:
        """On the image, in two lines: it is not wide."""
        self._context.notes.set(NOTE, f"{tr('{mode}   (Esc: back)').format(mode=words)}\n{more}")

    def _places_now(self) -> SlidePlaces | None:
        """Where tiles of the slide may lie; says why not where none can be added."""
        project, tile, reason = self._session.project, self._session.tile, self.why_not()
        if reason or project is None or tile is None:
            self.reporter.info(reason)
            return None
        return SlidePlaces(project, tile)

    # --- the arrow keys -----------------------------------------------------------------------------------------------

    @guarded
    def move_frame(self, right: int, down: int) -> None:
        """Move the frame by steps; the first key puts it into the middle of the view."""
        places, frame = self._places, self._frame
        if places is not None:
            step = self._step_px(places)
            self._show_frame(places, None if frame is None else places.moved(frame, right * step, down * step))

    @guarded
    def resize_frame(self, wider: int, taller: int) -> None:
        """Make the frame wider and taller by steps; the first key puts it into the middle of the view."""
        places, frame = self._places, self._frame
        if places is not None:
            step = max(1, round(self._step_px(places) / places.scale))
            self._show_frame(places, None if frame is None else places.resized(frame, wider * step, taller * step))

    def add_framed(self) -> bool:
        """Add what the frame holds, or show the frame where there is none; False where no tile is being added."""
        if self._places is None:
            return False
        if self._frame is None:
            self.move_frame(0, 0)
        else:
            self._add_unless_there(self._places, self._frame)
        return True

    def _show_frame(self, places: SlidePlaces, frame: Spot | None) -> None:
        frame = frame or places.around(*self._on_slide(places, self._context.viewer.scene.camera.center))
        self._frame = frame
        region = _region(places, frame)
        self._slide.layers.show_new(region)
        self._slide.layers.follow(region)
        size = tr("A tile of {width} x {height} px").format(width=frame.width_px, height=frame.height_px)
        self._say(size, tr("Arrow keys move it, with Shift resize it; Enter adds it"))

    def _step_px(self, places: SlidePlaces) -> float:
        """How many pixels of the slide's finest level one press of an arrow key goes."""
        world_px = self._context.layers.pixel_size * float(self._context.viewer.scene.camera.zoom)
        return max(1.0, STEP_PX / world_px * places.scale)

    # --- the mouse ----------------------------------------------------------------------------------------------------

    def _on_drag(self, _viewer: Any, event: Any) -> Generator[None, None, None]:
        """A press and release in one place is a click; what lies between others is a rectangle."""
        places = self._places
        if places is None or event.button != 1:
            return
        pressed, start = np.asarray(event.pos), self._on_slide(places, event.position)
        is_drag = False
        yield
        while event.type == "mouse_move":
            is_drag = is_drag or np.abs(np.asarray(event.pos) - pressed).max() > CLICK_TOLERANCE_PX
            if is_drag:
                self._preview(places, start, self._on_slide(places, event.position))
            yield
        if is_drag:
            self._add_within(places, start, self._on_slide(places, event.position))
        else:
            self._add_around(places, start)

    def _on_move(self, _viewer: Any, event: Any) -> None:
        if self._places is not None:
            self._preview(self._places, self._on_slide(self._places, event.position))

    def _on_mode(self, event: Any) -> None:
        """A brush was taken up: from now on clicks paint."""
        if str(event.mode) != _PAN:
            self.leave()

    def _on_slide(self, places: SlidePlaces, position: Sequence[float]) -> tuple[float, float]:
        """(x, y) in pixels of the slide at a place of napari's world, which counts from the middle of a pixel."""
        spot, size = Spot.of(places.own), self._context.layers.pixel_size
        y, x = (float(each) / size + 0.5 for each in position[-2:])
        return spot.x_px + x * spot.scale, spot.y_px + y * spot.scale

    def _preview(self, places: SlidePlaces, point: tuple[float, float], end: tuple[float, float] | None = None) -> None:
        """Outline what a click, or the end of a drag, would add here; nothing where it would add nothing."""
        self._frame = None
        try:
            spot = places.around(*point) if end is None else _between(places, point, end)
        except UserError:
            spot = None
        is_there = end is None and places.tile_at(*point) is not None
        self._slide.layers.show_new(None if spot is None or is_there else _region(places, spot))

    # --- adding -------------------------------------------------------------------------------------------------------

    @guarded
    def _add_around(self, places: SlidePlaces, point: tuple[float, float]) -> None:
        there = places.tile_at(*point)
        if there is not None:
            self._open(there)
        else:
            self._add(places, places.around(*point))

    @guarded
    def _add_within(self, places: SlidePlaces, start: tuple[float, float], end: tuple[float, float]) -> None:
        self._add_unless_there(places, _between(places, start, end))

    def _add_unless_there(self, places: SlidePlaces, spot: Spot) -> None:
        there = places.tile_of(spot)
        if there is not None:
            self._open(there)
        else:
            self._add(places, spot)

    def _open(self, name: str) -> None:
        words = tr("There is a tile here already: {name}. Drag a rectangle that leads beyond it to add more.")
        self.reporter.info(words.format(name=name))
        self._slide.layers.show_new(None)
        self._slide.opening(name)()

    def _add(self, places: SlidePlaces, spot: Spot) -> None:
        project, beside = self._session.project, places.own.name
        if project is None:
            return
        self.leave()
        self._tiles.set_busy(tr("Adding a tile of the slide …"))
        self._context.background.run(
            lambda: add_tile(project, beside, spot),
            lambda name: self._show(project, name, places.overlapping(spot)),
            lambda error: self.reporter.error(error),
            always=lambda: self._tiles.set_busy(""),
        )

    def _show(self, project: Project, name: str, overlapping: list[str]) -> None:
        if self._session.project is not project:
            return
        self._tiles.read_tiles_again()
        self._slide.opening(name)()
        validation = [each for each in overlapping if each in project.val_names()]
        if validation:
            words = tr(
                "The tile {name} was added. It overlaps {others}, which is used for validation: what you annotate in "
                "both is trained on and scored."
            )
            self.reporter.warning(words.format(name=name, others=", ".join(validation)))
        elif overlapping:
            words = tr("The tile {name} was added. It overlaps {others}: annotate what lies in both in one of them.")
            self.reporter.info(words.format(name=name, others=", ".join(overlapping)))
        else:
            self.reporter.info(tr("The tile {name} was added.").format(name=name))

    def _refresh(self) -> None:
        reason = self.why_not()
        self._view.set_addable(reason)
        if reason and self.is_on:
            self.leave()


def _between(places: SlidePlaces, start: tuple[float, float], end: tuple[float, float]) -> Spot:
    """The rectangle between two corners."""
    return places.within((start[0], end[0]), (start[1], end[1]))


def _region(places: SlidePlaces, spot: Spot) -> Region:
    """A place in pixels of the tile on screen."""
    own, scale = Spot.of(places.own), places.scale
    top, left = (spot.y_px - own.y_px) / scale, (spot.x_px - own.x_px) / scale
    return Region("", top, left, spot.height_px * spot.scale / scale, spot.width_px * spot.scale / scale)
