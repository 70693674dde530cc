"""Where the work stands: the tile bar and the status line, with what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.open_tiles import open_tiles_in_words
from napari_unisemalign.shell.contracts import HeadSurface, StatusSurface, TileBarSurface
from napari_unisemalign.tiles.standing import STATE_WORDS
from napari_unisemalign.widgets.chart import duration
from training_core.base.i18n import tr
from training_core.project import Project

if TYPE_CHECKING:
    from napari_unisemalign.tiles.tiles import TilesController


class GuideController:
    """Listens to everything and commands nothing, but for the two arrows of the tile bar."""

    def __init__(
        self,
        context: Context,
        head: HeadSurface,
        tile_bar: TileBarSurface,
        status: StatusSurface,
        tiles: TilesController,
    ) -> None:
        self._session, self._head, self._tile_bar, self._status = context.session, head, tile_bar, status
        self._open = ""
        """What is left to do, in words."""
        session = self._session
        tile_bar.previous_clicked.connect(tiles.previous)
        tile_bar.next_clicked.connect(tiles.next)
        session.project_changed.connect(self._on_project)
        session.states_changed.connect(self._count)
        session.listed_changed.connect(self._refresh_tile)
        session.tile_changed.connect(self._refresh_tile)
        session.training_changed.connect(self._refresh_words)
        self._count()

    def _on_project(self, project: Project | None) -> None:
        self._head.set_project(project.name if project is not None else "")
        self._count()

    def _count(self, _change: object = None) -> None:
        self._open = open_tiles_in_words(self._session.project)
        self._refresh_tile()
        self._refresh_words()

    def _refresh_tile(self, _name: object = None) -> None:
        session, bar = self._session, self._tile_bar
        if session.project is None or session.tile is None:
            bar.set_tile("")
            return
        names = session.tile_names()
        place = tr("{name} ({number} of {count})").format(
            name=session.tile, number=names.index(session.tile) + 1, count=len(names)
        )
        words = tr("{name}  {number}/{count}")
        short = words.format(name=session.tile, number=names.index(session.tile) + 1, count=len(names))
        bar.set_tile(short, f"{place} – {STATE_WORDS[session.project.state(session.tile)]}")
        bar.set_neighbors(session.neighbor(-1) is not None, session.neighbor(1) is not None)

    def _refresh_words(self, _change: object = None) -> None:
        training = self._session.training
        if training.active:
            self._status.set_status(training.message, self._details(), training.progress)
        else:
            # the counts are those of now: reviewing goes on after a training has ended
            said = f"{training.message} {self._open}".strip() if training.message else self._advice()
            self._status.set_status(said, "", None)

    def _details(self) -> str:
        training = self._session.training
        left = tr("{time} left").format(time=duration(training.eta_s)) if training.eta_s is not None else ""
        done = tr("{percent} % done").format(percent=round(100 * training.progress))
        return ", ".join(filter(None, (training.device, done, left)))

    def _advice(self) -> str:
        """What to do, where nothing goes on."""
        session = self._session
        if session.project is None:
            return tr("Open a project, create one from your images, or try the sample.")
        if session.project.latest_run_id() is None:
            return availability.why_not_train(session) or tr("Enough is painted: press Start training.")
        if self._open:
            return self._open
        return tr("Every tile is reviewed: train another round, or export the masks.")
