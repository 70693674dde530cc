"""Which tiles the list shows and in which order, and what its rows say of each."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QTimer

from napari_unisemalign.app.background import Background
from napari_unisemalign.app.context import Context
from napari_unisemalign.tiles.contracts import GallerySurface
from napari_unisemalign.tiles.standing import TileDetails
from napari_unisemalign.tiles.tile_order import TileFacts, TileFilter, arrange, gather
from training_core.base.i18n import tr
from training_core.project import Project
from training_core.project.suggestions import suggest

GATHER_DELAY_MS = 200


@dataclass(frozen=True)
class _ProjectFacts:
    """What was read of a project in the background."""

    facts: dict[str, TileFacts]
    reasons: dict[str, str]
    """Of the tiles to label next, the most useful first."""


class GalleryController:
    """Gathers what is known of all tiles away from the window's thread, whenever a state changes."""

    def __init__(self, context: Context, view: GallerySurface) -> None:
        self._session, self._view, self._reporter = context.session, view, context.reporter
        self._background = Background(context.owner)
        self._known = _ProjectFacts({}, {})
        self._gathering = False
        self._later = QTimer(context.owner)
        self._later.setSingleShot(True)
        self._later.setInterval(GATHER_DELAY_MS)
        self._later.timeout.connect(self._gather)
        session = self._session
        session.project_changed.connect(self._on_project)
        session.states_changed.connect(self._gather_soon)
        session.classes_changed.connect(self._show_details)
        session.tile_changed.connect(self._arrange)
        self._view.order.changed.connect(self._arrange)

    @property
    def is_up_to_date(self) -> bool:
        """Whether nothing waits to be gathered; for scripts."""
        return not self._later.isActive() and not self._gathering

    def _on_project(self, project: Project | None) -> None:
        self._known = _ProjectFacts({}, {})
        if project is not None:
            self._later.start(0)

    def _gather_soon(self) -> None:
        if not self._later.isActive():
            self._later.start()

    def _gather(self) -> None:
        project = self._session.project
        if project is None:
            return
        self._gathering = True

        def done(known: _ProjectFacts) -> None:
            if self._session.project is project:
                self._known = known
                self._show_details()
                self._arrange()

        self._background.run(lambda: _read(project), done, self._reporter.error, always=self._gathered)

    def _gathered(self) -> None:
        self._gathering = False

    def _show_details(self) -> None:
        colors = {each.id: each.color for each in self._session.classes()}
        reasons = self._known.reasons
        self._view.set_details(
            {name: _details(facts, colors, reasons.get(name, "")) for name, facts in self._known.facts.items()}
        )

    def _arrange(self, _change: object = None) -> None:
        order, facts, session = self._view.order, self._known.facts, self._session
        if not facts:
            return
        names = arrange(facts.values(), order.sorting, order.shown, order.search, self._known.reasons)
        hint = "" if names else _why_none(order.shown, order.search)
        tile = session.tile
        if tile is not None and tile not in names and tile in session.listed:
            # labelled a moment ago and filtered out: it leaves the list when another tile is shown
            place = min(session.listed.index(tile), len(names))
            names = (*names[:place], tile, *names[place:])
        order.set_hint(hint)
        session.set_listed(names)


def _read(project: Project) -> _ProjectFacts:
    return _ProjectFacts(gather(project), {each.tile: each.reason for each in suggest(project)})


def _details(facts: TileFacts, colors: dict[int, str], reason: str) -> TileDetails:
    words = []
    if facts.is_rejected:
        words.append(tr("rejected"))
    if facts.confidence is not None:
        words.append(tr("confidence {percent} %").format(percent=round(100 * facts.confidence)))
    if facts.changed is not None:
        words.append(tr("{percent} % changed").format(percent=round(100 * facts.changed)))
    mix = tuple((colors[class_id], share) for class_id, share in facts.classes.items() if class_id in colors)
    percent = tr("{percent} %").format(percent=round(100 * facts.confidence)) if facts.confidence is not None else ""
    return TileDetails(tuple(words), tr("rejected") if facts.is_rejected else percent, mix, reason)


def _why_none(shown: TileFilter, search: str) -> str:
    if search.strip():
        return tr("No tile here has this name. Clear the search, or show all tiles.")
    if shown is TileFilter.SUGGESTED:
        return tr("There is nothing to suggest: every tile is annotated, or predicted with high confidence.")
    return tr("No tile is in this state. Choose “All tiles” to see the others.")
