"""Where the user said that a prediction is wrong: rejected/NAME.png, which the pseudo-labels of later rounds leave out.

What is rejected stays so, over any number of rounds, until it is cleared or labelled: a label is a better answer
than "not this". The index counts the pixels, so that nobody has to open an image to know.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import BoolMask
from training_core.base.errors import MaskError
from training_core.base.safe_paths import within
from training_core.io import encode_png, read_mask
from training_core.project.index import Index, RejectedArea
from training_core.project.labels import size_error
from training_core.project.records import Tile
from training_core.project.store import Transaction

REJECTED_FOLDER = "rejected"
BEFORE, NOW = 128, 255
"""Values of rejected/NAME.png: a prediction of an earlier run was rejected here, or that of the run in the index."""


@dataclass(frozen=True)
class Rejection:
    """All that is rejected of a tile, to be put back by an undo.

    Attributes
    ----------
    values
        (H, W) uint8, 0 where nothing is rejected, else `BEFORE` or `NOW`.
    run_id
        The run of `NOW`.
    hidden
        The runs whose prediction of the tile is rejected as a whole and no longer shown.
    """

    values: NDArray[np.uint8]
    run_id: str | None = None
    hidden: tuple[str, ...] = ()

    @property
    def where(self) -> BoolMask:
        """(H, W): what is rejected, whenever that was."""
        return np.asarray(self.values != 0)

    def of_run(self, run_id: str) -> BoolMask:
        """(H, W): where the prediction of this run is rejected."""
        if run_id in self.hidden:
            return np.ones(self.values.shape, dtype=bool)
        return np.asarray((self.values == NOW) & (self.run_id == run_id))

    def with_area(self, where: BoolMask, run_id: str) -> Rejection:
        """The same, and this run's prediction rejected in `where`, (H, W)."""
        values = self.values if run_id == self.run_id else np.minimum(self.values, BEFORE)
        return dataclasses.replace(self, values=np.where(where, NOW, values).astype(np.uint8), run_id=run_id)

    def with_tile(self, run_id: str) -> Rejection:
        """The same, and this run's prediction rejected as a whole."""
        whole = self.with_area(np.ones(self.values.shape, dtype=bool), run_id)
        return dataclasses.replace(whole, hidden=tuple(dict.fromkeys((*self.hidden, run_id))))

    def without(self, where: BoolMask) -> Rejection:
        """The same, and nothing rejected in `where`, (H, W)."""
        return dataclasses.replace(self, values=np.where(where, 0, self.values).astype(np.uint8))

    def merged(self, base: Rejection, theirs: Rejection) -> Rejection:
        """This one, which began as `base`, and what somebody else made of `base` meanwhile.

        What the other one has rejected since is not cleared by a writer who does not know of it.
        """
        if base.values.shape != self.values.shape or theirs.values.shape != self.values.shape:
            return self
        changed = self._changed_since(base) & ~(~self.where & theirs._changed_since(base))
        others = theirs.values
        if self.run_id is not None and theirs.run_id != self.run_id:
            others = np.minimum(others, BEFORE)  # the index names one run only, the last one
        added = [run_id for run_id in self.hidden if run_id not in base.hidden]
        cleared = {run_id for run_id in base.hidden if run_id not in self.hidden}
        return Rejection(
            np.where(changed, self.values, others).astype(np.uint8),
            self.run_id or theirs.run_id,
            tuple(dict.fromkeys([*(run_id for run_id in theirs.hidden if run_id not in cleared), *added])),
        )

    def _changed_since(self, base: Rejection) -> BoolMask:
        """(H, W): what was rejected or cleared, also where it was rejected before, of another run."""
        known = (base.values == NOW) & (base.run_id == self.run_id)
        return np.asarray((self.where != base.where) | ((self.values == NOW) & ~known))

    def taken_back(self) -> Rejection:
        """Nothing rejected."""
        return Rejection(np.zeros_like(self.values))


def rejection_path(project: Path, name: str) -> Path:
    """Where the rejected pixels of a tile lie."""
    return within(project, REJECTED_FOLDER, f"{name}.png")


def read_rejection(project: Path, index: Index, tile: Tile) -> Rejection:
    """What is rejected of a tile.

    Raises
    ------
    MaskError
        The file is damaged or has another size than the tile.
    """
    hidden = tuple(run_id for run_id, names in index.rejected.items() if tile.name in names)
    area = index.rejected_areas.get(tile.name)
    size, path = (tile.height_px, tile.width_px), rejection_path(project, tile.name)
    if area is None or not path.exists():
        return Rejection(np.zeros(size, dtype=np.uint8), hidden=hidden)
    values = read_mask(path)
    if values.shape != size:
        raise size_error(f"{REJECTED_FOLDER}/{path.name}", values, tile)
    return Rejection(values, area.run_id, hidden)


def index_again(project: Path, index: Index) -> dict[str, RejectedArea]:
    """What the index should say of the tiles that have a file: after a crash between two renames.

    Of a file that cannot be read it says what it said.
    """
    areas = {}
    for tile in index.tiles:
        path, known = rejection_path(project, tile.name), index.rejected_areas.get(tile.name)
        try:
            pixels = int(np.count_nonzero(read_mask(path))) if path.exists() else 0
        except MaskError:
            pixels = 0 if known is None else known.pixels
        if pixels:
            areas[tile.name] = RejectedArea(pixels, None if known is None else known.run_id)
    return areas


def stage_rejection(change: Transaction, project: Path, tile: Tile, rejection: Rejection) -> None:
    """Add the tile's file and its line in the index to what is about to be written.

    Raises
    ------
    MaskError
        Another size than the tile.
    """
    if rejection.values.shape != (tile.height_px, tile.width_px):
        raise size_error(f"the rejected area of {tile.name}", rejection.values, tile)
    name, pixels = tile.name, int(np.count_nonzero(rejection.values))
    areas = {each: area for each, area in change.index.rejected_areas.items() if each != name}
    if pixels:
        areas[name] = RejectedArea(pixels, rejection.run_id)
    if pixels or rejection_path(project, name).exists():
        change.files.add(rejection_path(project, name), encode_png(rejection.values))
    hidden = {}
    for run_id in dict.fromkeys((*change.index.rejected, *rejection.hidden)):
        names = tuple(each for each in change.index.rejected.get(run_id, ()) if each != name)
        names = (*names, name) if run_id in rejection.hidden else names
        if names:
            hidden[run_id] = names
    change.index = dataclasses.replace(change.index, rejected=hidden, rejected_areas=areas)
