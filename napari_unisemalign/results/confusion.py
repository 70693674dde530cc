"""The confusion matrix of the newest finished run, and the way from a cell of it to the tiles that hold it."""

from __future__ import annotations

from qtpy.QtCore import QTimer

from napari_unisemalign.annotate.overlay_maps import Confused
from napari_unisemalign.annotate.overlays import OverlaysController
from napari_unisemalign.annotate.review_contracts import OverlaysSurface
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.latest import Latest
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.training_state import Training
from napari_unisemalign.results.confusion_matrix import Cell, Found, find, matrix, why_none
from napari_unisemalign.results.contracts import ConfusionSurface
from napari_unisemalign.tiles.tiles import TilesController
from training_core.base.i18n import tr
from training_core.project import Project

READ_DELAY_MS = 200


class ConfusionController:
    """Reads the matrix when a run has ended, a project was opened or an act was undone."""

    def __init__(
        self,
        context: Context,
        view: ConfusionSurface,
        review: OverlaysSurface,
        tiles: TilesController,
        overlays: OverlaysController,
    ) -> None:
        self._tiles, self._overlays = tiles, overlays
        self._session, self.reporter = context.session, context.reporter
        self._view = view
        self._found: Found | None = None
        self._chosen: Cell | None = None
        self._was_active = False
        self._latest = Latest(context.owner, context.reporter.error)
        self._later = QTimer(context.owner)
        self._later.setSingleShot(True)
        self._later.setInterval(READ_DELAY_MS)
        self._later.timeout.connect(self._read)
        session = self._session
        session.project_changed.connect(self._on_project)
        session.states_changed.connect(lambda: self._later.start())
        session.training_changed.connect(self._on_training)
        session.classes_changed.connect(self._show)
        session.tile_changed.connect(lambda _name: self._refresh_marked())
        overlays.shown.connect(self._refresh_marked)
        review.comparison_changed.connect(lambda _comparison: self._refresh_marked())
        review.visible_changed.connect(lambda _role, _visible: self._refresh_marked())
        self._view.cell_chosen.connect(self.choose)
        self._view.tile_chosen.connect(self._open)

    @property
    def is_up_to_date(self) -> bool:
        """Whether nothing waits to be read; for scripts."""
        return not self._later.isActive() and not self._latest.busy

    @guarded
    def choose(self, cell: Cell) -> None:
        """Open the tile that holds most of a confusion, mark it there, and list the others."""
        self._chosen = cell if cell.is_confusion and cell.tiles else None
        if self._chosen is None:
            self._overlays.mark_confusion(None)
            self._view.set_chosen(cell.words, ())
            return
        self._list_tiles(cell)
        names = self._session.tile_names()
        first = next((name for name, _pixels in cell.tiles if name in names), None)
        if first is not None:
            self._open(first)

    @guarded
    def _open(self, name: str) -> None:
        """Show a tile of the chosen cell, with the confusion marked."""
        cell = self._chosen
        if cell is None:
            return
        if name not in self._session.tile_names():
            self.reporter.warning(tr("The tile {name} is not in the project any more.").format(name=name))
            return
        self._overlays.mark_confusion(Confused(cell.truth, cell.predicted, dict(cell.tiles)))
        self._tiles.show(name)
        self._view.set_current(self._session.tile)

    def _list_tiles(self, cell: Cell) -> None:
        line, gone = tr("{name}: {pixels} px"), tr("{line} (not in the project any more)")
        names = set(self._session.tile_names())
        lines = [(name, line.format(name=name, pixels=f"{pixels:,}")) for name, pixels in cell.tiles]
        self._view.set_chosen(
            cell.words, [(name, said if name in names else gone.format(line=said)) for name, said in lines]
        )
        self._view.set_current(self._session.tile)

    def _refresh_marked(self) -> None:
        """Say below the list what is marked on the tile on screen, or why nothing is."""
        self._view.set_current(self._session.tile)
        is_known = self._chosen is not None and not self._overlays.pending
        self._view.set_marked(self._overlays.confusion_words() if is_known else "")

    def _on_training(self, training: Training) -> None:
        if self._was_active and not training.active:
            self._later.start(0)
        self._was_active = training.active

    def _on_project(self, project: Project | None) -> None:
        self._found = None
        self._show()
        if project is None:
            self._latest.drop()
        else:
            self._later.start(0)

    def _read(self) -> None:
        project = self._session.project
        if project is not None:
            self._latest.ask(lambda: find(project), self._on_read)

    def _on_read(self, found: Found) -> None:
        if found != self._found:
            self._found = found
            self._show()

    def _show(self) -> None:
        """Draw what was read; a cell that was chosen stays chosen as long as it has tiles."""
        found = self._found
        shown = matrix(found, self._session.classes()) if found is not None else None
        self._view.set_matrix(shown, why_none(found) if found is not None else "")
        before = self._chosen
        if before is None:
            self._view.set_chosen("", ())
            return
        ids = {each.id for each in self._session.classes()}
        cell = shown.cell(before.truth, before.predicted) if shown is not None else None
        if cell is None or not cell.tiles or not {cell.truth, cell.predicted} <= ids:
            self._chosen = None
            self._overlays.mark_confusion(None)
            self._view.set_chosen("", ())
        elif cell != before:
            self._chosen = cell
            self._overlays.mark_confusion(Confused(cell.truth, cell.predicted, dict(cell.tiles)))
            self._list_tiles(cell)
