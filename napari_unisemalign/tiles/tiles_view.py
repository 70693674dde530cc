"""Step 1: the project and its tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QAbstractItemView, QListView, QMenu, QPushButton, QWidget

from napari_unisemalign.tiles.recent_view import RecentList
from napari_unisemalign.tiles.tile_list_view import ROW_PX, Standing, TileDelegate, TileDetails, TileModel
from napari_unisemalign.tiles.tile_order import TileFilter
from napari_unisemalign.tiles.tile_order_view import OrderView
from napari_unisemalign.widgets.common import FLUSH_STYLE, ElidedLabel, Hint, body_layout, row, set_available
from training_core.base.i18n import tr

VALIDATION_ACTION = tr("Use the labels for validation, not for training")
SIZES_ACTION = tr("Pixel size …")
EMPTY = tr("Open a project, make one from your images or slides (drop them here), or try the sample.")


class TilesView(QWidget):
    """Open, new, sample; what the list shows and in which order; the list of tiles."""

    open_clicked = Signal()
    new_clicked = Signal()
    sample_clicked = Signal()
    add_clicked = Signal()
    """Images are to be added to the open project."""
    sizes_clicked = Signal(list)
    """Pixel sizes are to be looked at, those of these tiles first."""
    tour_clicked = Signal()
    cancel_clicked = Signal()
    """The project that is being made is not wanted after all."""
    opened_clicked = Signal()
    """The images that napari has opened are to become a project."""
    tile_chosen = Signal(str)
    thumbnail_wanted = Signal(str)
    validation_toggled = Signal(str)
    """A tile should be used for validation, or no longer."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = ElidedLabel(self)
        self.title.setStyleSheet(f"{FLUSH_STYLE} font-weight: 600;")
        self.open_button = QPushButton(tr("Open …"), self)
        self.new_button = QPushButton(tr("New …"), self)
        self.sample_button = QPushButton(tr("Sample"), self)
        self.add_button = QPushButton(tr("Add images …"), self)
        self.sizes_button = QPushButton(tr("Pixel sizes …"), self)
        self.sizes_button.setToolTip(tr("What each file states, what is used, and correct one that is wrong"))
        self.summary = Hint(EMPTY, self)
        self.cancel_button = QPushButton(tr("Cancel"), self)
        self.cancel_button.setToolTip(tr("Make or add nothing after all"))
        self.cancel_button.hide()
        self.opened_button = QPushButton("", self)
        self.opened_button.setToolTip(tr("The images stay open in napari until the project is made"))
        self.recent = RecentList(self)
        self.tour_button = QPushButton(tr("New here? Show me around"), self)
        self.tour_button.setToolTip(tr("A tour of seven stops on the sample project. Leave it whenever you like."))
        self.model = TileModel(self)
        self.list = QListView(self)
        self.list.setModel(self.model)
        self.list.setItemDelegate(TileDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMinimumHeight(3 * ROW_PX)
        self.list.setAccessibleName(tr("Tiles"))
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.order = OrderView(self)
        layout = body_layout(self)
        layout.addWidget(self.title)
        layout.addLayout(row(self.open_button, self.recent.menu_button, self.new_button, self.sample_button))
        layout.addLayout(row(self.add_button, self.sizes_button))
        layout.addWidget(self.summary)
        layout.addWidget(self.cancel_button)
        layout.addWidget(self.opened_button)
        layout.addWidget(self.recent)
        layout.addWidget(self.tour_button)
        layout.addWidget(self.order)
        layout.addWidget(self.list, 1)
        layout.addStretch(0)  # holds the rest together while there is no list
        self._connect()
        self.set_project("", "")

    def _connect(self) -> None:
        self.open_button.clicked.connect(lambda: self.open_clicked.emit())
        self.new_button.clicked.connect(lambda: self.new_clicked.emit())
        self.sample_button.clicked.connect(lambda: self.sample_clicked.emit())
        self.add_button.clicked.connect(lambda: self.add_clicked.emit())
        self.sizes_button.clicked.connect(lambda: self.sizes_clicked.emit([]))
        self.opened_button.clicked.connect(lambda: self.opened_clicked.emit())
        self.cancel_button.clicked.connect(lambda: self.cancel_clicked.emit())
        self.tour_button.clicked.connect(lambda: self.tour_clicked.emit())
        self.list.customContextMenuRequested.connect(self._show_menu)
        self.model.thumbnail_wanted.connect(self.thumbnail_wanted)
        self.list.selectionModel().currentChanged.connect(self._on_current)

    def set_project(self, name: str, path: str) -> None:
        """Name the open project; empty texts for none."""
        self.title.set_text(name)
        self.title.setToolTip(path)
        self.title.setVisible(bool(name))
        self.list.setVisible(bool(name))
        self.tour_button.setVisible(not name)
        self.add_button.setVisible(bool(name))
        self.sizes_button.setVisible(bool(name))
        self.recent.setVisible(not name)
        self.order.setVisible(bool(name))
        self.order.reset()
        self.open_button.setToolTip(tr("Open a project folder"))
        self.new_button.setToolTip(tr("Make a project from a folder of PNG, TIFF or JPEG images"))
        self.sample_button.setToolTip(tr("Open a sample project of artificial tissue (it is made the first time)"))

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

    def set_summary(self, text: str) -> None:
        """The line above the list: how many tiles are in which state, or what goes on."""
        self.summary.set_text(text)

    def set_thumbnail(self, name: str, pixels: npt.NDArray[np.uint8]) -> None:
        """Show a tile's thumbnail, (h, w, 3)."""
        self.model.set_thumbnail(name, pixels)

    def set_current(self, name: str | None) -> None:
        """Mark the tile on screen, without telling anybody."""
        index = self.model.index(self.model.row_of(name), 0)
        selection = self.list.selectionModel()
        selection.blockSignals(True)
        selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        selection.blockSignals(False)
        self.list.scrollTo(index)
        self.list.viewport().update()

    def set_opened(self, words: str) -> None:
        """Offer to make a project of what napari has opened; no words: nothing to offer."""
        self.opened_button.setText(words)
        self.opened_button.setVisible(bool(words))

    def set_cancellable(self, shown: bool) -> None:
        """Offer to cancel what is being made."""
        self.cancel_button.setVisible(shown)

    def set_switchable(self, reason: str) -> None:
        """Allow or forbid opening another project."""
        for button in (self.open_button, self.new_button, self.sample_button, self.tour_button):
            button.setEnabled(not reason)
            if reason:
                button.setToolTip(reason)

    def set_addable(self, reason: str) -> None:
        """Allow or forbid adding images to the open project."""
        tip = tr("Add images, slides or masks to this project (or drop them here)")
        set_available(self.add_button, reason, tip)

    def _on_current(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self.tile_chosen.emit(self.model.name_at(current.row()))

    def menu_at(self, position: QPoint) -> QMenu | None:
        """The menu of the tile at this place of the list; None beside the tiles."""
        index = self.list.indexAt(position)
        if not index.isValid():
            return None
        name = self.model.name_at(index.row())
        menu = QMenu(self)
        action = QAction(VALIDATION_ACTION, menu)
        action.setEnabled(self.model.is_labeled(name))
        action.setCheckable(True)
        action.setChecked(self.model.is_validation(name))
        action.triggered.connect(lambda: self.validation_toggled.emit(name))
        menu.addAction(action)
        sizes = QAction(SIZES_ACTION, menu)
        sizes.triggered.connect(lambda: self.sizes_clicked.emit([name]))
        menu.addAction(sizes)
        return menu

    def _show_menu(self, position: QPoint) -> None:
        menu = self.menu_at(position)
        if menu is not None:
            menu.exec(self.list.viewport().mapToGlobal(position))
            menu.deleteLater()
