"""Which tiles to label next, and why, in words.

After a run: the tiles on which the network is least sure, of each uncertain class in turn, so that the list does not
show the same confusion twenty times. Before the first run nothing is known, and the list is spread over the project.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training_core.base.i18n import tr
from training_core.project.project import Project
from training_core.project.summaries import TileSummary, newest_summaries

_WORTH_A_LOOK = 0.01
"""Share of unsure pixels below which a tile has nothing to ask."""


@dataclass(frozen=True)
class Suggestion:
    """A tile whose label would help, and the reason, a sentence for the user."""

    tile: str
    reason: str


def suggest(project: Project, limit: int = 20) -> list[Suggestion]:
    """At most `limit` tiles to label next, the most useful first; tiles with a label are never among them."""
    labeled = {*project.labeled_names(), *project.val_names()}
    names = [tile.name for tile in project.tiles if tile.name not in labeled]
    summaries = newest_summaries(project.path)
    known = [summaries[name] for name in names if name in summaries]
    if not known:
        return _spread(names, limit, is_trained=project.latest_run_id() is not None)
    class_names = {c.id: c.name for c in project.classes}
    return _unsure(known, class_names, limit)


def _spread(names: Sequence[str], limit: int, *, is_trained: bool) -> list[Suggestion]:
    step = max(1, len(names) // limit)
    reason = tr("Not trained yet: start with tiles spread over the project.")
    if is_trained:
        reason = tr("No training has predicted this tile: one of those spread over the project.")
    return [Suggestion(name, reason) for name in names[::step][:limit]]


def _unsure(summaries: Sequence[TileSummary], class_names: Mapping[int, str], limit: int) -> list[Suggestion]:
    """The least sure first, the classes that are most in doubt taking turns."""
    queues: dict[int, deque[TileSummary]] = defaultdict(deque)
    for summary in sorted(summaries, key=lambda s: s.unsure_share, reverse=True):
        if summary.unsure_share >= _WORTH_A_LOOK:
            queues[max(summary.unsure, key=lambda c: summary.unsure[c])].append(summary)
    turns = sorted(queues, key=lambda c: queues[c][0].unsure_share, reverse=True)
    chosen: list[Suggestion] = []
    while turns and len(chosen) < limit:
        for class_id in list(turns):
            chosen.append(_because(queues[class_id].popleft(), class_id, class_names))
            if not queues[class_id]:
                turns.remove(class_id)
    return chosen[:limit]


def _because(summary: TileSummary, class_id: int, class_names: Mapping[int, str]) -> Suggestion:
    name = class_names.get(class_id)
    where = tr(", mostly where it predicts {name}").format(name=name) if name is not None else ""
    words = tr("Low confidence on {percent:.0f} % of the tile{where}.")
    return Suggestion(summary.tile, words.format(percent=100 * summary.unsure_share, where=where))
