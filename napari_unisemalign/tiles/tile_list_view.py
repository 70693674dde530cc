"""The list of tiles as Qt asks for it: a model that holds names only.

Rows ask for their state and thumbnail when they come into view, so a project of ten thousand tiles opens as fast as
one of ten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QAbstractListModel, QModelIndex, QObject, Qt, Signal
from qtpy.QtGui import QImage, QPixmap

from napari_unisemalign.tiles.standing import NO_DETAILS, Standing, TileDetails
from napari_unisemalign.widgets.colors import (
    ACCEPTED,
    ANNOTATED,
    PARTLY_ACCEPTED,
    PREDICTED,
    UNANNOTATED,
)
from training_core.base.i18n import tr
from training_core.project import TileState

THUMBNAIL_PX = 40
STATE_ROLE = Qt.ItemDataRole.UserRole + 1
LINE_ROLE = Qt.ItemDataRole.UserRole + 2
MIX_ROLE = Qt.ItemDataRole.UserRole + 3
COLOR_ROLE = Qt.ItemDataRole.UserRole + 4
STATE_COLORS = {
    TileState.UNLABELED: UNANNOTATED,
    TileState.LABELED: ANNOTATED,
    TileState.PREDICTED: PREDICTED,
    TileState.PARTLY_ACCEPTED: PARTLY_ACCEPTED,
    TileState.ACCEPTED: ACCEPTED,
}


class TileModel(QAbstractListModel):
    """Tile names, with states and thumbnails fetched when a row is drawn."""

    thumbnail_wanted = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._standing_of: Callable[[str], Standing] = lambda name: Standing()
        self._standings: dict[str, Standing] = {}
        self._thumbnails: dict[str, QPixmap] = {}
        self._asked: set[str] = set()
        self._rows: dict[str, int] = {}
        self._details: Mapping[str, TileDetails] = {}
        self._suggesting = False

    def set_tiles(self, names: Sequence[str], standing_of: Callable[[str], Standing]) -> None:
        """Show these tiles; `standing_of` is called for the rows that are drawn."""
        self.beginResetModel()
        self._names, self._standing_of = tuple(names), standing_of
        self._standings, self._thumbnails, self._asked, self._details = {}, {}, set(), {}
        self._rows = {name: row for row, name in enumerate(self._names)}
        self.endResetModel()

    def set_order(self, names: Sequence[str], *, suggesting: bool = False) -> None:
        """Show these of the tiles, in this order; what is known of them stays.

        suggesting: the rows say why a label would help there, and not the state.
        """
        self.beginResetModel()
        self._suggesting = suggesting
        self._names = tuple(names)
        self._rows = {name: row for row, name in enumerate(self._names)}
        self.endResetModel()

    def set_details(self, details: Mapping[str, TileDetails]) -> None:
        """What the rows say besides the state, by name."""
        self._details = details
        if self._names:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._names) - 1, 0))

    def refresh_states(self) -> None:
        """Ask for the states again."""
        self._standings.clear()
        if self._names:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._names) - 1, 0))

    def set_thumbnail(self, name: str, pixels: npt.NDArray[np.uint8]) -> None:
        """Show a tile's thumbnail, (h, w, 3)."""
        self._thumbnails[name] = _pixmap(pixels)
        if name in self._rows:
            index = self.index(self._rows[name], 0)
            self.dataChanged.emit(index, index)

    def refresh_thumbnails(self, names: Sequence[str] | None = None) -> None:
        """Ask for these thumbnails again when they are drawn next, None for all; the former ones stay until then."""
        known = self._asked if names is None else self._asked.intersection(names)
        self._asked = self._asked - known
        for name in known & self._rows.keys():
            index = self.index(self._rows[name], 0)
            self.dataChanged.emit(index, index)

    def row_of(self, name: str | None) -> int:
        """The row of a tile, -1 for none."""
        return self._rows.get(name, -1) if name is not None else -1

    def name_at(self, row: int) -> str:
        """The tile in this row."""
        return self._names[row]

    def is_labeled(self, name: str) -> bool:
        """Whether the tile has labels."""
        return self._standing(name).state.is_labeled

    def is_validation(self, name: str) -> bool:
        """Whether the tile is used for validation."""
        return self._standing(name).validates

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:  # noqa: D102
        if not index.isValid():
            return None
        name = self._names[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role == STATE_ROLE:
            return self._standing(name).words
        if role == COLOR_ROLE:
            return STATE_COLORS[self._standing(name).state]
        if role == Qt.ItemDataRole.DecorationRole:
            return self._thumbnail(name)
        if role == LINE_ROLE:
            return self._line(name)
        if role == MIX_ROLE:
            return self._details.get(name, NO_DETAILS).mix
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._in_words(name)
        return None

    def _line(self, name: str) -> str:
        details = self._details.get(name, NO_DETAILS)
        if self._suggesting and details.suggestion:
            return details.suggestion
        return " ".join(filter(None, (self._standing(name).short, details.short)))

    def _in_words(self, name: str) -> str:
        details = self._details.get(name, NO_DETAILS)
        words = f"{name}: {', '.join((self._standing(name).words, *details.words))}."
        if details.suggestion:
            words += "\n" + tr("Suggested: {reason}").format(reason=details.suggestion)
        return words + "\n" + tr("Right-click for more.")

    def _standing(self, name: str) -> Standing:
        if name not in self._standings:
            self._standings[name] = self._standing_of(name)
        return self._standings[name]

    def _thumbnail(self, name: str) -> QPixmap | None:
        if name not in self._asked:
            self._asked.add(name)
            self.thumbnail_wanted.emit(name)
        return self._thumbnails.get(name)


def _pixmap(pixels: npt.NDArray[np.uint8]) -> QPixmap:
    """A centered square of an (h, w, 3) image."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    image = QImage(square.tobytes(), side, side, 3 * side, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image).scaled(
        2 * THUMBNAIL_PX,
        2 * THUMBNAIL_PX,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
