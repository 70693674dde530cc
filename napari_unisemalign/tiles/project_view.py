"""The project: open one, make one, try the sample; what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QPushButton, QWidget

from napari_unisemalign.tiles.recent_view import RecentList
from napari_unisemalign.widgets.common import FLUSH_STYLE, ElidedLabel, Hint, body_layout, row, set_available
from training_core.base.i18n import tr

EMPTY = tr("Open a project, create one from your images or slides (drop them here), or try the sample.")


class ProjectView(QWidget):
    """Open, recent, new, sample; the tour for newcomers."""

    open_clicked = Signal()
    recent_chosen = Signal(str)
    """Folder of a recent project."""
    new_clicked = Signal()
    sample_clicked = Signal()
    add_clicked = Signal()
    """Images are to be added to the open project."""
    import_clicked = Signal()
    """Files of annotations are to be imported."""
    import_folder_clicked = Signal()
    """A folder of annotations is to be imported."""
    sizes_clicked = Signal(list)
    """Pixel sizes are to be looked at, those of these tiles first."""
    tour_clicked = Signal()
    cancel_clicked = Signal()
    """The project that is being made is not wanted after all."""
    opened_clicked = Signal()
    """The images that napari has opened are to become a project."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = ElidedLabel(self)
        self.title.setStyleSheet(f"{FLUSH_STYLE} font-weight: 600;")
        self.open_button = QPushButton(tr("Open project…"), self)
        self.recent = RecentList(self)
        self.recent.menu_button.setParent(self)  # Tab comes to it where it stands
        self.new_button = QPushButton(tr("New project…"), self)
        self.sample_button = QPushButton(tr("Open sample"), self)
        self.add_button = QPushButton(tr("Add images…"), self)
        self.sizes_button = QPushButton(tr("Pixel sizes…"), self)
        self.sizes_button.setToolTip(tr("What each file states, what is used, and correct one that is wrong"))
        self.import_button = QPushButton(tr("Import annotations"), self)
        self.import_menu = QMenu(self)
        self.import_button.setMenu(self.import_menu)
        self.import_menu.addAction(tr("Files…"), self.import_clicked.emit)
        self.import_menu.addAction(tr("Folder, or OME-Zarr…"), self.import_folder_clicked.emit)
        self.summary = Hint(EMPTY, self)
        self.cancel_button = QPushButton(tr("Cancel"), self)
        self.cancel_button.setToolTip(tr("Create or add nothing after all"))
        self.cancel_button.hide()
        self.opened_button = QPushButton("", self)
        self.opened_button.setToolTip(tr("The images stay open in napari until the project is created"))
        self.recent.chosen.connect(lambda folder: self.recent_chosen.emit(str(folder)))
        self.tour_button = QPushButton(tr("New here? Show me around"), self)
        self.tour_button.setToolTip(tr("A tour of seven stops on the sample project. Leave it whenever you like."))
        layout = body_layout(self)
        layout.addWidget(self.title)
        layout.addLayout(row(self.open_button, self.recent.menu_button))
        layout.addLayout(row(self.new_button, self.sample_button))
        layout.addLayout(row(self.add_button, self.sizes_button))
        layout.addWidget(self.import_button)
        layout.addWidget(self.summary)
        layout.addWidget(self.cancel_button)
        layout.addWidget(self.opened_button)
        layout.addWidget(self.recent)
        layout.addWidget(self.tour_button)
        for button, signal in (
            (self.open_button, self.open_clicked),
            (self.new_button, self.new_clicked),
            (self.sample_button, self.sample_clicked),
            (self.add_button, self.add_clicked),
            (self.opened_button, self.opened_clicked),
            (self.cancel_button, self.cancel_clicked),
            (self.tour_button, self.tour_clicked),
        ):
            button.clicked.connect(lambda _checked=False, signal=signal: signal.emit())
        self.sizes_button.clicked.connect(lambda: self.sizes_clicked.emit([]))
        self.set_project("", "")

    def set_recent(self, folders: Sequence[Path], missing: Sequence[Path]) -> None:
        """List recent projects, and say which are not where they were."""
        self.recent.set_projects(folders, missing)

    def set_project(self, name: str, path: str) -> None:
        """Name the open project; empty texts for none."""
        self.title.set_text(name)
        self.title.setToolTip(path)
        self.title.setVisible(bool(name))
        self.tour_button.setVisible(not name)
        self.add_button.setVisible(bool(name))
        self.sizes_button.setVisible(bool(name))
        self.import_button.setVisible(bool(name))
        self.recent.setVisible(not name)
        self.open_button.setToolTip(tr("Open a project folder"))
        self.new_button.setToolTip(tr("Create a project from a folder of PNG, TIFF or JPEG images"))
        self.sample_button.setToolTip(tr("Open a sample project of synthetic tissue (it is created the first time)"))

    def set_summary(self, text: str) -> None:
        """How many tiles are in which state, or what goes on."""
        self.summary.set_text(text)

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
        set_available(self.add_button, reason, tr("Add images, slides or masks to this project (or drop them here)"))
        known = tr("Annotations of QuPath, COCO, labelme, ImageJ or OME-Zarr (or drop their files here)")
        set_available(self.import_button, reason, known)
