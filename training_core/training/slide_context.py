"""What a run says of slides that it cannot read: their tiles are trained on without what lies around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from training_core.base.errors import UserError
from training_core.base.i18n import ntr
from training_core.data.tile_pool import on_slides
from training_core.project import Project
from training_core.runs.run_folder import Split
from training_core.settings.schema import Config


def missing_slides(project: Project, split: Split, config: Config) -> Iterable[str]:
    """What to say before a run whose tiles have slides that are not where they were."""
    trained = {*split.labeled, *split.unlabeled}
    lost = [name for name, there in on_slides(project).items() if name in trained and not there]
    if lost and config.data.context_px:
        path = (source := project.source_file(lost[0])) and source.path
        words = ntr(
            "The slide of {count} tile is not where it was ({path}): its crops end at the edges of the tile.",
            "The slides of {count} tiles are not where they were, the first is {path}: their crops end at the edges of "
            "the tiles.",
            len(lost),
        )
        yield words.format(count=len(lost), path=path)


def lost_slides(lost: Mapping[str, UserError]) -> str:
    """What to say of tiles whose slide cannot be read any more, by name with the reason; nothing of none."""
    if not lost:
        return ""
    words = ntr(
        "The slide around {count} tile cannot be read, and its crops end at the edges of the tile: {first}: {error}",
        "The slides around {count} tiles cannot be read, and their crops end at the edges of the tiles. {first}: "
        "{error}",
        len(lost),
    )
    first, error = next(iter(lost.items()))
    return words.format(count=len(lost), first=first, error=error)
