"""Where the work stands: the headers' words, the step to go on with, the tile bar and the status line."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.shell.panel import Panel
from napari_unisemalign.widgets.chart import duration
from training_core.base.i18n import ntr, tr
from training_core.project import TileState

if TYPE_CHECKING:
    from napari_unisemalign.tiles.tiles import TilesController

PROJECT, PAINT, TRAIN, REVIEW, EXPORT = range(5)


class GuideController:
    """Listens to everything and commands nothing, but for the two arrows of the tile bar."""

    def __init__(self, context: Context, panel: Panel, tiles: TilesController) -> None:
        self._session, self._panel = context.session, panel
        self._counts: Counter[TileState] = Counter()
        bar, session = self._panel.tile_bar, self._session
        bar.previous_clicked.connect(tiles.previous)
        bar.next_clicked.connect(tiles.next)
        for signal in (session.project_changed, session.states_changed):
            signal.connect(self._count)
        session.listed_changed.connect(self._refresh_tile)
        session.tile_changed.connect(self._refresh_tile)
        session.training_changed.connect(self._refresh_words)
        self._count()

    def _count(self, _change: object = None) -> None:
        project = self._session.project
        self._counts = Counter(project.states().values()) if project else Counter()
        self._refresh_tile()
        self._refresh_words()

    def _refresh_tile(self, _name: object = None) -> None:
        session, bar = self._session, self._panel.tile_bar
        if session.project is None or session.tile is None:
            bar.set_tile("")
            return
        names = session.tile_names()
        place = tr("{name} ({number} of {count})").format(
            name=session.tile, number=names.index(session.tile) + 1, count=len(names)
        )
        bar.set_tile(f"{place} – {session.project.state(session.tile)}")
        bar.set_neighbors(session.neighbor(-1) is not None, session.neighbor(1) is not None)

    def _refresh_words(self, _change: object = None) -> None:
        going_on = self._step_to_go_on_with()
        for number, (step, words) in enumerate(zip(self._panel.sections, self._summaries(), strict=True)):
            step.set_summary(words)
            step.set_next(number == going_on)
        training = self._session.training
        if training.active:
            self._panel.status.set_status(training.message, self._details(), training.progress)
        else:
            self._panel.status.set_status(training.message or self._advice(), "", None)

    def _details(self) -> str:
        training = self._session.training
        left = tr("{time} left").format(time=duration(training.eta_s)) if training.eta_s is not None else ""
        done = tr("{percent} % done").format(percent=round(100 * training.progress))
        return ", ".join(filter(None, (training.device, done, left)))

    def _done(self) -> int:
        return self._counts[TileState.LABELED] + self._counts[TileState.ACCEPTED]

    def _summaries(self) -> tuple[str, ...]:
        if self._session.project is None:
            return ("",) * len(self._panel.sections)
        count, training, waiting = self._counts.total(), self._session.training, self._counts[TileState.PREDICTED]
        return (
            ntr("{count} tile", "{count} tiles", count).format(count=count),
            tr("{count} labelled").format(count=self._done()) if self._done() else "",
            tr("{percent} %").format(percent=round(100 * training.progress)) if training.active else "",
            tr("{count} to review").format(count=waiting) if waiting else "",
            "",
        )

    def _step_to_go_on_with(self) -> int:
        """What a newcomer should open next."""
        session = self._session
        if session.project is None:
            return PROJECT
        if session.training.active:
            return TRAIN
        if session.project.latest_run_id() is not None:
            return REVIEW if self._counts[TileState.PREDICTED] else EXPORT
        return PAINT if availability.why_not_train(session) else TRAIN

    def _advice(self) -> str:
        """What to do, where nothing goes on."""
        session = self._session
        if session.project is None:
            return tr("Open a project, make one from your images, or try the sample.")
        step = self._step_to_go_on_with()
        if step == PAINT:
            return availability.why_not_train(session)
        if step == TRAIN:
            return tr("Enough is painted: press Start training in step 3.")
        if step == REVIEW:
            waiting = self._counts[TileState.PREDICTED]
            words = ntr("{count} tile waits for review.", "{count} tiles wait for review.", waiting)
            return words.format(count=waiting)
        return tr("Every tile is reviewed: train another round, or export the masks.")
