"""Outlines and hatching over the tile: what is rejected, and what a button would change.

The two differ in the direction of their lines, not in colour alone, and the tissue stays in sight between the lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from scipy import ndimage

from napari_unisemalign.app.layer_values import ROLE_KEY, TILE, U8, Mask
from napari_unisemalign.widgets import colors
from training_core.base.i18n import tr

if TYPE_CHECKING:
    from napari import Viewer

MARKS = "marks"
REJECTED, ACCEPT, REJECT, CLEANED = 1, 2, 3, 4
_COLORS: Mapping[int | None, str] = {
    None: colors.TRANSPARENT,
    0: colors.TRANSPARENT,
    REJECTED: colors.REJECTED,
    ACCEPT: colors.ACCEPTING,
    REJECT: colors.REJECTING,
    CLEANED: colors.MARKED,
}
_NAME = tr("Rejected and preview")
_LINES_PER_SIDE = 40
_MIN_GAP_PX = 8


def draw_marks(rejected: Mask, target: Mask | None, value: int, cleaned: Mask | None = None) -> U8:
    """A picture (H, W) of layer values: `rejected` hatched one way, over it `target` outlined and hatched the other.

    cleaned: what a clean-up changes, drawn solid, since much of it is too small for lines.

    A tile that is rejected as a whole is not hatched: whoever paints it must see it.
    """
    picture = np.zeros(rejected.shape, np.uint8)
    if rejected.any() and not rejected.all():
        picture[_hatched(rejected, falling=True)] = REJECTED
    if cleaned is not None:
        picture[cleaned] = CLEANED
    if target is not None and target.any():
        picture[target] = 0
        picture[_hatched(target, falling=value == REJECT)] = value
    return picture


def _hatched(area: Mask, *, falling: bool) -> Mask:
    """The outline of an area, inside it, and slanting lines."""
    gap = max(_MIN_GAP_PX, min(area.shape) // _LINES_PER_SIDE)
    width = max(1, gap // 8)
    rows, columns = np.ogrid[: area.shape[0], : area.shape[1]]
    lines = ((rows - columns if falling else rows + columns) % gap) < width
    outline = area & ~ndimage.binary_erosion(area, iterations=width)
    return np.asarray(outline | (area & lines))


class MarksLayer:
    """A layer of marks, on top; there from the first mark on."""

    def __init__(
        self, viewer: Viewer, role: str = MARKS, name: str = _NAME, colormap: Mapping[int | None, str] = _COLORS
    ) -> None:
        """colormap: of each value that is shown, and of 0 and None."""
        self._viewer, self._role, self._name, self._colormap = viewer, role, name, colormap

    @property
    def layer(self) -> Labels | None:
        """None before the first mark, or when the user removed it."""
        found = (each for each in self._viewer.layers if each.metadata.get(ROLE_KEY) == self._role)
        layer = next(found, None)
        return layer if isinstance(layer, Labels) else None

    def show(self, picture: U8) -> None:
        """Show these values, (H, W), without touching the selection."""
        layer = self.layer
        if layer is None:
            if picture.any():
                self._add(picture)
        elif layer.data.shape != picture.shape:
            layer.data = picture
        elif not np.array_equal(layer.data, picture):
            layer.data[...] = picture  # spares napari making its texture anew
            layer.refresh(extent=False, highlight=False)

    def clear(self) -> None:
        """Show nothing."""
        if self.layer is not None:
            self.show(np.zeros_like(self.layer.data))

    def _add(self, picture: U8) -> None:
        active = self._viewer.layers.selection.active
        layer = Labels(picture, name=self._name, opacity=1.0, metadata={ROLE_KEY: self._role})
        layer.colormap = DirectLabelColormap(color_dict=dict(self._colormap))
        layer.editable = False
        tile = next((each for each in self._viewer.layers if each.metadata.get(ROLE_KEY) == TILE), None)
        if tile is not None:
            layer.scale, layer.units = tile.scale, tile.units
        self._viewer.layers.append(layer)
        layer.locked = True
        self._viewer.layers.selection.active = active
