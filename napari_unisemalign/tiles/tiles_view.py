"""The tiles of the project: a narrow list that is always there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from qtpy.QtGui import QAction, QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QListView, QMenu, QWidget

from napari_unisemalign.tiles.standing import Standing, TileDetails
from napari_unisemalign.tiles.tile_list_view import TileModel
from napari_unisemalign.tiles.tile_order import TileFilter
from napari_unisemalign.tiles.tile_order_view import OrderView
from napari_unisemalign.tiles.tile_row_view import ROW_PX, TileDelegate
from napari_unisemalign.widgets.common import body_layout, keep_enter
from training_core.base.i18n import ntr, tr

VALIDATION_ACTION = tr("Use for validation")


class TilesView(QWidget):
    """What the list shows and in which order; the list of tiles."""

    tile_chosen = Signal(str)
    thumbnail_wanted = Signal(str)
    validation_wanted = Signal(tuple, bool)
    """These tiles should be used for validation, or no longer."""
    accept_wanted = Signal(tuple)
    reject_wanted = Signal(tuple)
    sizes_wanted = Signal(tuple)
    folder_wanted = Signal(tuple)
    remove_wanted = Signal(tuple)
    """Names of the tiles that are meant."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = TileModel(self)
        self.list = QListView(self)
        self.list.setModel(self.model)
        self.list.setItemDelegate(TileDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMinimumHeight(3 * ROW_PX)
        self.list.setAccessibleName(tr("Tiles"))
        self.list.setAccessibleDescription(tr("The tiles of the project; a right-click or the menu key has more"))
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.order = OrderView(self)
        layout = body_layout(self)
        layout.setContentsMargins(4, 4, 2, 4)
        layout.addWidget(self.order)
        layout.addWidget(self.list, 1)
        self._connect()

    def _connect(self) -> None:
        self.list.customContextMenuRequested.connect(self._show_menu)
        self.model.thumbnail_wanted.connect(self.thumbnail_wanted)
        self.list.selectionModel().currentChanged.connect(self._on_current)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: D102
        if not keep_enter(event):
            super().keyPressEvent(event)

    def reset(self) -> None:
        """Show all tiles in the project's order, as of a project just opened."""
        self.order.reset()

    def set_tiles(self, names: Sequence[str], standing_of: Callable[[str], Standing]) -> None:
        """Fill the list."""
        self.model.set_tiles(names, standing_of)

    def set_order(self, names: Sequence[str]) -> None:
        """Show these of the tiles, in this order."""
        self.model.set_order(names, suggesting=self.order.shown is TileFilter.SUGGESTED)

    def set_details(self, details: Mapping[str, TileDetails]) -> None:
        """What the rows say besides the state."""
        self.model.set_details(details)

    def refresh_states(self) -> None:
        """Draw the states anew."""
        self.model.refresh_states()

    def set_thumbnail(self, name: str, pixels: npt.NDArray[np.uint8]) -> None:
        """Show a tile's thumbnail, (h, w, 3)."""
        self.model.set_thumbnail(name, pixels)

    def refresh_thumbnail(self, name: str) -> None:
        """What is on a tile has changed."""
        self.model.refresh_thumbnails((name,))

    def refresh_thumbnails(self) -> None:
        """What is on every tile is shown in other colours."""
        self.model.refresh_thumbnails()

    def set_current(self, name: str | None) -> None:
        """Mark the tile on screen, without telling anybody."""
        index = self.model.index(self.model.row_of(name), 0)
        selection = self.list.selectionModel()
        selection.blockSignals(True)
        selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        selection.blockSignals(False)
        self.list.scrollTo(index)
        self.list.viewport().update()

    def _on_current(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self.tile_chosen.emit(self.model.name_at(current.row()))

    @property
    def selected(self) -> tuple[str, ...]:
        """The tiles that are selected, in the order of the list."""
        rows = sorted(index.row() for index in self.list.selectionModel().selectedIndexes())
        return tuple(self.model.name_at(row) for row in rows)

    def menu_at(self, position: QPoint) -> QMenu | None:
        """The menu of what is selected, or of the tile at this place of the list; None beside the tiles."""
        index = self.list.indexAt(position)
        if not index.isValid():
            return None
        name = self.model.name_at(index.row())
        names = self.selected if name in self.selected else (name,)
        menu = QMenu(self)
        validation = QAction(VALIDATION_ACTION, menu)
        annotated = tuple(each for each in names if self.model.is_labeled(each))
        on = not (annotated and all(self.model.is_validation(each) for each in annotated))
        validation.setEnabled(bool(annotated))
        validation.setCheckable(True)
        validation.setChecked(not on)
        validation.triggered.connect(lambda: self.validation_wanted.emit(annotated, on))
        menu.addAction(validation)
        count = len(names)
        for words, signal in (
            (ntr("Accept the prediction", "Accept the predictions of {count} tiles", count), self.accept_wanted),
            (ntr("Reject the prediction", "Reject the predictions of {count} tiles", count), self.reject_wanted),
            (tr("Pixel size…"), self.sizes_wanted),
            (tr("Show in folder"), self.folder_wanted),
            (ntr("Remove from the project…", "Remove {count} tiles from the project…", count), self.remove_wanted),
        ):
            action = QAction(words.format(count=count), menu)
            action.triggered.connect(lambda _checked=False, signal=signal: signal.emit(names))
            menu.addAction(action)
        return menu

    def _show_menu(self, position: QPoint) -> None:
        menu = self.menu_at(position)
        if menu is not None:
            menu.exec(self.list.viewport().mapToGlobal(position))
            menu.deleteLater()
