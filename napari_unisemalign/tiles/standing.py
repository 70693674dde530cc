"""How far a tile has come, and what else its row in the list says of it."""

from __future__ import annotations

from dataclasses import dataclass

from training_core.base.i18n import tr
from training_core.project import TileState

STATE_WORDS = {
    TileState.UNLABELED: tr("unannotated"),
    TileState.LABELED: tr("annotated"),
    TileState.PREDICTED: tr("predicted"),
    TileState.PARTLY_ACCEPTED: tr("partly accepted"),
    TileState.ACCEPTED: tr("accepted"),
}


@dataclass(frozen=True)
class Standing:
    """How far a tile has come, and whether its label serves for validation."""

    state: TileState = TileState.UNLABELED
    validates: bool = False

    @property
    def words(self) -> str:
        """Such as "annotated, for validation"."""
        words = STATE_WORDS[self.state]
        return tr("{state}, for validation").format(state=words) if self.validates else words

    @property
    def short(self) -> str:
        """What a narrow list has room for; the tooltip has `words`."""
        return tr("validation") if self.validates else STATE_WORDS[self.state]


@dataclass(frozen=True)
class TileDetails:
    """What a row says of a tile besides its state.

    words: such as "confidence 92 %". short: the most telling of them, such as "92 %", for a narrow list. mix: the
    prediction's classes, (colour, share 0..1). suggestion: why an annotation would help here, a sentence; empty where
    it is not among the suggested ones.
    """

    words: tuple[str, ...] = ()
    short: str = ""
    mix: tuple[tuple[str, float], ...] = ()
    suggestion: str = ""


NO_DETAILS = TileDetails()
