"""Which tiles the list shows, and in which order. Pure: facts in, names out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from training_core.project import Project, TileState
from training_core.project.runs import natural_key, predicting_runs
from training_core.project.summaries import newest_summaries


class Sort(StrEnum):
    """What the tiles are ordered by."""

    PROJECT = "project"
    NAME = "name"
    STATE = "state"
    CONFIDENCE = "confidence"
    CHANGE = "change"
    SUGGESTED = "suggested"


class TileFilter(StrEnum):
    """Which tiles are shown."""

    ALL = "all"
    TO_REVIEW = "to_review"
    NOT_LABELED = "not_labelled"
    LABELED = "labelled"
    PARTLY = "partly"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    VALIDATION = "validation"
    UNPREDICTED = "unpredicted"
    SUGGESTED = "suggested"


@dataclass(frozen=True)
class TileFacts:
    """What is known of a tile without opening a picture.

    is_full: every pixel is labelled. waits: for review. confidence and changed: of the newest prediction, 0..1, None
    where there is none; changed is the share of pixels whose class is another than the one before said. classes: the
    prediction's shares by class id, 0..1.
    """

    name: str
    state: TileState = TileState.UNLABELED
    is_full: bool = False
    is_rejected: bool = False
    is_validation: bool = False
    waits: bool = False
    is_predicted: bool = False
    confidence: float | None = None
    changed: float | None = None
    classes: Mapping[int, float] = field(default_factory=dict)

    @property
    def is_labeled(self) -> bool:
        """Whether at least one pixel is labelled, by hand or by accepting."""
        return self.state.is_labeled


# The work that waits comes first.
_STATE_ORDER = (
    TileState.PREDICTED,
    TileState.PARTLY_ACCEPTED,
    TileState.UNLABELED,
    TileState.LABELED,
    TileState.ACCEPTED,
)


def gather(project: Project) -> dict[str, TileFacts]:
    """The facts of all tiles, in the project's order; a small file of each run is read, no picture."""
    runs, summaries = predicting_runs(project.path), newest_summaries(project.path)
    waiting, facts, validation = set(project.to_review()), {}, set(project.val_names())
    for name, state in project.states().items():
        summary, run_id = summaries.get(name), runs.get(name)
        facts[name] = TileFacts(
            name,
            state,
            is_full=state.is_labeled and project.is_fully_labeled(name),
            is_rejected=run_id is not None and state is TileState.UNLABELED and project.is_rejected(name, run_id),
            is_validation=name in validation,
            waits=name in waiting,
            is_predicted=run_id is not None,
            confidence=summary.confidence if summary else None,
            changed=summary.changed if summary else None,
            classes=summary.classes if summary else {},
        )
    return facts


def arrange(
    tiles: Iterable[TileFacts],
    sort: Sort = Sort.PROJECT,
    show: TileFilter = TileFilter.ALL,
    search: str = "",
    suggested: Iterable[str] = (),
) -> tuple[str, ...]:
    """The names to show, in order.

    search: every word of it must be in the name, in any case. suggested: names, the most useful first. Least sure and
    most changed come first; tiles of which that is not known come last. Ties keep the project's order.
    """
    ranks = {name: rank for rank, name in enumerate(suggested)}
    words = search.casefold().split()
    chosen = [
        tile
        for tile in tiles
        if _belongs(tile, show, ranks) and all(word in tile.name.casefold() for word in words)
    ]  # fmt: skip
    key = _key(sort, ranks)
    return tuple(tile.name for tile in (sorted(chosen, key=key) if key else chosen))


def _belongs(tile: TileFacts, show: TileFilter, ranks: Mapping[str, int]) -> bool:
    match show:
        case TileFilter.ALL:
            return True
        case TileFilter.VALIDATION:
            return tile.is_validation
        case TileFilter.NOT_LABELED:
            return not tile.is_labeled
        case TileFilter.LABELED:
            return tile.is_labeled
        case TileFilter.PARTLY:
            return tile.is_labeled and not tile.is_full
        case TileFilter.ACCEPTED:
            return tile.state.is_accepted
        case TileFilter.REJECTED:
            return tile.is_rejected
        case TileFilter.TO_REVIEW:
            return tile.waits
        case TileFilter.UNPREDICTED:
            return not tile.is_predicted
        case TileFilter.SUGGESTED:
            return tile.name in ranks


def _key(sort: Sort, ranks: Mapping[str, int]) -> Callable[[TileFacts], tuple[object, ...]] | None:
    match sort:
        case Sort.PROJECT:
            return None
        case Sort.NAME:
            return lambda tile: natural_key(tile.name)
        case Sort.STATE:
            return lambda tile: (_STATE_ORDER.index(tile.state),)
        case Sort.CONFIDENCE:
            return lambda tile: (tile.confidence is None, tile.confidence or 0.0)
        case Sort.CHANGE:
            return lambda tile: (tile.changed is None, -(tile.changed or 0.0))
        case Sort.SUGGESTED:
            return lambda tile: (ranks.get(tile.name, len(ranks)),)
