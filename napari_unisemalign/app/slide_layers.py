"""The layers around the tile on screen: the slide that it lies on, and the outlines of the slide's tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer, Vectors

from napari_unisemalign.app.layer_values import NAMES, NEW_TILE, OUTLINES, ROLE_KEY, SLIDE, U8, Placed
from napari_unisemalign.app.layers import TileLayers
from napari_unisemalign.widgets.colors import ACCEPTING, ANNOTATED_OUTLINE, OTHER_OUTLINE, TILE_OUTLINE
from training_core.io.block_reader import BlockReader

if TYPE_CHECKING:
    from napari import Viewer

REFRESH_MS = 80
"""Blocks that come within that time are drawn together."""
_LINE_PX = 2.0
"""Of an outline, in pixels of the screen."""
_NEAR_EDGE = 0.3
"""Of the canvas, from its middle."""
_SAME_WIDTH = 1.3
"""Lines are drawn again when the zoom has changed by more than that."""


@dataclass(frozen=True)
class Region:
    """A tile of the slide, in pixels of the tile on screen, counted from that one's upper left corner."""

    name: str
    top: float
    left: float
    height: float
    width: float
    is_annotated: bool = False

    def holds(self, row: float, column: float) -> bool:
        """Whether a place lies in it."""
        return self.top <= row < self.top + self.height and self.left <= column < self.left + self.width


class SlideLevel:
    """A level of a slide as napari takes an array: what is not in memory yet comes later, and is not waited for."""

    ndim = 3
    dtype = np.dtype(np.uint8)

    def __init__(self, reader: BlockReader, level: int) -> None:
        assert reader.pyramid is not None
        self._reader, self._level = reader, level
        self.shape = (*reader.pyramid.shapes[level], 3)
        self.size = int(np.prod(self.shape))
        self.chunks = (reader.pyramid.block_px, reader.pyramid.block_px, 3)
        """napari asks for whole ones, so that moving about within a block needs nothing new."""

    def __getitem__(self, key: Any) -> U8:
        keys = (*(key if isinstance(key, tuple) else (key,)), slice(None), slice(None))[:3]
        rows, columns = (_span(each, length) for each, length in zip(keys[:2], self.shape[:2], strict=True))
        pixels = self._reader.look(self._level, rows, columns)
        inner = tuple(slice(None, None, each.step) if isinstance(each, slice) else 0 for each in keys[:2])
        return pixels[(*inner, keys[2])]


def levels_of(reader: BlockReader) -> list[Any]:
    """An open slide as napari takes a multiscale image, finest level first.

    napari keeps the last level for good; this one is filled in where it is.
    """
    assert reader.pyramid is not None
    return [*(SlideLevel(reader, level) for level in range(len(reader.pyramid.shapes))), reader.thumbnail]


def _span(key: Any, length: int) -> slice:
    first, last, _step = (key if isinstance(key, slice) else slice(key, key + 1)).indices(length)
    return slice(first, max(first, last))


class SlideLayers:
    """Shows the slide behind the tile, and the outlines above it. The tile keeps its place, the slide moves."""

    def __init__(self, viewer: Viewer, layers: TileLayers) -> None:
        self._viewer, self._layers = viewer, layers
        self._reader: BlockReader | None = None
        self.regions: tuple[Region, ...] = ()
        """What is outlined."""

    @property
    def slide(self) -> Layer | None:
        """The slide, where it is shown or only hidden."""
        return self._layers.get(SLIDE)

    def show_slide(self, reader: BlockReader, placed: Placed) -> Layer:
        """Lay an open slide behind the tile."""
        layer = self.slide
        if layer is not None and self._reader is reader:
            self._layers.place(layer, placed)
            return layer
        self.clear()
        self._reader = reader
        layer = Image(levels_of(reader), rgb=True, multiscale=True, name=NAMES[SLIDE], cache=False)
        layer.metadata[ROLE_KEY] = SLIDE
        self._layers.place(layer, placed)
        self._layers.add(layer)
        return layer

    def refresh(self) -> None:
        """Blocks have come."""
        layer = self.slide
        if layer is not None:
            layer.refresh(extent=False, highlight=False)

    def show_outlines(self, regions: Sequence[Region]) -> None:
        """Outline these tiles; the first one is that on screen."""
        layer = self._layers.get(OUTLINES)
        if layer is not None and self.regions == tuple(regions):
            return
        self.regions = tuple(regions)
        data = np.concatenate([_edges(each) for each in regions]).astype(np.float32)
        colors = np.repeat([_color(each, number) for number, each in enumerate(regions)], 4)
        if layer is not None:
            self._viewer.layers.remove(layer)  # other lines and other colours in one act: napari has none
        layer = Vectors(
            data, ndim=2, edge_color=list(colors), edge_width=self._line(), vector_style="line", opacity=1.0,
            name=NAMES[OUTLINES], visible=self.slide is None or bool(self.slide.visible),
        )  # fmt: skip
        layer.metadata[ROLE_KEY] = OUTLINES
        self._layers.add(layer)

    def fit_outlines(self) -> None:
        """Keep the lines as thin as they are on the screen, whatever the zoom."""
        for layer in filter(None, (self._layers.get(OUTLINES), self._layers.get(NEW_TILE))):
            ratio = self._line() / layer.edge_width
            if not 1 / _SAME_WIDTH < ratio < _SAME_WIDTH:
                layer.edge_width = self._line()

    def show_new(self, region: Region | None) -> None:
        """Outline a place where a tile may be added; None: none."""
        layer = self._layers.get(NEW_TILE)
        if region is None:
            if layer is not None:
                self._viewer.layers.remove(layer)
        elif layer is not None:
            layer.data = _edges(region)
        else:
            layer = Vectors(
                data=_edges(region), ndim=2, edge_color=ACCEPTING, edge_width=self._line(), vector_style="line",
                opacity=1.0, name=NAMES[NEW_TILE],
            )  # fmt: skip
            layer.metadata[ROLE_KEY] = NEW_TILE
            self._layers.add(layer)

    def follow(self, region: Region) -> None:
        """Move the image when a place comes near the edge of the screen, so that it is in the middle."""
        camera, size = self._viewer.scene.camera, self._layers.pixel_size
        middle = np.array([region.top + region.height / 2 - 0.5, region.left + region.width / 2 - 0.5]) * size
        seen = np.asarray(self._viewer.canvas.size, float) / float(camera.zoom)
        if (np.abs(middle - camera.center[-2:]) > _NEAR_EDGE * seen).any():
            camera.center = (*camera.center[:-2], *middle)

    def _line(self) -> float:
        """Width of a line in pixels of the tile."""
        return _LINE_PX / max(1e-6, float(self._viewer.scene.camera.zoom) * self._layers.pixel_size)

    def set_visible(self, on: bool) -> None:
        """Show or hide all of it."""
        for layer in (self.slide, self._layers.get(OUTLINES)):
            if layer is not None:
                layer.visible = on

    def clear(self) -> None:
        """Take all of it away."""
        self._reader, self.regions = None, ()
        for layer in (self.slide, self._layers.get(OUTLINES), self._layers.get(NEW_TILE)):
            if layer is not None:
                self._viewer.layers.remove(layer)


def _edges(region: Region) -> Any:
    """Start and direction of the four sides, (4, 2, 2); pixels are counted from the middle of the first one."""
    top, left, height, width = region.top - 0.5, region.left - 0.5, region.height, region.width
    return np.array(
        [
            [(top, left), (0, width)],
            [(top, left + width), (height, 0)],
            [(top + height, left + width), (0, -width)],
            [(top + height, left), (-height, 0)],
        ]
    )


def _color(region: Region, number: int) -> str:
    if number == 0:
        return TILE_OUTLINE
    return ANNOTATED_OUTLINE if region.is_annotated else OTHER_OUTLINE
