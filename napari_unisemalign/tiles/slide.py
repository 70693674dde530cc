"""The slide around the tile on screen: opened when a tile is a place on one, read while it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_unisemalign.app import availability, preferences
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.layer_values import Placed
from napari_unisemalign.app.notify import in_a_sentence
from napari_unisemalign.app.slide_layers import REFRESH_MS, Region, SlideLayers
from napari_unisemalign.tiles.contracts import SlideSurface
from napari_unisemalign.tiles.pixel_sizes import SET_BY
from training_core.base.i18n import tr
from training_core.io.block_reader import BlockReader
from training_core.io.pyramid import Pyramid
from training_core.project import Project
from training_core.project.file_records import SourceFile

NOT_ON_A_SLIDE = tr("This tile was not cut from a slide, or nobody knows where.")


class SlideController:
    """Shows the slide behind the tile and outlines its tiles; a double-click on an outline opens that tile."""

    changed = Signal()
    """A slide is shown, or no longer, or something of it cannot be read."""

    def __init__(self, context: Context, view: SlideSurface, show_tile: Callable[[str], object]) -> None:
        self._context, self._session, self._view, self._show_tile = context, context.session, view, show_tile
        self.layers = SlideLayers(context.viewer, context.layers)
        self._path: Path | None = None
        """Of the slide of the tile on screen, where it is there."""
        self._reader: BlockReader | None = None
        self._has_told_error = False
        self._timer = QTimer(context.owner)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self.layers.refresh)
        session, connections = context.session, context.connections
        session.project_changed.connect(self._on_project)
        session.tile_changed.connect(self._on_tile)
        for signal in (session.states_changed, session.listed_changed):
            signal.connect(self._outline)
        connections.listen(context.viewer.scene.camera.events.zoom, self._on_zoom)
        connections.listen(_FirstInList(context.viewer.mouse_double_click_callbacks), self._on_double_click)
        view.toggled.connect(self.switch)
        context.owner.destroyed.connect(self._stop)

    @property
    def is_on(self) -> bool:
        """Whether slides are to be shown."""
        return preferences.is_on(preferences.SLIDE)

    @property
    def is_reading(self) -> bool:
        """Whether something of the slide on screen is not there yet."""
        return self._timer.isActive() or (self._reader is not None and self._reader.is_busy)

    def why_not(self) -> str:
        """Why no slide can be shown around the tile; empty when one can."""
        project, tile = self._session.project, self._session.tile
        if project is None or tile is None:
            return availability.NO_PROJECT
        place, source = project.place(tile), project.source_file(tile)
        if place is None or place.scale is None or source is None or source.path is None:
            return NOT_ON_A_SLIDE
        if self._path is None:
            words = tr("The slide is not at {path}. Put it back, or move the project together with its slides.")
            return words.format(path=source.path)
        reader = self._reader
        if reader is not None and reader.pyramid is None and reader.error is not None:
            return in_a_sentence(reader.error)
        if reader is not None and reader.pyramid is not None and _is_other(source, reader.pyramid):
            return tr("{path} is another slide than the one the tile was cut from: its size differs.").format(
                path=reader.path
            )
        return ""

    def toggle(self) -> None:
        """Show the slide, or hide it."""
        self.switch(not self.is_on)

    def switch(self, on: bool) -> None:
        """Show slides, or hide them, from now on."""
        preferences.switch(preferences.SLIDE, on)
        self._on_tile(self._session.tile)

    def _on_zoom(self, _event: object) -> None:
        self.layers.fit_outlines()

    def _on_project(self, project: Project | None) -> None:
        self._close()
        self._view.set_offered(project is not None and bool(project.index.files))

    def _on_tile(self, name: str | None) -> None:
        """Another tile is on screen, or slides were switched on or off."""
        project = self._session.project
        path = project.source_path(name) if project is not None and name is not None else None
        self._path = path
        if self._reader is not None and self._reader.path != path:
            self._close()
        if self.is_on and project is not None and name is not None and path is not None and not self.why_not():
            if self._reader is None:
                self._open(project, name, path)
            elif self._reader.pyramid is not None:
                self._show()
        self.layers.set_visible(self.is_on)
        self._refresh_view()

    def _open(self, project: Project, name: str, path: Path) -> None:
        """Begin to read a slide, which tells from its thread."""
        tell = self._context.background.post
        self._has_told_error = False
        self._reader = BlockReader(path, project.answers(name).image, told=lambda: tell(lambda: self._follow(path)))

    def _close(self) -> None:
        self._timer.stop()
        self.layers.clear()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _stop(self, _owner: object = None) -> None:
        """The window was deleted, and its layers with it: only the thread is left, which has the file open."""
        if self._reader is not None:
            self._reader.close()

    def _follow(self, path: Path) -> None:
        """The slide was opened, blocks of it have come, or something cannot be read."""
        reader = self._reader
        if reader is None or reader.path != path:
            return  # of a slide that was left
        if reader.error is not None and not self._has_told_error:
            self._has_told_error = True
            self._context.reporter.warning(in_a_sentence(reader.error))
            self._refresh_view()
        if reader.pyramid is None or self.why_not():
            self._refresh_view()
            return
        if self.layers.slide is None:
            self._show()
        elif not self._timer.isActive():
            self._timer.start()

    def _show(self) -> None:
        project, tile = self._session.project, self._session.tile
        place = project.place(tile) if project is not None and tile is not None else None
        if self._reader is None or place is None or place.scale is None:
            return
        scale = 1 / place.scale
        layer = self.layers.show_slide(self._reader, Placed(scale, -place.y_px * scale, -place.x_px * scale))
        layer.visible = self.is_on
        self._outline()
        self.changed.emit()

    def _outline(self) -> None:
        project, tile = self._session.project, self._session.tile
        if self.layers.slide is not None and project is not None and tile is not None and project.has_tile(tile):
            self.layers.show_outlines(regions_around(project, tile))

    def _refresh_view(self) -> None:
        project, tile = self._session.project, self._session.tile
        source = project.source_file(tile) if project is not None and tile is not None else None
        reason = self.why_not()
        self._view.set_slide(reason, _in_words(source) if source is not None else "")
        self._view.set_shown(self.is_on and not reason)
        self.changed.emit()

    def _on_double_click(self, _viewer: Any, event: Any) -> None:
        """Open the tile whose outline was meant, where it lies: nothing on the screen moves."""
        slide = self.layers.slide
        if slide is None or not slide.visible:
            return
        row, column = self._context.layers.pixel_at(event.position)
        here, *others = self.layers.regions or (None,)
        meant = next((each for each in others if each.holds(row, column)), None)
        if here is None or meant is None or here.holds(row, column):
            return
        QTimer.singleShot(0, self.opening(meant.name))  # napari zooms in on every double-click, after this

    def opening(self, name: str) -> Callable[[], None]:
        """What opens a tile of the slide where it lies: the slide stays where it is seen at this moment."""
        camera, size = self._context.viewer.scene.camera, self._context.layers.pixel_size
        center, zoom = (float(camera.center[-2]), float(camera.center[-1])), float(camera.zoom)
        meant = next((each for each in self.layers.regions if each.name == name), None)

        def open_it() -> None:
            self._show_tile(name)
            if meant is not None and self._session.tile == name:
                camera.zoom = zoom
                camera.center = (center[0] - meant.top * size, center[1] - meant.left * size)

        return open_it


class _FirstInList:
    """napari's lists of callbacks, to be listened to like its other events."""

    def __init__(self, callbacks: list[Any]) -> None:
        self._callbacks = callbacks

    def connect(self, callback: Any) -> None:
        """Call this before the others."""
        self._callbacks.insert(0, callback)

    def disconnect(self, callback: Any) -> None:
        """Call this no more."""
        self._callbacks.remove(callback)


def regions_around(project: Project, name: str) -> list[Region]:
    """The tiles of a tile's slide, that one first."""
    own = project.place(name)
    assert own is not None
    assert own.scale is not None
    annotated = set(project.labeled_names())
    found = []
    for tile in project.tiles:
        place = tile.place
        if place is not None and place.file == own.file and place.scale is not None:
            top, left = (place.y_px - own.y_px) / own.scale, (place.x_px - own.x_px) / own.scale
            scale = place.scale / own.scale
            size = (tile.height_px * scale, tile.width_px * scale)
            found.append(Region(tile.name, top, left, *size, is_annotated=tile.name in annotated))
    return sorted(found, key=lambda region: region.name != name)


def _is_other(source: SourceFile, pyramid: Pyramid) -> bool:
    """Whether a slide has another size than when its tiles were cut; projects of version 1 do not know."""
    return source.width_px is not None and pyramid.shapes[0] != (source.height_px, source.width_px)


def _in_words(source: SourceFile) -> str:
    parts = [Path(str(source.path)).name]
    if source.mpp_um is not None:
        words = tr("{mpp} µm/px (source: {who})")
        parts.append(words.format(mpp=f"{source.mpp_um:.4g}", who=SET_BY[source.mpp_set_by]))
    if source.objective is not None:
        parts.append(f"{source.objective:g}x")
    return " · ".join(parts)
