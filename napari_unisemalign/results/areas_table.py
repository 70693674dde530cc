"""Measures the areas when it is asked to, in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.results.areas import TileAreas, as_csv, read_areas
from napari_unisemalign.results.contracts import AreasSurface
from napari_unisemalign.tiles.tiles import TilesController
from training_core.base.attempts import Attempts
from training_core.base.i18n import ntr, tr
from training_core.export.objects import MeasuredObject, export_objects
from training_core.io import atomic_write
from training_core.project import Project


class AreasController:
    """Between the table and the project's masks."""

    def __init__(self, context: Context, view: AreasSurface, labels: LabelsController, tiles: TilesController) -> None:
        self._context, self._session, self.reporter = context, context.session, context.reporter
        self._view, self._labels = view, labels
        self._areas: tuple[TileAreas, ...] = ()
        self._busy = False
        view.wanted.connect(self.measure)
        view.save_clicked.connect(self.save)
        view.objects_clicked.connect(self.export_objects)
        view.tile_chosen.connect(tiles.show)
        self._session.project_changed.connect(self._on_project)
        self._session.states_changed.connect(self._on_change)
        self._on_project(None)

    @guarded
    def measure(self) -> None:
        """Measure every tile."""
        project = self._session.project
        if project is None or self._busy or not self._labels.flush():
            return
        self._busy = True
        self._view.set_available(tr("The tiles are being measured."))

        def done(answer: tuple[tuple[TileAreas, ...], tuple[str, ...]]) -> None:
            self._busy = False
            if self._session.project is project:
                self._areas, failed = answer
                self._view.set_areas(self._areas, project.classes, self._words(project, failed))

        self._context.background.run(
            lambda: read_areas(project, lambda: self._session.project is project),
            done,
            self.reporter.error,
            always=self._refresh,
        )

    @guarded
    def save(self) -> None:
        """Write the table."""
        project = self._session.project
        if project is None or not self._areas:
            return
        path = self._context.dialogs.table_file(str(project.path / "areas.csv"))
        if path is not None:
            atomic_write(path, as_csv(self._areas, project.classes).encode())
            self.reporter.info(tr("Saved the areas to {path}.").format(path=path))

    @guarded
    def export_objects(self) -> None:
        """Number and measure the objects of all tiles, into a folder."""
        project = self._session.project
        if project is None or self._busy or not self._labels.flush():
            return
        folder = self._context.dialogs.export_folder(str(project.path.parent))
        if folder is None:
            return
        self._busy, attempts = True, Attempts()
        self._view.set_available(tr("The objects are being measured."))
        self._context.background.run(
            lambda: export_objects(project, folder, attempts=attempts),
            lambda found: self.reporter.info(_objects_words(project, folder, found, attempts)),
            self.reporter.error,
            always=self._refresh,
        )

    def _words(self, project: Project, failed: tuple[str, ...]) -> str:
        """What the numbers leave out."""
        said = _left_out(len(project.tiles) - len(self._areas) - len(failed), failed)
        unsized = sum(each.mpp_um is None for each in self._areas)
        if unsized:
            words = ntr(
                "{count} tile has no pixel size (MPP), so it has no area in µm².",
                "{count} tiles have no pixel size (MPP), so they have no area in µm².",
                unsized,
            )
            said.append(words.format(count=unsized))
        return " ".join(said)

    def _on_project(self, _project: object) -> None:
        self._areas = ()
        self._view.set_areas((), (), "")
        self._refresh()

    def _on_change(self) -> None:
        if self._areas:
            self._view.set_outdated()

    def _refresh(self) -> None:
        self._busy = False
        self._view.set_available("" if self._session.project is not None else availability.NO_PROJECT)


def _objects_words(project: Project, folder: Path, found: list[MeasuredObject], attempts: Attempts) -> str:
    """What was written, and what of it is missing or cut."""
    words = ntr("Measured {count} object, see {folder}.", "Measured {count} objects, see {folder}.", len(found))
    said = [words.format(count=f"{len(found):,}", folder=folder)]
    failed = [each.name for each in attempts.failed]
    said += _left_out(len(project.tiles) - len(attempts.done) - len(failed), failed)
    cut = sum(each.at_edge for each in found)
    if cut:
        words = ntr(
            "{count} object touches the edge of its tile and may be cut.",
            "{count} objects touch the edges of their tiles and may be cut.",
            cut,
        )
        said.append(words.format(count=f"{cut:,}"))
    return " ".join(said)


def _left_out(empty: int, failed: Sequence[str]) -> list[str]:
    """Tiles of which there is nothing to measure, and those that could not be read."""
    said = []
    if empty:
        words = ntr(
            "{count} tile is left out: neither annotated nor predicted.",
            "{count} tiles are left out: neither annotated nor predicted.",
            empty,
        )
        said.append(words.format(count=empty))
    if failed:
        said.append(tr("Could not be read: {tiles}.").format(tiles=", ".join(failed)))
    return said
