"""How long a training takes in all, said before it starts: the minutes that were chosen, and the predictions after."""

from __future__ import annotations

from dataclasses import dataclass

from training_core.base.i18n import ntr, tr
from training_core.project import Project

SECONDS_PER_MPX = 1.3
"""From the last step to the last prediction, for a million pixels of tiles: on two cores, before this machine has been
timed (docs/performance.md: 45 s for the 34 million pixels of 85 tiles)."""
_IN_SECONDS_BELOW_S = 100


@dataclass(frozen=True)
class WholeTime:
    """An estimate. is_measured: it goes by a training on this machine."""

    seconds: float
    tiles: int
    is_measured: bool

    @property
    def words(self) -> str:
        """One line."""
        words = ntr(
            "{time}, with predicting {count} tile",
            "{time}, with predicting {count} tiles",
            self.tiles,
        )
        time = tr("About {time}") if self.is_measured else tr("Roughly {time}")
        return words.format(time=time.format(time=_rounded(self.seconds)), count=f"{self.tiles:,}")


def whole_time(
    project: Project, minutes: float, seconds_per_tile: float | None, seconds_per_mpx: float | None
) -> WholeTime:
    """What a training of these minutes takes.

    Parameters
    ----------
    seconds_per_tile
        As in the project's last training; None: not known.
    seconds_per_mpx
        As in the last training on this machine, of any project; None: not known.
    """
    count = len(project.tiles)
    if seconds_per_tile is not None:
        after_s = count * seconds_per_tile
    else:
        after_s = megapixels(project) * (SECONDS_PER_MPX if seconds_per_mpx is None else seconds_per_mpx)
    is_measured = seconds_per_tile is not None or seconds_per_mpx is not None
    return WholeTime(60 * minutes + after_s, count, is_measured)


def megapixels(project: Project) -> float:
    """Of all tiles."""
    return sum(tile.width_px * tile.height_px for tile in project.tiles) / 1e6


def _rounded(seconds: float) -> str:
    """As exact as an estimate can be."""
    if seconds < _IN_SECONDS_BELOW_S:
        return tr("{s} s").format(s=10 * max(1, round(seconds / 10)))
    minutes = round(seconds / 60)
    if minutes < 60:
        return tr("{min} min").format(min=minutes)
    return tr("{h} h {min} min").format(h=minutes // 60, min=f"{minutes % 60:02d}")
